"""The score of a model on a task's benchmark."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from loopbench.contracts import Benchmark, Split, Task
from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import DEPTH_MULTIPLIERS
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import correct_at_depth, wilson
from loopbench.tasks.splits import find_split


@dataclass(frozen=True)
class Score:
    """A score between 0 and 100, with its 95 % interval."""

    value: float
    low: float
    high: float


def score(task: Task, records: Iterable[Record]) -> Score:
    """100 × the mean over the scored splits of the mean accuracy at effective depths D, 2D, 4D and 8D.

    The interval combines the splits' Wilson intervals by the method of variance estimates recovery (Zou & Donner
    2008, https://doi.org/10.1002/sim.3095). An example counts as the share of the depths at which it is solved;
    such a share varies at most as much as a verdict, so the interval is never too narrow for that.

    Args:
        records: of one model, complete and whole; those of other splits are passed over.

    Raises:
        LoopbenchError: there is no score, and why.
    """
    benchmark = task.benchmark
    if benchmark is None:
        raise LoopbenchError(f"no score: task {task.name} has no benchmark")
    by_split = _scored_records(task, benchmark, list(records))
    rates = [_rate(find_split(task, name), by_split[name]) for name in benchmark.splits]
    mean = math.fsum(rate for rate, _, _ in rates) / len(rates)
    below = math.hypot(*(rate - low for rate, low, _ in rates)) / len(rates)
    above = math.hypot(*(high - rate for rate, _, high in rates)) / len(rates)
    return Score(100 * mean, 100 * (mean - below), 100 * (mean + above))


def _scored_records(task: Task, benchmark: Benchmark, records: list[Record]) -> dict[str, Record]:
    """The record of each scored split, or why there is no score."""
    scored = [r for r in records if r.task.name == task.name and r.split.name in benchmark.splits]
    by_split = {record.split.name: record for record in scored}
    if len(by_split) < len(scored):
        raise LoopbenchError(f"no {task.name} score: two records of one split")
    if missing := [split for split in benchmark.splits if split not in by_split]:
        raise LoopbenchError(f"no {task.name} score: {', '.join(missing)} not evaluated")
    if any(record.partial for record in scored):
        raise LoopbenchError(
            f"no {task.name} score: it needs all examples of {', '.join(benchmark.splits)}; leave out --limit"
        )
    if any(record.task.version != task.version for record in scored):
        raise LoopbenchError(f"no {task.name} score: it is of version {task.version} of task {task.name}")
    if len({(record.model.architecture, record.model.weights_sha256) for record in scored}) > 1:
        raise LoopbenchError(f"no {task.name} score: the records are of different models")
    return by_split


def _rate(split: Split, record: Record) -> tuple[float, float, float]:
    """The mean accuracy at the scored depths, and its interval."""
    counts: list[int] = []
    for multiplier in DEPTH_MULTIPLIERS:
        count = correct_at_depth(record, split.depth * multiplier)
        if count is None:
            end = f"T = {record.protocol.iterations} on {split.name}"
            raise LoopbenchError(
                f"no {record.task.name} score: {end} ends before effective depth {split.depth * multiplier}"
            )
        counts.append(count)
    correct = math.fsum(counts) / len(counts)
    return correct / record.primary.n, *wilson(correct, record.primary.n)
