"""The tables of the leaderboard: a row an entry, a table a task and track, everything from the records' integers.

All figures are of the iterations up to effective depth 8 D, so that records that go on for longer compare with others.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbench.contracts import Split, Task
from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import scored_iterations
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import Estimate, correlation, difference, mean, rate, summarize
from loopbench.leaderboard.ranks import ranks
from loopbench.leaderboard.scores import score
from loopbench.leaderboard.submission import Entry, Track
from loopbench.plugins import get_task
from loopbench.tasks.splits import find_split


@dataclass(frozen=True)
class Row:
    """What a table says of an entry. Rates are in %.

    Attributes:
        rank: 1 + the number of verified entries that are significantly better; `None` if the entry was found not to be
            what it claims.
        accuracy: the mean over the scored splits of the accuracy at 8 D.
        overthinking: the mean over the scored splits of the peak accuracy minus that at 8 D. The peak is that of these
            very examples, so a curve that only wavers has a little of it.
        retention: of the examples of the scored splits that are solved at some iteration up to 8 D, the share still
            solved there; `None` if there are none.
        flops_per_iteration: of one step on one example of the last scored split.
    """

    entry: Entry
    rank: int | None
    score: Estimate
    accuracy: Estimate
    overthinking: Estimate
    retention: Estimate | None
    parameters: int
    layers_per_step: int
    flops_per_iteration: int


@dataclass(frozen=True)
class Table:
    """The entries that are ranked together, those of the highest score first."""

    task: Task
    track: Track
    time_dependent: bool
    rows: Sequence[Row]


def standings(entries: Iterable[Entry]) -> list[Table]:
    """The tables, by task; the closed track before the open one.

    Raises:
        LoopbenchError: an entry has no score.
    """
    groups: dict[tuple[str, Track, bool], list[Entry]] = defaultdict(list)
    for entry in entries:
        submission = entry.submission
        groups[entry.record.task.name, submission.track, submission.model.time_dependent].append(entry)
    tables: list[Table] = []
    for key in sorted(groups):
        task = get_task(key[0])
        tables.append(Table(task, *key[1:], rows=_rows(task, groups[key])))
    return tables


def _rows(task: Task, entries: Sequence[Entry]) -> list[Row]:
    ranked = [entry for entry in entries if entry.verification is None or entry.verification.verdict == "verified"]
    rank_of: dict[str, int] = {}
    if ranked:
        points = [np.stack([_points(split, entry) for entry in ranked]) for split in scored_splits(task)]
        verified = np.array([entry.verification is not None for entry in ranked])
        rank_of = {entry.name: rank for entry, rank in zip(ranked, ranks(points, verified), strict=True)}
    rows = [_row(task, entry, rank_of.get(entry.name)) for entry in entries]
    return sorted(rows, key=lambda row: (-row.score.value, row.entry.name))


def scored_splits(task: Task) -> list[Split]:
    """The splits of a task's benchmark, from easy to hard.

    Raises:
        LoopbenchError: it has none.
    """
    if task.benchmark is None:
        raise LoopbenchError(f"task {task.name} has no benchmark, so its models are not ranked")
    splits = [find_split(task, name) for name in task.benchmark.splits]
    return sorted(splits, key=lambda split: split.difficulty)


def _row(task: Task, entry: Entry, rank: int | None) -> Row:
    found = score(task, entry.records.values())
    records = [_record(split, entry) for split in scored_splits(task)]
    ever = sum(int((record.verdicts.first_solved > 0).sum()) for record in records)
    last = sum(record.primary.correct[-1] for record in records)
    cost = records[-1].cost
    assert cost is not None  # the record is complete
    return Row(
        entry=entry,
        rank=rank,
        score=found,
        accuracy=100 * mean([rate(record.primary.correct[-1], record.primary.n) for record in records]),
        overthinking=100 * mean([_overthinking(record) for record in records]),
        retention=100 * rate(last, ever) if ever else None,
        parameters=entry.record.model.parameters,
        layers_per_step=entry.record.model.layers_per_step,
        flops_per_iteration=cost.flops_per_iteration,
    )


def _record(split: Split, entry: Entry) -> Record:
    """The record of a scored split up to 8 D.

    Raises:
        LoopbenchError: there is none, or it does not keep the verdicts on all examples at the scored depths.
    """
    if (record := entry.records.get(split.name)) is None:
        raise LoopbenchError(f"{entry.name} has no record of {split.name}")
    scored = scored_iterations(split, record.model.layers_per_step)
    if not set(scored) <= set(record.verdicts.iterations.tolist()) or record.primary.n != split.count:
        raise LoopbenchError(f"{entry.name}: the record of {split.name} lacks verdicts at the scored depths")
    return record.until(scored[-1])


def _overthinking(record: Record) -> Estimate:
    """Peak minus last. How the two go together is seen at the iteration nearest the peak that has every verdict."""
    verdicts, n = record.verdicts, record.primary.n
    peak = summarize(record).peak_iteration or record.protocol.iterations
    nearest = int(np.abs(verdicts.iterations - peak).argmin())
    together = correlation(verdicts.solved[nearest], verdicts.solved[-1])
    counts = record.primary.correct
    return difference(rate(counts[peak - 1], n), rate(counts[-1], n), together)


def _points(split: Split, entry: Entry) -> NDArray[np.uint8]:
    """At how many of the scored depths each example is right, `(n,)`."""
    record = _record(split, entry)
    scored = np.array(scored_iterations(split, record.model.layers_per_step))
    return record.verdicts.solved[np.searchsorted(record.verdicts.iterations, scored)].sum(0).astype(np.uint8)
