"""Sudoku-Extreme (https://huggingface.co/datasets/sapientinc/sudoku-extreme) and the paper's split of it.

Its rating is the number of backtracks of tdoku, another solver than ours. The paper (https://arxiv.org/abs/2604.15259)
cuts the ratings of train.csv at their quantiles: what is below the 80 % quantile is trained on, what is not is hard.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from loopbench.downloads import download_dataset_file
from loopbench.errors import LoopbenchError
from loopbench.tasks.lines import read_columns
from loopbench.tasks.sudoku.files import parse_grid
from loopbench.tasks.sudoku.metrics import breaks_a_rule

REPO = "sapientinc/sudoku-extreme"
REVISION = "58942f96baeb572ca3127e2a9e9c70f330783d6b"
SHA256 = {
    "train.csv": "64b46674db0148e0d73a16346dadeb2b1c00824d3fca3f85b2ae7037f6b4b38e",
    "test.csv": "a2fd52aea23d331d5b4ee723c856236e838a9fb9a70e66f4e0e0cf26c338c6a8",
}
QUANTILE = 0.8
TRAIN_ROWS, VAL_SHARE, SEED = 50_000, 0.2, 42
ROWS = 10_000  # of every split
Grids = tuple[np.ndarray, np.ndarray]


def paper_rows(name: str, folder: Path | None = None) -> Grids:
    """The puzzles and answers, each `(N, 81)` uint8, of one part of the paper's split.

    `train` and `val` are 80 % and 20 % of the first 50,000 rows of train.csv below the quantile, `hard` is the first
    10,000 rows of test.csv from it on; `dev-val` and `dev-hard` are the 10,000 rows that follow in the same files.

    Args:
        folder: a local copy: train.csv and test.csv, or the same compressed; default: the Hub, at a pinned commit.

    Raises:
        LoopbenchError: the data is out of reach, or is not what it should be.
    """
    train = _file("train.csv", folder)
    threshold = _threshold(train)
    if name in ("hard", "dev-hard"):
        first = 0 if name == "hard" else ROWS
        return _grids(_file("test.csv", folder), lambda rating: rating >= threshold, first, ROWS)
    if name == "dev-val":
        return _grids(train, lambda rating: rating < threshold, TRAIN_ROWS, ROWS)
    puzzles, answers = _grids(train, lambda rating: rating < threshold, 0, TRAIN_ROWS)
    order = torch.randperm(len(puzzles), generator=torch.Generator().manual_seed(SEED)).numpy()
    cut = len(puzzles) - int(VAL_SHARE * len(puzzles))
    rows = order[:cut] if name == "train" else order[cut:]
    return puzzles[rows], answers[rows]


def _file(name: str, folder: Path | None) -> Path:
    if folder is None:
        return download_dataset_file(REPO, REVISION, name, SHA256[name])
    if not folder.is_dir():
        wrong = "is a file" if folder.exists() else "does not exist"
        raise LoopbenchError(f"{folder} {wrong}: name the folder that train.csv and test.csv are in")
    for suffix in ("", ".gz", ".zst"):
        if (path := folder / f"{name}{suffix}").exists():
            return path
    raise LoopbenchError(f"{folder} has no {name} (nor {name}.gz or {name}.zst), which the paper's split needs")


@lru_cache(maxsize=2)
def _threshold(train: Path) -> float:
    """The 80 % quantile of the ratings in train.csv, between two of them by linear interpolation."""
    ratings = [_rating(text, train, line) for line, (text,) in read_columns(train, ["rating"])]
    if not ratings:
        raise LoopbenchError(f"{train} has no rows")
    return float(np.quantile(np.array(ratings), QUANTILE))


def _grids(path: Path, wanted: Callable[[int], bool], first: int, count: int) -> Grids:
    """`count` of the wanted rows of a file in its order, after the `first` ones."""

    def rows() -> Iterator[tuple[int, bytes, bytes]]:
        for line, (question, answer, rating) in read_columns(path, ["question", "answer", "rating"]):
            if wanted(_rating(rating, path, line)):
                where = f"{path}, line {line}"
                puzzle, solution = parse_grid(question, where), parse_grid(answer, where)
                if any(given not in (0, digit) for given, digit in zip(puzzle, solution, strict=True)):
                    raise LoopbenchError(f"{where}: the answer does not keep the givens")
                yield line, puzzle, solution

    chosen = list(islice(rows(), first, first + count))
    if not chosen:
        raise LoopbenchError(f"{path} has no rows for this split")
    lines, *parts = zip(*chosen, strict=True)
    questions, answers = (np.frombuffer(b"".join(part), np.uint8).reshape(-1, 81) for part in parts)
    wrong = breaks_a_rule(torch.as_tensor(answers.astype(np.int64)).view(-1, 9, 9)).flatten(1).any(1)
    if wrong.any():
        raise LoopbenchError(f"{path}, line {lines[int(wrong.nonzero()[0])]}: the answer is no completed grid")
    return questions, answers


def _rating(text: str, path: Path, line: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise LoopbenchError(f"{path}, line {line}: the rating {text[:20]!r} is not a whole number")
    return int(text)
