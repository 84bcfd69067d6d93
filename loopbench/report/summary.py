"""From cells to architectures: seeds are averaged, and learning rates chosen on dev splits.

The axis `seed` is averaged over, axes that are named `optimizer.…` are chosen, and the others are compared. Nothing is
chosen on a split that is reported. A cell that failed counts as one that solves nothing, in averages and in choices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from loopbench.report.results import Result
from loopbench.sweep.study import Labels, Study

SEED = "seed"
TUNED = "optimizer."
DEV = "dev-"


@dataclass(frozen=True)
class Spread:
    """A rate over the seeds that have ended; `failed` of them count as 0."""

    mean: float
    low: float
    high: float
    seeds: int
    failed: int


@dataclass(frozen=True)
class Row:
    """An architecture on a task: a choice on every axis that is compared.

    Attributes:
        labels: on the axes that are compared.
        chosen: on those that were tuned; empty if there are none.
        results: of its seeds, as far as they have ended.
        wanted: how many seeds the study has.
    """

    task: str
    labels: Labels
    chosen: Labels
    results: tuple[Result, ...]
    wanted: int

    def spread(self, split: str, t: int | None = None) -> Spread | None:
        """Its accuracy on a split after t iterations, by default all of them; `None` if no seed was measured."""
        found = [rate for result in self.results if (rate := result.accuracy(split, t)) is not None]
        failed = sum(result.failed for result in self.results)
        return Spread(mean(found), min(found), max(found), len(found), failed) if found else None


def summarize_study(study: Study, results: Sequence[Result]) -> list[Row]:
    """The architectures of which a cell has ended, each with its best setting on dev, in the study's order."""
    wanted: dict[tuple[str, ...], set[str]] = {}
    for labels, _ in study.points():
        wanted.setdefault(_compared(labels), set()).add(labels.get(SEED, ""))
    groups: dict[tuple[str, ...], dict[tuple[str, ...], list[Result]]] = {}
    for result in results:
        settings = groups.setdefault(_compared(result.labels), {})
        settings.setdefault(tuple(_tuned(result.labels).values()), []).append(result)
    rows: list[Row] = []
    for key in wanted:
        if key in groups:
            best = max(groups[key].values(), key=_dev_score)  # the first of those that are equal
            chosen = _tuned(best[0].labels)
            labels = {axis: best[0].labels[axis] for axis in best[0].labels if axis != SEED and axis not in chosen}
            rows.append(Row(best[0].task, labels, chosen, tuple(best), len(wanted[key])))
    return rows


def reported_splits(rows: Sequence[Row]) -> list[str]:
    """The splits of some rows that choose nothing, from the easiest to the hardest."""
    found = {
        name: record.split.difficulty
        for row in rows
        for result in row.results
        for name, record in result.records.items()
        if not name.startswith(DEV)
    }
    return sorted(found, key=lambda name: found[name])


def compared_axes(rows: Sequence[Row]) -> list[str]:
    """The axes on which some rows differ."""
    return [axis for axis in rows[0].labels if len({row.labels[axis] for row in rows}) > 1]


def _dev_score(seeds: Sequence[Result]) -> float:
    """The mean over seeds and dev splits of the accuracy at the last iteration."""
    splits = {name for result in seeds for name in result.records if name.startswith(DEV)}
    rates = [result.accuracy(split) for result in seeds for split in splits]
    return mean([rate for rate in rates if rate is not None] or [0.0])


def _compared(labels: Labels) -> tuple[str, ...]:
    return tuple(label for axis, label in labels.items() if axis != SEED and not axis.startswith(TUNED))


def _tuned(labels: Labels) -> Labels:
    return {axis: label for axis, label in labels.items() if axis.startswith(TUNED)}
