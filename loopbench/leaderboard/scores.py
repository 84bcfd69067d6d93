"""The score of a model on a task's benchmark."""

import math
from collections.abc import Iterable

from loopbench.contracts import Benchmark, Split, Task
from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import DEPTH_MULTIPLIERS
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import Estimate, correct_at_depth, mean, rate
from loopbench.tasks.splits import find_split


def score(task: Task, records: Iterable[Record]) -> Estimate:
    """100 × the mean over the scored splits of the mean accuracy at effective depths D, 2D, 4D and 8D.

    The interval combines the splits' Wilson intervals. An example counts as the share of the depths at which it is
    solved; such a share varies at most as much as a verdict, so the interval is never too narrow for that.

    Args:
        records: of one model, complete and whole; those of other splits are passed over.

    Raises:
        LoopbenchError: there is no score, and why.
    """
    benchmark = task.benchmark
    if benchmark is None:
        raise LoopbenchError(f"no score: task {task.name} has no benchmark")
    by_split = _scored_records(task, benchmark, list(records))
    return 100 * mean([split_score(find_split(task, name), by_split[name]) for name in benchmark.splits])


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


def split_score(split: Split, record: Record) -> Estimate:
    """The mean accuracy at the scored depths.

    Raises:
        LoopbenchError: the record ends before the last of them.
    """
    counts: list[int] = []
    for multiplier in DEPTH_MULTIPLIERS:
        count = correct_at_depth(record, split.depth * multiplier)
        if count is None:
            end = f"T = {record.protocol.iterations} on {split.name}"
            raise LoopbenchError(
                f"no {record.task.name} score: {end} ends before effective depth {split.depth * multiplier}"
            )
        counts.append(count)
    return rate(math.fsum(counts) / len(counts), record.primary.n)
