"""The Lichess puzzles (https://database.lichess.org/#puzzles, CC0) by rating, and the paper's split of them.

The bands are measured on positions of the test side, and their dev- twins on those of the dev side; what is trained on
is of neither (`puzzles.Puzzle.side`). The paper's split (https://arxiv.org/abs/2604.15259) is taken in file order
instead, whatever the side: who trained on the bands' training side has seen puzzles of paper-val, and the other way
round.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

from loopbench.tasks.chess.puzzles import Puzzle, Side, parse
from loopbench.tasks.chess.rows import MAX_RATING, Row, read_rows

BANDS = {
    "lichess-0-1600": range(1601),
    "lichess-1601-2000": range(1601, 2001),
    "lichess-2001-2400": range(2001, 2401),
    "lichess-2401-up": range(2401, MAX_RATING + 1),
}
PAPER_EASY, PAPER_HARD = range(1601), range(1601, 2001)
BAND_ROWS = 2_000
TRAIN_ROWS, VAL_SHARE, SEED = 50_000, 0.2, 42
PAPER_ROWS = 10_000  # of every other part


def all_puzzles(path: Path) -> Iterator[Puzzle]:
    """Every puzzle of a file.

    Raises:
        LoopbenchError: the file cannot be read, or one of its rows is bad. The others raise it too, for those rows that
            they have to look at.
    """
    return map(parse, read_rows(path))


def band_puzzles(name: str, side: Side, path: Path) -> Iterator[Puzzle]:
    """The first 2,000 puzzles of a band that are on that side."""
    puzzles = map(parse, _rated(path, BANDS[name]))
    return islice((puzzle for puzzle in puzzles if puzzle.side is side), BAND_ROWS)


def training_puzzles(path: Path, max_rating: int) -> Iterator[Puzzle]:
    """The puzzles of the training side, up to a rating."""
    return (puzzle for puzzle in map(parse, _rated(path, range(max_rating + 1))) if puzzle.side is Side.TRAIN)


def paper_puzzles(part: str, path: Path) -> Iterator[Puzzle]:
    """One part of the paper's split.

    `train` and `val` are 80 % and 20 % of the first 50,000 rows rated up to 1600, `hard` is the first 10,000 rows from
    1601 to 2000; `dev-val` and `dev-hard` are the 10,000 rows that follow.
    """
    if part in ("hard", "dev-hard"):
        first = 0 if part == "hard" else PAPER_ROWS
        return map(parse, islice(_rated(path, PAPER_HARD), first, first + PAPER_ROWS))
    if part == "dev-val":
        return map(parse, islice(_rated(path, PAPER_EASY), TRAIN_ROWS, TRAIN_ROWS + PAPER_ROWS))
    rows = list(islice(_rated(path, PAPER_EASY), TRAIN_ROWS))
    order: list[int] = torch.randperm(len(rows), generator=torch.Generator().manual_seed(SEED)).numpy().tolist()
    cut = len(rows) - int(VAL_SHARE * len(rows))
    return (parse(rows[i]) for i in (order[:cut] if part == "train" else order[cut:]))


def _rated(path: Path, ratings: range) -> Iterator[Row]:
    return (row for row in read_rows(path) if row.rating in ratings)
