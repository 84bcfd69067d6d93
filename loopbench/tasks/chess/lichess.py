"""The Lichess puzzles (https://database.lichess.org/#puzzles, CC0) by rating, and the paper's split of them.

Without a file of one's own they are those of a data set on the Hub, which grows every month, at a pinned commit: the
first of its two files, two million puzzles.

The bands are measured on positions of the test side, and their dev- twins on those of the dev side; what is trained on
is of neither (`puzzles.Puzzle.side`). The paper's split (https://arxiv.org/abs/2604.15259) is taken in file order
instead, whatever the side: who trained on the bands' training side has seen puzzles of paper-val, and the other way
round.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

from loopbench.downloads import download_dataset_file
from loopbench.tasks.chess.puzzles import Puzzle, Side, parse
from loopbench.tasks.chess.rows import MAX_RATING, Row, read_rows
from loopbench.tasks.lines import Bad, good_rows, refuse

NAME = "lichess"
"""Of the data set, in `--data lichess=FILE` and in recipes."""
REPO = "Lichess/chess-puzzles"
REVISION = "ac1d8a368f8426de750f855eb2405d44d2c096c4"
FILE = "data/train-00000-of-00002.parquet"
SHA256 = "69625fe7460cbfa0dc61cc542c87715c98254c1cd8f35fb0a58d1804c10c6ba8"

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


def download() -> Path:
    """The file on the Hub, 212 MB, or what the Hub client kept of it.

    Raises:
        LoopbenchError: it is out of reach, or is not what it should be.
    """
    return download_dataset_file(REPO, REVISION, FILE, SHA256)


def all_puzzles(path: Path, bad: Bad = refuse) -> Iterator[Puzzle]:
    """Every puzzle of a file.

    Args:
        bad: is told of a bad row. The others tell it too, of those rows that they have to look at.

    Raises:
        LoopbenchError: the file cannot be read.
    """
    return good_rows(read_rows(path, bad), parse, bad)


def band_puzzles(name: str, side: Side, path: Path, bad: Bad = refuse) -> Iterator[Puzzle]:
    """The first 2,000 puzzles of a band that are on that side."""
    puzzles = good_rows(rated_rows(path, BANDS[name], bad), parse, bad)
    return islice((puzzle for puzzle in puzzles if puzzle.side is side), BAND_ROWS)


def paper_puzzles(part: str, path: Path, bad: Bad = refuse) -> Iterator[Puzzle]:
    """One part of the paper's split."""
    return good_rows(paper_rows(part, path, bad), parse, bad)


def rated_rows(path: Path, ratings: range, bad: Bad = refuse) -> Iterator[Row]:
    """The rows of a file that are rated so."""
    return (row for row in read_rows(path, bad) if row.rating in ratings)


def paper_rows(part: str, path: Path, bad: Bad = refuse) -> Iterator[Row]:
    """The rows of one part of the paper's split.

    `train` and `val` are 80 % and 20 % of the first 50,000 rows rated up to 1600, `hard` is the first 10,000 rows from
    1601 to 2000; `dev-val` and `dev-hard` are the 10,000 rows that follow.
    """
    rows = rated_rows(path, PAPER_HARD if part in ("hard", "dev-hard") else PAPER_EASY, bad)
    match part:
        case "hard":
            return islice(rows, PAPER_ROWS)
        case "dev-hard":
            return islice(rows, PAPER_ROWS, 2 * PAPER_ROWS)
        case "dev-val":
            return islice(rows, TRAIN_ROWS, TRAIN_ROWS + PAPER_ROWS)
        case _:
            first = list(islice(rows, TRAIN_ROWS))
            order: list[int] = (
                torch.randperm(len(first), generator=torch.Generator().manual_seed(SEED)).numpy().tolist()
            )
            cut = len(first) - int(VAL_SHARE * len(first))
            return (first[i] for i in (order[:cut] if part == "train" else order[cut:]))
