"""Sudoku: 81 cells to the digits that complete them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from loopbench.contracts import Benchmark, Examples, Metric, Split, Task, TaskShape
from loopbench.errors import LoopbenchError
from loopbench.picture import Picture
from loopbench.tasks.lines import Bad, refuse
from loopbench.tasks.metrics import exact_accuracy
from loopbench.tasks.splits import checked, derived_seed, epoch_rows, find_split, standard_depth
from loopbench.tasks.sudoku import board, extreme
from loopbench.tasks.sudoku.files import read_puzzles
from loopbench.tasks.sudoku.metrics import valid
from loopbench.tasks.sudoku.tiers import TIERS, load_tier
from loopbench.workers import cores

GENERATED, EXTREME = "generated", "sudoku-extreme"

SHA256 = {
    "gentle": "0f82b74f80d3c3fa9d4806927bcfa1520decfae37d906f7b2eb5d056183ddafa",
    "easy": "67b55f6030aa3b2bf073653f6a1511819535b89ea31ac985b558f2a2cd2dea77",
    "medium": "07b2141c3058a96aa756160d1c65e607f65172b6aace28ca06507cd5460a49b5",
    "hard": "7d04f3977d1de832b876e0015efb124df3edb901277e0f7e0e49ac16c3c33bbc",
    "extreme": "bd6a90713c72e1ae2f687f9088e55e6e18ba0b53911c82f7dbf0f575ee9d13f6",
    "dev-gentle": "a64d1408c26c0b36233f70b645c7814dc649e2aaba926653b0a25f7b599903db",
    "dev-easy": "544edad48cfd513c875dd46c7349a22b00092934bf1b7c32bdf88ad59df0dfb8",
    "dev-medium": "94357f9fd3e8cbaa0c7b0214a96be34ebd01cf0e3bcd0a314fb34dd99f8e29ac",
    "dev-hard": "0b3082f5836ae187df43c06a3ef91ecc0bef624e35d61f3e685faa949fb28a22",
    "dev-extreme": "629640fb7b6983f89c91157488fa072ab7699e6af6f7de17efc71e9d40c5b97b",
}
"""Of the shipped splits."""


class SudokuSource(BaseModel):
    """Training puzzles, each under a random symmetry whenever it is drawn.

    Generated ones and those of a file are never on the test side; of Sudoku-Extreme exactly the paper's training rows
    are taken.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    puzzles: str = Field(
        GENERATED,
        description=f"{GENERATED} (always fresh), {EXTREME} (the paper's rows) or a file of puzzles; "
        "python -m loopbench.tasks.sudoku.training_file makes one",
    )
    clues: tuple[int, int] = Field(
        (20, 45),
        description="range that the number of clues of a generated puzzle is drawn from; one has more if it must",
    )
    max_rating: float = Field(0.0, ge=0, le=5, description="most wrong guesses of a generated puzzle; 0: singles do")
    augment: bool = Field(True, description="whether to apply the symmetries")

    @field_validator("clues")
    @classmethod
    def _is_range(cls, clues: tuple[int, int]) -> tuple[int, int]:
        if not 17 <= clues[0] <= clues[1] <= 80:
            raise ValueError(f"the fewest and then the most clues, both between 17 and 80, not {clues}")
        return clues


class Sudoku(Task):
    name = "sudoku"
    version = 1
    summary = "81 cells, some of them given, to the digits that complete them"
    about = """
The input is the 81 cells of a puzzle with exactly one solution, the answer the completed grid. It is right when the
grid is valid and keeps the givens.

Puzzles are generated and proved to have one solution. Their rating is the number of wrong guesses of a documented
solver (singles, then a guess in the cell with the fewest candidates), averaged over 64 symmetries of the puzzle's
canonical form, and they are rated again with fresh seeds before they are put into tiers. Those of extreme are stubborn,
too: locked candidates and subsets, the techniques that come after singles, strike nothing out of them. A solution grid
belongs to the test side if the hash of its canonical form is 0 modulo 64: no symmetry of a generated training puzzle is
there, nor of one of a file.

The tiers are 1,000 puzzles each, shipped with the package. paper-val and paper-hard are the split of arXiv 2604.15259
of Sudoku-Extreme, at a pinned commit of the data set.
"""
    shape = TaskShape(vocab_size=10, num_classes=10, grid=(9, 9))
    metrics = (Metric("valid", valid), Metric("reference", exact_accuracy))
    splits = tuple(
        Split(twin + tier.name, tier.difficulty, standard_depth(9), 1000, "shipped", SHA256[twin + tier.name])
        for twin in ("", "dev-")
        for tier in TIERS
    ) + tuple(
        Split(name, difficulty, standard_depth(9), extreme.ROWS, EXTREME, extreme.SHA256[file])
        for name, difficulty, file in (
            ("paper-val", 0, "train.csv"),
            ("paper-hard", 20, "test.csv"),
            ("dev-paper-val", 0, "train.csv"),
            ("dev-paper-hard", 20, "test.csv"),
        )
    )
    source = SudokuSource
    benchmark = Benchmark(
        version=2,  # 1 had puzzles in extreme that elementary techniques make easy
        train_limit="generated puzzles of at most 5 wrong guesses, their solutions on the training side",
        splits=("hard", "extreme"),
    )

    def load(self, split: str | None, data: Path | None = None) -> Examples:
        """A shipped tier, a part of Sudoku-Extreme, or the puzzles of a file.

        Args:
            data: a file of puzzles; for a split of Sudoku-Extreme the folder of a local copy.
        """
        if split is None:
            if data is None:
                raise LoopbenchError("name a split, or a file of puzzles in its place")
            return self.load_good(None, data, refuse)
        spec = find_split(self, split)
        if spec.source == EXTREME:
            return _examples(*extreme.paper_rows(split.replace("paper-", ""), data), split)
        tier = load_tier(split)
        return checked(spec, _examples(tier.puzzles, tier.solutions, split))

    def load_good(self, split: str | None, data: Path, bad: Bad) -> Examples:
        """The puzzles of a file.

        Raises:
            LoopbenchError: a split, which is of Sudoku-Extreme, or a file that cannot be read.
        """
        if split is not None:
            raise LoopbenchError(f"{split} counts the rows of Sudoku-Extreme, so none can be skipped")
        return _examples(*read_puzzles(data, bad), data.name)

    def sample(self, difficulty: float, seed: int, count: int) -> Examples:
        from loopbench.tasks.sudoku.sampling import sample_tier

        for tier in TIERS:
            if tier.difficulty == difficulty:
                rated = sample_tier(tier.name, seed, count)
                return _examples(rated.puzzles, rated.solutions, f"sample-{tier.name}-{seed}")
        known = ", ".join(f"{tier.difficulty:g} ({tier.name})" for tier in TIERS)
        raise LoopbenchError(f"difficulty must be one of {known}, not {difficulty}")

    def batches(self, source: SudokuSource, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        """Fresh puzzles, or a fixed set shuffled anew every epoch with its last partial batch dropped.

        Raises:
            LoopbenchError: a set smaller than a batch, or data that cannot be read.
        """
        number = first
        while True:
            name = f"batch-{number}"
            if source.puzzles == GENERATED:
                from loopbench.tasks.sudoku.generator import training_puzzles

                drawn = training_puzzles(batch_size, seed, number * batch_size, source.clues, source.max_rating)
                examples = _examples(drawn.puzzles, drawn.solutions, name)
            else:
                puzzles, solutions = _pool(source.puzzles)
                rows = epoch_rows(len(puzzles), batch_size, seed, number)
                examples = _examples(puzzles[rows], solutions[rows], name)
            yield _turned(examples, derived_seed(seed, "symmetry", number)) if source.augment else examples
            number += 1

    def render(self, examples: Examples, logits: Tensor, i: int) -> Picture:
        return board.picture(examples, logits, i)


@lru_cache(maxsize=1)
def _pool(puzzles: str) -> tuple[np.ndarray, np.ndarray]:
    """The puzzles of a fixed set that may be trained on, and their solutions."""
    if puzzles == EXTREME:
        return extreme.paper_rows("train")
    from loopbench.tasks.sudoku.canonical import is_test_side

    found, solutions = read_puzzles(Path(puzzles))
    with ThreadPoolExecutor(cores()) as pool:  # canonical forms take their time, and leave the GIL
        kept = ~np.concatenate(list(pool.map(is_test_side, np.array_split(solutions, cores()))))
    if not kept.any():
        raise LoopbenchError(f"{puzzles} has {len(found)} puzzles, and none of them on the training side")
    return found[kept], solutions[kept]


def _turned(examples: Examples, seed: int) -> Examples:
    from loopbench.tasks.sudoku.symmetry import augment

    inputs, targets = augment(examples.inputs, examples.targets, torch.Generator().manual_seed(seed))
    return Examples(inputs, targets, examples.ids)


def _examples(puzzles: np.ndarray, solutions: np.ndarray, name: str) -> Examples:
    inputs, targets = (torch.as_tensor(grids.astype(np.int64)).view(-1, 9, 9) for grids in (puzzles, solutions))
    return Examples(inputs, targets, tuple(f"{name}/{i}" for i in range(len(inputs))))
