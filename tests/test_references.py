import os
import subprocess
import sys
from pathlib import Path

import pytest

from loopbench.errors import LoopbenchError
from loopbench.references import HubReference, locate, parse_reference

COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.mark.parametrize(
    ("ref", "meaning"),
    [
        ("looped-prefix-sums", "looped-prefix-sums"),
        ("v2.1_x", "v2.1_x"),
        ("./runs/x", Path("runs/x")),
        ("runs/x", Path("runs/x")),
        ("/abs/x y", Path("/abs/x y")),
        ("..", Path("..")),
        ("~/x", Path("~/x")),
        ("./a:b@c", Path("a:b@c")),
        ("runs/hub:x", Path("runs/hub:x")),
        ("hub:org/name", HubReference("org/name")),
        ("hub:Org-1/na.me_2@main", HubReference("Org-1/na.me_2", "main")),
        ("hub:org/name@refs/pr/1", HubReference("org/name", "refs/pr/1")),
        (f"hub:org/name@{COMMIT}", HubReference("org/name", COMMIT)),
    ],
)
def test_what_a_reference_means(ref: str, meaning: object) -> None:
    assert parse_reference(ref) == meaning


@pytest.mark.parametrize(
    "ref",
    [
        *("", " ", "a b", "name@v1", "näme", "x\\y", "a\nb", "./a\nb", "\x1b[31m", "./\x00"),
        *("hub:", "hub:name", "hub:org/name@", "hub:org/name/x", "hub: org/name", "hub:org/name@a b"),
        *("hub:org/name@a@b", "hub:org/name@-x", "hub:../name", "hub:org/na--me", "hub:-org/name", "hub:org/name.git"),
        *("hf-hub:org/name", "Hub:org/name", "https://huggingface.co/org/name", "file:///x", "C:/x"),
    ],
)
def test_what_is_not_a_reference(ref: str) -> None:
    with pytest.raises(LoopbenchError, match="is not a model reference") as caught:
        parse_reference(ref)
    assert str(caught.value).isprintable()


def test_the_valid_spellings_are_named() -> None:
    with pytest.raises(LoopbenchError, match=r"looped-prefix-sums.*\./runs/x.*hub:org/name\[@revision\]"):
        parse_reference("hf-hub:org/name")


@pytest.mark.parametrize("ref", ["org/name", "./nowhere", "~a-user-who-is-not-here/x"])
def test_a_folder_that_is_not_there(ref: str) -> None:
    with pytest.raises(LoopbenchError, match=r"there is no folder .*hub:org/name"):
        locate(ref)


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(LoopbenchError, match="there is no folder"):
        locate(str(tmp_path / "x"))


@pytest.mark.parametrize("ref", ["hub:org/name", f"hub:org/name@{COMMIT}"])
def test_offline_is_one_clear_line(ref: str, tmp_path: Path) -> None:
    code = f"""
from loopbench.errors import LoopbenchError
from loopbench.references import locate
try:
    locate({ref!r})
except LoopbenchError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},  # read when the client is imported
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == f"{ref}: HF_HUB_OFFLINE is set, and config.json is not in the local cache\n"
