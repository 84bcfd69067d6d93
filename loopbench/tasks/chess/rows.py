"""The rows of a file with the official columns of the Lichess puzzles (https://database.lichess.org/#puzzles)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from loopbench.errors import LoopbenchError
from loopbench.tasks.lines import Bad, good_rows, read_columns, refuse
from loopbench.validation import printable

COLUMNS = ["PuzzleId", "FEN", "Moves", "Rating", "Themes"]
MAX_RATING = 9999
BATCH = 10_000
Values = tuple[str, list[str]]
"""Where a row stands, and its values."""


class Row(NamedTuple):
    """One row, of which only the id and the rating have been looked at.

    Attributes:
        where: the beginning of any message about it.
        fen: the position before the opponent's move.
        moves: the opponent's, the answer, and how it goes on.
    """

    where: str
    id: str
    fen: str
    moves: str
    rating: int
    themes: str


def read_rows(path: Path, bad: Bad = refuse) -> Iterator[Row]:
    """The rows of a csv file, plain, .gz or .zst, or of a .parquet file, in their order.

    Args:
        bad: is told of an id that is none, a rating that is no whole number, or a row of another length than the
            header.

    Raises:
        LoopbenchError: a file that cannot be read, or a missing column.
    """
    values = _parquet(path) if path.suffix == ".parquet" else _csv(path, bad)
    return good_rows(values, lambda each: _row(path, *each), bad)


def _row(path: Path, place: str, values: list[str]) -> Row:
    puzzle, fen, moves, rating, themes = values
    where = f"{path}, {place}"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", puzzle):
        raise LoopbenchError(f"{where}: the PuzzleId {printable(puzzle, 40)!r} is not 1 to 32 letters and digits")
    where = f"{where}, puzzle {puzzle}"
    if not re.fullmatch(r"[0-9]{1,4}", rating):
        wrong = f"the rating {printable(rating, 40)!r} is not a whole number from 0 to {MAX_RATING}"
        raise LoopbenchError(f"{where}: {wrong}")
    return Row(where, puzzle, fen, moves, int(rating), themes)


def _csv(path: Path, bad: Bad) -> Iterator[Values]:
    return ((f"line {line}", values) for line, values in read_columns(path, COLUMNS, bad))


def _parquet(path: Path) -> Iterator[Values]:
    """The rows as `_csv` gives them, a batch at a time; in later versions of the data set the themes are a list."""
    import pyarrow as untyped  # pyright: ignore[reportMissingTypeStubs]
    import pyarrow.parquet as untyped_parquet  # pyright: ignore[reportMissingTypeStubs]

    arrow: Any = untyped
    parquet: Any = untyped_parquet
    if not path.is_file():
        raise LoopbenchError(f"{path} does not exist or is not a regular file")
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            header: list[str] = file.schema_arrow.names
            if missing := [column for column in COLUMNS if header.count(column) != 1]:
                raise LoopbenchError(f"{path} has no column {', '.join(missing)}, or several of that name")
            for batch in file.iter_batches(BATCH, columns=COLUMNS):
                for values in zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True):
                    number += 1
                    yield f"row {number}", [_text(value) for value in values]
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:  # the last two: no Python value
        raise LoopbenchError(f"{path}, after row {number}: not parquet, or damaged: {printable(str(error))}") from error


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]: of anything
