"""What comes in a wheel: unpacked as it is, or refused in a line with nothing outside its folder."""

import stat
import zipfile
from pathlib import Path

import pytest
from made_plugins import DISTRIBUTION, VERSION, wheel

from loopbench.errors import LoopbenchError
from loopbench.leaderboard.wheels import unpack_wheel


def unpack(path: Path, folder: Path) -> None:
    unpack_wheel(path.read_bytes(), folder, DISTRIBUTION, VERSION)


def test_a_wheel_is_unpacked_and_not_run(tmp_path: Path) -> None:
    unpack(wheel(tmp_path / "a.whl", "raise SystemExit", {"running_sums_more/data.txt": b"some"}), tmp_path / "there")
    assert (tmp_path / "there/running_sums.py").read_text() == "raise SystemExit"
    assert (tmp_path / "there/running_sums_more/data.txt").read_bytes() == b"some"


@pytest.mark.parametrize(
    "name", ["../out.py", "/out.py", "a/../../out.py", "back\\slash.py", "con\ttrol.py", "sp ace.py"]
)
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "deep" / "there"
    with pytest.raises(LoopbenchError, match="which no wheel may have"):
        unpack(wheel(tmp_path / "a.whl", "", {name: b""}), folder)
    assert [path.name for path in tmp_path.iterdir()] == ["a.whl"]


def test_links(tmp_path: Path) -> None:
    path = wheel(tmp_path / "a.whl", "")
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(LoopbenchError, match="which no wheel may have"):
        unpack(path, tmp_path / "there")


def test_bombs(tmp_path: Path) -> None:
    with pytest.raises(LoopbenchError, match=r"has 100,00\d,\d+ bytes in 7 files"):
        unpack(wheel(tmp_path / "a.whl", "", {"zeros": bytes(100_000_000)}), tmp_path / "there")
    with pytest.raises(LoopbenchError, match="at most 67,108,864 in 2,000 are expected"):
        unpack(wheel(tmp_path / "b.whl", "", {f"f{i}": b"" for i in range(2000)}), tmp_path / "there")


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\3\4" + bytes(100)])
def test_what_is_no_wheel(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(LoopbenchError, match="the wheel cannot be unpacked"):
        unpack_wheel(data, tmp_path, DISTRIBUTION, VERSION)


def test_a_wheel_that_is_damaged(tmp_path: Path) -> None:
    data = bytearray(wheel(tmp_path / "a.whl", "x = 1\n" * 1000).read_bytes())
    data[60] ^= 255
    with pytest.raises(LoopbenchError, match="the wheel cannot be unpacked"):
        unpack_wheel(bytes(data), tmp_path / "there", DISTRIBUTION, VERSION)


@pytest.mark.parametrize(("distribution", "version"), [("other", VERSION), (DISTRIBUTION, "2.0")])
def test_a_wheel_of_something_else(tmp_path: Path, distribution: str, version: str) -> None:
    data = wheel(tmp_path / "a.whl", "").read_bytes()
    with pytest.raises(
        LoopbenchError, match=f"the wheel is not one of {distribution} {version}: it has running_sums-1.0"
    ):
        unpack_wheel(data, tmp_path / "there", distribution, version)
