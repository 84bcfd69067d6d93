"""Chess: a position to the two squares of its best move."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from loopbench.contracts import Benchmark, Examples, Metric, Split, Task, TaskShape
from loopbench.errors import LoopbenchError
from loopbench.picture import Picture
from loopbench.tasks.chess import board, lichess, mates, metrics
from loopbench.tasks.chess.encoding import SYMBOLS
from loopbench.tasks.chess.puzzles import Positions, Side, examples
from loopbench.tasks.chess.rows import MAX_RATING
from loopbench.tasks.chess.training import mate_positions, training_positions
from loopbench.tasks.lines import Bad, refuse
from loopbench.tasks.splits import checked, epoch_rows, find_split, standard_depth

GENERATED = "generated"

MATES = {
    "mate-1": "3c8118dc9c15867309b0189bb483466bc589e0dc8aa20f38d2ffb30ce704e3dd",
    "mate-2": "e56f3e5a2d96902040d5d4cdc370aa0dfe819eb53236ed80067964bb4a982a86",
    "mate-3": "b809941f2510df382c4f1c6394e1f63a358a2d0bf66a3010aa70ff357de5bbfe",
    "dev-mate-1": "10a1735493dc769bcf8fc3fb7d9c407120523381099814d97804edb5526ddff4",
    "dev-mate-2": "63ea9860b2a6538098df0c721e3df60c0ab1202836e2e03faf46b6376f61c1c7",
    "dev-mate-3": "78b108dc06f9bfe704578f08ea90ac2915efdf13ad362879741d770c78629f3f",
}
"""The shipped mates with their SHA-256."""

# name: (lowest rating, puzzles)
BANDS = {name: (band.start, lichess.BAND_ROWS) for name, band in lichess.BANDS.items()} | {
    "paper-val": (lichess.PAPER_EASY.start, lichess.PAPER_ROWS),
    "paper-hard": (lichess.PAPER_HARD.start, lichess.PAPER_ROWS),
}


class ChessSource(BaseModel):
    """Training puzzles.

    They are of the training side, which no mate- or lichess- split has, or exactly the paper's, which no paper- split
    has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    puzzles: str = Field(
        lichess.NAME,
        description=f"{lichess.NAME} (from the Hub, 212 MB), a file of such puzzles (.csv, .gz, .zst or .parquet), "
        f"or {GENERATED} (mates in 1 of simulated games)",
    )
    mates: int = Field(20_000, ge=1, le=10_000_000, description="how many generated mates in 1 there are")
    max_rating: int = Field(
        1600, ge=0, le=MAX_RATING, description="the highest rating of a puzzle of the training side"
    )
    paper: bool = Field(False, description="whether to take the paper's training rows instead")
    skip_bad: bool = Field(False, description="whether to leave out the bad rows of a file")


class Chess(Task):
    name = "chess"
    version = 1
    summary = "a position to the two squares of its best move"
    about = """
The input is a position as its mover sees it, who has the white pieces and the king on files e to h: 64 squares, 13
symbols. The answer is the two squares of the best move. The primary metric wants them to be the two squares that the
model points at most; the second one takes the legal move of the highest sum, and counts any mate where the puzzle is
a mate in 1.

The mates are 1,000 puzzles each, shipped with the package: games are simulated, a tempting blunder is made, and an
exhaustive search proves that one first move alone mates in so many moves, and nothing mates in fewer. The lichess-
splits are bands of rating of the puzzles of Lichess (CC0), at a pinned commit of the data set; paper-val and
paper-hard are the split of arXiv 2604.15259. A hash of what the model sees decides whether a position is for test,
dev or training, so none is on two sides.
"""
    shape = TaskShape(vocab_size=len(SYMBOLS), num_classes=2, grid=(8, 8))
    metrics = (Metric("squares", metrics.squares), Metric("move", metrics.move))
    splits = tuple(
        Split(name, mates.SPLITS[name], standard_depth(8), 1000, "shipped", sha256) for name, sha256 in MATES.items()
    ) + tuple(
        Split(twin + name, rating, standard_depth(8), count, lichess.NAME, lichess.SHA256)
        for twin in ("", "dev-")
        for name, (rating, count) in BANDS.items()
    )
    source = ChessSource
    benchmark = Benchmark(
        version=1,
        train_limit="Lichess puzzles rated up to 1600, or generated mates in 1, their positions on the training side",
        splits=("mate-1", "mate-2", "mate-3"),
    )

    def load(self, split: str | None, data: Path | None = None) -> Examples:
        """Shipped mates, a band, a part of the paper's split, or all puzzles of a file.

        Args:
            data: a file of puzzles; for a band or a part of the paper's split, a local copy of the Lichess puzzles.
        """
        if split is None and data is None:
            raise LoopbenchError("name a split, or a file of puzzles in its place")
        spec = None if split is None else find_split(self, split)
        if spec and not spec.downloaded:
            return checked(spec, examples(mates.load_mates(spec.name)))
        return self.load_good(split, lichess.download() if data is None else data, refuse)

    def load_good(self, split: str | None, data: Path, bad: Bad) -> Examples:
        if split is None:
            puzzles = lichess.all_puzzles(data, bad)
        elif "paper-" in split:
            puzzles = lichess.paper_puzzles(split.replace("paper-", ""), data, bad)
        else:
            side = Side.DEV if split.startswith("dev-") else Side.TEST
            puzzles = lichess.band_puzzles(split.removeprefix("dev-"), side, data, bad)
        return examples(puzzles, bad)

    def sample(self, difficulty: float, seed: int, count: int) -> Examples:
        """Fresh mates in so many moves; there are no fresh puzzles of a rating."""
        from loopbench.tasks.chess.sampling import sample_mates

        if difficulty not in mates.DEPTHS:
            known = ", ".join(map(str, mates.DEPTHS))
            raise LoopbenchError(f"difficulty must be one of {known}, the moves to a fresh mate, not {difficulty}")
        return examples(sample_mates(int(difficulty), seed, count))

    def batches(self, source: ChessSource, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        """The training puzzles, shuffled anew every epoch with its last partial batch dropped.

        Raises:
            LoopbenchError: fewer puzzles than a batch, or a file that cannot be read.
        """
        pool = training_pool(source)  # pyright: ignore[reportArgumentType]: a frozen model is hashable
        number = first
        while True:
            inputs, targets = pool.select(epoch_rows(len(pool), batch_size, seed, number)).tensors()
            yield Examples(inputs, targets, tuple(f"batch-{number}/{i}" for i in range(batch_size)))
            number += 1

    def render(self, examples: Examples, logits: Tensor, i: int) -> Picture:
        return board.picture(examples, logits, i)


@lru_cache(maxsize=1)
def training_pool(source: ChessSource) -> Positions:
    """All that is trained on, but for the order.

    Raises:
        LoopbenchError: it cannot be read.
    """
    if source.puzzles == GENERATED:
        return mate_positions(source.mates, version=Chess.version)
    path = lichess.download() if source.puzzles == lichess.NAME else Path(source.puzzles)
    return training_positions(
        path, source.max_rating, paper=source.paper, skip_bad=source.skip_bad, version=Chess.version
    )
