"""Whether a record can be what an evaluation of an official split gives."""

from collections.abc import Iterator

import numpy as np

from loopbench.contracts import Split, Task
from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import scored_iterations
from loopbench.evaluation.record import Record
from loopbench.evaluation.retirement import AUDITED_COUNT, AUDITED_SHARE, PERIOD
from loopbench.evaluation.verdicts import recorded_iterations
from loopbench.tasks.splits import find_split


def record_findings(task: Task, record: Record) -> Iterator[str]:
    """What is wrong with a whole, complete record, a line each."""
    metrics = [metric.name for metric in task.metrics]
    if record.task.version != task.version:
        yield f"version {task.version} of task {task.name} is ranked, not {record.task.version}"
    if record.task.primary_metric != metrics[0] or sorted(record.curves) != sorted(metrics):
        yield f"the curves must be of {', '.join(metrics)}, and {metrics[0]} the primary metric"
    try:
        split = find_split(task, record.split.name)
    except LoopbenchError as error:
        yield str(error)
        return
    stated = (record.split.data_sha256, record.split.count, record.split.difficulty)
    if stated != (split.sha256, split.count, split.difficulty):
        yield f"its examples are not those of the official split {split.name}"
        return
    yield from _depth_findings(task, split, record)
    yield from _count_findings(record)
    yield from _retirement_findings(record)


def _depth_findings(task: Task, split: Split, record: Record) -> Iterator[str]:
    """A scored split is run to effective depth 8 D, and the verdicts are of the iterations that an evaluation keeps."""
    iterations = record.protocol.iterations
    scored = scored_iterations(split, record.model.layers_per_step)
    if task.benchmark is not None and split.name in task.benchmark.splits and iterations < scored[-1]:
        yield f"T = {iterations} ends before effective depth 8 D, which is at t = {scored[-1]}"
    if record.verdicts.iterations.tolist() != recorded_iterations(iterations, scored):
        yield "the verdicts are not of the powers of two, the scored iterations and T"


def _count_findings(record: Record) -> Iterator[str]:
    """The counts between the iterations that have every verdict, against the iteration at which each is first solved.

    Where there are verdicts, reading the record has compared them.
    """
    verdicts, counts = record.verdicts, np.array(record.primary.correct)
    first = np.bincount(verdicts.first_solved, minlength=len(counts) + 1)[1:]
    for wrong, what in (
        (counts > first.cumsum(), "more are right than were ever solved"),
        (counts < first, "fewer are right than are solved for the first time"),
    ):
        if wrong.any():
            yield f"at t = {wrong.argmax() + 1} {what}"
    if ((verdicts.first_solved == verdicts.iterations[:, None]) & ~verdicts.solved).any():
        yield "an example is not solved where it is first solved"


def _retirement_findings(record: Record) -> Iterator[str]:
    """Only what has settled leaves, where anything may leave at all, and enough of it runs on as an audit."""
    protocol, retired = record.protocol, record.retired
    assert retired is not None  # the record is complete
    if protocol.retirement and protocol.precision not in ("float64", "float32"):
        yield f"nothing retires in {protocol.precision}"
    if retired.count and not (protocol.retirement and protocol.iterations > PERIOD):
        yield "examples retired although none could"
    if retired.audited < min(retired.count, max(AUDITED_COUNT, AUDITED_SHARE * retired.count)):
        yield f"{retired.audited} of {retired.count} retired examples were audited, which is too few"
