"""Chess: a position to the two squares of its best move."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from loopbench.contracts import Examples, Metric, Split, Task, TaskShape
from loopbench.errors import LoopbenchError
from loopbench.picture import Picture
from loopbench.tasks.chess import board, lichess, metrics
from loopbench.tasks.chess.encoding import SYMBOLS
from loopbench.tasks.chess.puzzles import Side, examples, grids
from loopbench.tasks.chess.rows import MAX_RATING
from loopbench.tasks.splits import epoch_rows, find_split, standard_depth

LICHESS = "lichess"

# name: (lowest rating, puzzles at most)
SPLITS = {name: (band.start, lichess.BAND_ROWS) for name, band in lichess.BANDS.items()} | {
    "paper-val": (lichess.PAPER_EASY.start, lichess.PAPER_ROWS),
    "paper-hard": (lichess.PAPER_HARD.start, lichess.PAPER_ROWS),
}


class ChessSource(BaseModel):
    """Training puzzles of a file of Lichess puzzles.

    They are those of the training side, which no lichess- split has, or exactly the paper's, which no paper- split has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    puzzles: str = Field(description="a file of Lichess puzzles: .csv, .csv.gz, .csv.zst or .parquet")
    max_rating: int = Field(
        1600, ge=0, le=MAX_RATING, description="the highest rating of a puzzle of the training side"
    )
    paper: bool = Field(False, description="whether to take the paper's training rows instead")


class Chess(Task):
    name = "chess"
    version = 1
    summary = "a position to the two squares of its best move"
    shape = TaskShape(vocab_size=len(SYMBOLS), num_classes=2, grid=(8, 8))
    metrics = (Metric("squares", metrics.squares), Metric("move", metrics.move))
    splits = tuple(
        Split(twin + name, rating, standard_depth(8), count, LICHESS, sha256="")  # only local copies: nothing to check
        for twin in ("", "dev-")
        for name, (rating, count) in SPLITS.items()
    )
    source = ChessSource

    def load(self, split: str | None, data: Path | None = None) -> Examples:
        """A band or a part of the paper's split from a local copy of the Lichess puzzles, or all puzzles of a file."""
        if split is not None:
            find_split(self, split)
        if data is None:
            raise LoopbenchError(f"chess needs a local copy of the Lichess puzzles: --data {LICHESS}=FILE")
        if split is None:
            return examples(lichess.all_puzzles(data))
        if "paper-" in split:
            return examples(lichess.paper_puzzles(split.replace("paper-", ""), data))
        side = Side.DEV if split.startswith("dev-") else Side.TEST
        return examples(lichess.band_puzzles(split.removeprefix("dev-"), side, data))

    def sample(self, difficulty: float, seed: int, count: int) -> Examples:
        raise LoopbenchError("chess puzzles come from games: there are no fresh ones of a rating")

    def batches(self, source: ChessSource, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        """The training puzzles, shuffled anew every epoch with its last partial batch dropped.

        Raises:
            LoopbenchError: fewer puzzles than a batch, or a file that cannot be read.
        """
        inputs, targets = _pool(source.puzzles, source.max_rating, source.paper)
        number = first
        while True:
            rows = epoch_rows(len(inputs), batch_size, seed, number)
            symbols, classes = (torch.as_tensor(part[rows].astype(np.int64)) for part in (inputs, targets))
            yield Examples(symbols, classes, tuple(f"batch-{number}/{i}" for i in range(batch_size)))
            number += 1

    def render(self, examples: Examples, logits: Tensor, i: int) -> Picture:
        return board.picture(examples, logits, i)


@lru_cache(maxsize=1)
def _pool(puzzles: str, max_rating: int, paper: bool) -> tuple[np.ndarray, np.ndarray]:
    path = Path(puzzles)
    return grids(lichess.paper_puzzles("train", path) if paper else lichess.training_puzzles(path, max_rating))
