"""Text files of examples: plain, .gz or .zst, read a line at a time."""

import csv
import gzip
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn, TypeVar, cast

from loopbench.errors import LoopbenchError
from loopbench.validation import printable, some

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_LINE = 10_000

RowT = TypeVar("RowT")
ParsedT = TypeVar("ParsedT")
Bad = Callable[[LoopbenchError], object]
"""Is told what is wrong with a row, which is then left out; or raises, as `refuse` does."""


def refuse(error: LoopbenchError) -> NoReturn:
    """One bad row is too many."""
    raise error


class Skipped:
    """Counts bad rows and remembers what is wrong with the first."""

    def __init__(self) -> None:
        self.count, self.first = 0, ""

    def __call__(self, error: LoopbenchError) -> None:
        self.first = self.first or str(error)
        self.count += 1

    def __str__(self) -> str:
        return f"{self.count:,} bad {'row' if self.count == 1 else 'rows'} skipped, the first: {self.first}"


def good_rows(rows: Iterable[RowT], parse: Callable[[RowT], ParsedT], bad: Bad) -> Iterator[ParsedT]:
    """What the rows are parsed to, in their order, without those for which `parse` raises a LoopbenchError."""
    for row in rows:
        try:
            parsed = parse(row)
        except LoopbenchError as error:
            bad(error)
        else:
            yield parsed


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file, numbered from 1, without their ends; decompressed as the name's suffix says.

    A byte order mark, which spreadsheets write, is passed over.

    Raises:
        LoopbenchError: a file that cannot be read, is cut short, is not text or has a line of over 10,000 bytes.
    """
    number = 1
    try:
        with _open(path) as file:
            while line := file.readline(MAX_LINE + 1):
                if len(line) > MAX_LINE:
                    raise LoopbenchError(f"{path}, line {number}: over {MAX_LINE:,} bytes, the most that a line has")
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                number += 1
    except UnicodeDecodeError as error:
        raise LoopbenchError(f"{path}, line {number}: not UTF-8 text") from error
    except EOFError as error:
        raise LoopbenchError(f"{path}, line {number}: the compressed file is cut short here") from error
    except (zlib.error, zstd.ZstdError, gzip.BadGzipFile) as error:
        raise LoopbenchError(f"{path}, line {number}: not a {path.suffix} file, or a damaged one") from error
    except OSError as error:
        raise LoopbenchError(f"cannot read {path}: {error.strerror or error}") from error


def read_columns(path: Path, columns: Sequence[str], bad: Bad = refuse) -> Iterator[tuple[int, list[str]]]:
    """The values of some columns of a csv file with a header: for every row its line number and the values.

    Args:
        bad: is told of a row that has not as many values as the header.

    Raises:
        LoopbenchError: as `read_lines`, or a column is missing.
    """
    rows = csv.reader(line for _, line in read_lines(path))
    try:
        header = next(rows, cast(list[str], []))
        if missing := [column for column in columns if header.count(column) != 1]:
            found = f"its header is {some([repr(name) for name in header]) or 'empty'}"
            raise LoopbenchError(f"{path} has no column {', '.join(missing)}, or several of that name: {found}")
        places = [header.index(column) for column in columns]
        for row in rows:
            if row and len(row) != len(header):  # a blank line has none
                have = f"{len(row)} values, and the header has {len(header)}"
                bad(LoopbenchError(f"{path}, line {rows.line_num}: {have}"))
            elif row:
                yield rows.line_num, [row[place] for place in places]
    except csv.Error as error:
        raise LoopbenchError(f"{path}, line {rows.line_num}: not csv: {printable(str(error))}") from error


def _open(path: Path) -> BinaryIO:
    if not path.exists():
        raise LoopbenchError(f"{path} does not exist")
    if not path.is_file():  # a fifo would block, a device would never end
        raise LoopbenchError(f"{path} is not a regular file")
    unpack = {".gz": gzip.open, ".zst": zstd.open}.get(path.suffix, open)
    return cast(BinaryIO, unpack(path, "rb"))
