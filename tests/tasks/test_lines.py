import gzip
import sys
from pathlib import Path

import pytest

from loopbench.errors import LoopbenchError
from loopbench.tasks.lines import read_columns, read_lines

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = "name,value\n" + "".join(f'"row, {i}",{i}\n' for i in range(2000))
PACK = {"rows.csv": bytes, "rows.csv.gz": gzip.compress, "rows.csv.zst": zstd.compress}


@pytest.mark.parametrize("name", PACK)
def test_plain_and_compressed_files_have_the_same_lines(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(PACK[name](TEXT.encode()))
    assert list(read_lines(path)) == list(enumerate(TEXT.splitlines(), start=1))
    assert list(read_columns(path, ["value", "name"]))[7] == (9, ["7", "row, 7"])


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.csv.zst"])
def test_a_compressed_file_that_is_cut_short_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    packed = PACK[name](TEXT.encode())
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(LoopbenchError, match=rf"{name}, line \d+: the compressed file is cut short"):
        list(read_lines(path))


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.csv.zst"])
def test_a_file_that_is_not_what_its_suffix_says(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"plain text\n" * 100)
    with pytest.raises(LoopbenchError, match=rf"{name}, line 1: not a \.\w+ file"):
        list(read_lines(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,worth\na,1\n", "no column value, or several of that name: its header is 'name', 'worth'"),
        (b"", "no column name, value, or several of that name: its header is empty"),
        (b"name,value,name\na,1,b\n", "no column name, or several of that name"),
        (b"name,value\na,1\nb\n", r"line 3: 1 values, and the header has 2"),
        (b"name,value\na,\xff\n", r"line 2: not UTF-8 text"),
        (b"name,value\n" + b"a" * 20_000, r"line 2: over 10,000 bytes"),
    ],
)
def test_bad_content_names_file_and_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(LoopbenchError, match=rf"rows\.csv.*{message}"):
        list(read_columns(path, ["name", "value"]))


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbfname,value\r\na,\xef\xbb\xbf1\r\n")
    assert list(read_columns(path, ["name", "value"])) == [(2, ["a", "\ufeff1"])], "only in front is it a mark"


def test_a_folder_or_nothing_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(LoopbenchError, match="not a regular file"):
        list(read_lines(tmp_path))
    with pytest.raises(LoopbenchError, match="does not exist"):
        list(read_lines(tmp_path / "none.txt"))
