import base64
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from made_entries import made_records, write_entry

from loopbench.contracts import Provider
from loopbench.files import sha256, write_bytes
from loopbench.leaderboard.check import check

NAME = "looped_mine-1.0-py3-none-any.whl"
FILES = {
    "looped_mine/__init__.py": b"raise SystemExit('this must never run')\n",
    "looped_mine-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: looped-mine\nVersion: 1.0\n",
    "looped_mine-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "looped_mine-1.0.dist-info/entry_points.txt": b"[loopbench]\nmine = looped_mine\n",
}
RECORD = "looped_mine-1.0.dist-info/RECORD"


def record(files: dict[str, bytes]) -> bytes:
    digests = {name: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode() for name, data in files.items()}
    lines = [f"{name},sha256={digests[name].rstrip('=')},{len(data)}" for name, data in files.items()]
    return "\n".join([*lines, f"{RECORD},,"]).encode()


def wheel(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def good() -> dict[str, bytes]:
    return {**FILES, RECORD: record(FILES)}


def findings(folder: Path, data: bytes, digest: str | None = None) -> str:
    records = made_records("mine", model={"provider": Provider(distribution="looped-mine", version="1.0")})
    plugin = {"distribution": "looped-mine", "version": "1.0", "wheel": NAME, "sha256": digest or sha256(data)}
    entry = write_entry(folder / "mine", records, plugin=plugin)
    write_bytes(entry / NAME, data)
    return "\n".join(check([entry]).findings)


def test_a_good_wheel_is_read_and_not_run(tmp_path: Path) -> None:
    assert findings(tmp_path, wheel(good())) == ""


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (good() | {"looped_mine/__init__.py": b"import os\n"}, "looped_mine/__init__.py: not as its RECORD says"),
        (good() | {"looped_mine/more.py": b""}, "looped_mine/more.py: not as its RECORD says"),
        (good() | {RECORD: b"\x00,,,,\n,"}, "cannot be read"),
        ({name: data for name, data in good().items() if "entry_points" not in name}, "it is no plugin"),
        (good() | {"../evil.py": b""}, "'../evil.py', which no wheel may have"),
        (good() | {"/etc/evil": b""}, "'/etc/evil', which no wheel may have"),
        (good() | {"big": bytes(80 * 2**20)}, "at most 67,108,864"),
        (good() | {f"{i}": b"" for i in range(2500)}, "2,000 are expected"),
        ({**FILES, "other-1.0.dist-info/METADATA": b""}, "is not one of looped-mine 1.0"),
    ],
)
def test_a_bad_wheel_is_refused(tmp_path: Path, files: dict[str, bytes], reason: str) -> None:
    assert reason in findings(tmp_path, wheel(files))


def test_what_is_no_wheel_or_another_one(tmp_path: Path) -> None:
    assert "cannot be unpacked" in findings(tmp_path, b"PK\x03\x04 nonsense")
    assert f"has sha256 {sha256(wheel(good()))}, not {'0' * 64}" in findings(tmp_path, wheel(good()), "0" * 64)


def test_the_wheel_is_that_of_the_records(tmp_path: Path) -> None:
    plugin = {"distribution": "looped-mine", "version": "1.0", "wheel": NAME, "sha256": sha256(wheel(good()))}
    entry = write_entry(tmp_path / "mine", made_records("mine"), plugin=plugin)
    write_bytes(entry / NAME, wheel(good()))
    lines = check([entry]).findings
    assert any("the records are of loopbench-zoo" in line for line in lines)
