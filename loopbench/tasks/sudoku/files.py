"""Files of puzzles, one a line."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.tasks.lines import Bad, good_rows, read_columns, read_lines, refuse
from loopbench.validation import printable

MAX_PUZZLES = 5_000_000
SYMBOLS = {ord(symbol): digit for digit, symbol in enumerate("0123456789")} | {ord("."): 0}


def read_puzzles(path: Path, bad: Bad = refuse) -> tuple[np.ndarray, np.ndarray]:
    """The puzzles of a file and their solutions, each `(N, 81)` uint8 with 0 for a blank.

    A line starts with a puzzle: 81 digits, `.` or 0 for a blank; what follows after a space or a comma is passed over,
    and so are empty lines and those that start with `#`. A csv file has its puzzles in column `question`. Plain, .gz
    or .zst.

    Args:
        bad: is told of a line that is not a puzzle with exactly one solution.

    Raises:
        LoopbenchError: a file that cannot be read, or has more than 5,000,000 puzzles.
    """
    from loopbench.tasks.sudoku.solver import solve  # numba is slow to import

    lines: list[int] = []
    grids: list[bytes] = []
    for line, grid in islice(good_rows(_puzzles(path, bad), partial(_parse, path), bad), MAX_PUZZLES + 1):
        lines.append(line)
        grids.append(grid)
    if len(grids) > MAX_PUZZLES:
        raise LoopbenchError(f"{path} has more than {MAX_PUZZLES:,} puzzles")
    puzzles = np.frombuffer(b"".join(grids), np.uint8).reshape(-1, 81)
    solved = solve(puzzles)
    good = solved.count == 1
    for i in np.flatnonzero(~good):
        found = "no solution" if solved.count[i] == 0 else "more than one solution"
        bad(LoopbenchError(f"{path}, line {lines[i]}: the puzzle has {found}, not exactly one"))
    return puzzles[good], solved.solutions[good]


def parse_grid(text: str, where: str) -> bytes:
    """81 cells as bytes from 0 to 9.

    Args:
        where: the beginning of the message if they are not.

    Raises:
        LoopbenchError: another number of cells, or a symbol that is none.
    """
    if len(text) != 81:
        raise LoopbenchError(f"{where}: {len(text)} cells, not 81")
    if strange := sorted({symbol for symbol in text if ord(symbol) not in SYMBOLS}):
        raise LoopbenchError(f"{where}: {printable(strange[0])!r} is no cell: write 1 to 9, and . or 0 for a blank")
    return bytes(SYMBOLS[ord(symbol)] for symbol in text)


def _parse(path: Path, puzzle: tuple[int, str]) -> tuple[int, bytes]:
    line, text = puzzle
    return line, parse_grid(text, f"{path}, line {line}")


def _puzzles(path: Path, bad: Bad) -> Iterator[tuple[int, str]]:
    """Line numbers and puzzles."""
    if ".csv" in path.suffixes:
        yield from ((line, question) for line, (question,) in read_columns(path, ["question"], bad))
    else:
        for line, text in read_lines(path):
            word = text.replace(",", " ").split(maxsplit=1)
            if word and not word[0].startswith("#"):
                yield line, word[0]
