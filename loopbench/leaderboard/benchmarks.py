"""Benchmarks: frozen choices of what is scored. Changing one makes a new version."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import DEPTH_MULTIPLIERS
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import correct_at_depth, wilson


@dataclass(frozen=True)
class Score:
    """A score between 0 and 100, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Benchmark:
    """The scored splits of a task.

    Attributes:
        train_limit: what a model of the closed track may be trained on.
        depths: D of every scored split, the effective depth in layers that it calls for.
    """

    name: str
    version: int
    task: str
    task_version: int
    train_limit: str
    depths: Mapping[str, int]

    def score(self, records: Iterable[Record]) -> Score:
        """100 × the mean over the splits of the mean accuracy at effective depths D, 2D, 4D and 8D.

        The interval combines the splits' Wilson intervals by the method of variance estimates recovery (Zou & Donner
        2008, https://doi.org/10.1002/sim.3095). An example counts as the share of the depths at which it is solved;
        such a share varies at most as much as a verdict, so the interval is never too narrow for that.

        Args:
            records: of one model, complete and whole; those of other splits are passed over.

        Raises:
            LoopbenchError: there is no score, and why.
        """
        scored = [r for r in records if r.task.name == self.task and r.split.name in self.depths]
        by_split = {record.split.name: record for record in scored}
        if len(by_split) < len(scored):
            raise LoopbenchError(f"no {self.name} score: two records of one split")
        if missing := [split for split in self.depths if split not in by_split]:
            raise LoopbenchError(f"no {self.name} score: {', '.join(missing)} not evaluated")
        if any(record.partial for record in scored):
            raise LoopbenchError(
                f"no {self.name} score: it needs all examples of {', '.join(self.depths)}; leave out --limit"
            )
        if any(record.task.version != self.task_version for record in scored):
            raise LoopbenchError(f"no {self.name} score: it is of version {self.task_version} of task {self.task}")
        if len({(record.model.architecture, record.model.weights_sha256) for record in scored}) > 1:
            raise LoopbenchError(f"no {self.name} score: the records are of different models")
        rates = [self._rate(record) for record in scored]
        mean = math.fsum(rate for rate, _, _ in rates) / len(rates)
        below = math.hypot(*(rate - low for rate, low, _ in rates)) / len(rates)
        above = math.hypot(*(high - rate for rate, _, high in rates)) / len(rates)
        return Score(100 * mean, 100 * (mean - below), 100 * (mean + above))

    def _rate(self, record: Record) -> tuple[float, float, float]:
        """The mean accuracy at the scored depths, and its interval."""
        counts: list[int] = []
        for multiplier in DEPTH_MULTIPLIERS:
            depth = self.depths[record.split.name] * multiplier
            count = correct_at_depth(record, depth)
            if count is None:
                end = f"T = {record.protocol.iterations} on {record.split.name}"
                raise LoopbenchError(f"no {self.name} score: {end} ends before effective depth {depth}")
            counts.append(count)
        correct = math.fsum(counts) / len(counts)
        return correct / record.primary.n, *wilson(correct, record.primary.n)


PREFIX_SUMS = Benchmark(
    name="prefix-sums",
    version=1,
    task="prefix-sums",
    task_version=1,
    train_limit="strings of at most 32 bits",
    depths={"bits-64": 64, "bits-128": 64, "bits-256": 128, "bits-512": 256},
)

SUDOKU = Benchmark(
    name="sudoku",
    version=1,
    task="sudoku",
    task_version=1,
    train_limit="generated puzzles of at most 5 wrong guesses, their solutions on the training side",
    depths={"hard": 64, "extreme": 64},
)

CHESS = Benchmark(
    name="chess",
    version=1,
    task="chess",
    task_version=1,
    train_limit="Lichess puzzles rated up to 1600, or generated mates in 1, their positions on the training side",
    depths={"mate-1": 64, "mate-2": 64, "mate-3": 64},
)

BENCHMARKS = {benchmark.task: benchmark for benchmark in (PREFIX_SUMS, SUDOKU, CHESS)}
