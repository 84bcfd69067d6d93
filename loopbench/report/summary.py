"""From cells to architectures: seeds are averaged, and learning rates chosen on dev splits.

The axis `seed` is averaged over, axes that are named `optimizer.…` are chosen, and the others are compared. Nothing is
chosen on a split that is reported: where the study does not measure every cell on a dev split, those axes are compared
too. A cell that failed counts as one that solves nothing, in averages and in choices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from statistics import mean

from loopbench.report.results import Result
from loopbench.sweep.study import Labels, Study

SEED = "seed"
TUNED = "optimizer."
DEV = "dev-"
ALL = "all"
"""The name of the only line, or the only panel, where nothing is compared."""


@dataclass(frozen=True)
class Spread:
    """A rate over the seeds that were measured, `failed` of which count as 0; the study asks for `wanted` seeds."""

    mean: float
    low: float
    high: float
    seeds: int
    failed: int
    wanted: int


@dataclass(frozen=True)
class Row:
    """An architecture on a task: a choice on every axis that is compared.

    Attributes:
        labels: on the axes that are compared.
        chosen: on those that were tuned; empty if there are none, or nothing to choose by yet.
        provisional: whether a cell that the choice depends on is still to be measured.
        results: of its seeds, whether or not they have ended.
    """

    labels: Labels
    chosen: Labels
    provisional: bool
    results: tuple[Result, ...]

    def spread(self, split: str, t: int | None = None) -> Spread | None:
        """Its accuracy on a split after t iterations, by default all of them; `None` if no seed was measured."""
        asked = [result for result in self.results if split in result.splits]
        found = [rate for result in asked if (rate := result.accuracy(split, t)) is not None]
        failed = sum(result.status == "failed" for result in asked)
        return Spread(mean(found), min(found), max(found), len(found), failed, len(asked)) if found else None


@dataclass(frozen=True)
class Section:
    """The architectures on one task, whether or not they have begun.

    The last axis on which they differ has a panel, or a column, for each choice, and the others a line. A single axis
    has lines alone.

    Attributes:
        axes: those on which the rows differ, with their choices in the study's order.
    """

    rows: tuple[Row, ...]
    axes: dict[str, list[str]]

    @property
    def line_axes(self) -> list[str]:
        return list(self.axes)[: max(1, len(self.axes) - 1)]

    @property
    def panel_axes(self) -> list[str]:
        return list(self.axes)[1:][-1:]

    @property
    def lines(self) -> list[str]:
        return self._names(self.line_axes)

    @property
    def panels(self) -> list[str]:
        return self._names(self.panel_axes)

    def line(self, row: Row) -> str:
        return _name(row.labels, self.line_axes)

    def panel(self, row: Row) -> str:
        return _name(row.labels, self.panel_axes)

    def splits(self) -> list[str]:
        """Those that were measured and choose nothing, from the easiest to the hardest."""
        found = {
            name: record.split.difficulty
            for row in self.rows
            for result in row.results
            for name, record in result.records.items()
            if not name.startswith(DEV)
        }
        return sorted(found, key=lambda name: found[name])

    def iterations(self, split: str) -> int:
        """The most iterations that a model took on a split; 0 if none was measured."""
        records = (result.records.get(split) for row in self.rows for result in row.results)
        return max((record.protocol.iterations for record in records if record), default=0)

    def _names(self, axes: Sequence[str]) -> list[str]:
        there = {_name(row.labels, axes) for row in self.rows}
        choices = product(*(self.axes[axis] for axis in axes))
        names = (_name(dict(zip(axes, chosen, strict=True)), axes) for chosen in choices)
        return [name for name in names if name in there]


def summarize_study(study: Study, results: Sequence[Result]) -> dict[str, Section]:
    """The architectures of each task, each with its best setting on dev, in the study's order."""
    return {
        task: _section(study, [result for result in results if result.task == task])
        for task in dict.fromkeys(result.task for result in results)
    }


def unchosen_axes(results: Sequence[Result]) -> list[str]:
    """The axes to tune that are compared instead, since a task's cells are not all measured on a dev split."""
    tasks = {result.task: [other for other in results if other.task == result.task] for result in results}
    return list(
        dict.fromkeys(axis for found in tasks.values() if not _tuned(found) for axis in found[0].labels if _tunes(axis))
    )


def _section(study: Study, results: Sequence[Result]) -> Section:
    tuned = _tuned(results)
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        key = tuple(label for axis, label in result.labels.items() if axis != SEED and axis not in tuned)
        groups.setdefault(key, []).append(result)
    rows = tuple(_choose(group, tuned) for group in groups.values())
    orders = {
        axis: list(dict.fromkeys([*map(str, study.grid[axis]), *(row.labels[axis] for row in rows)]))
        for axis in rows[0].labels
    }
    there = {axis: {row.labels[axis] for row in rows} for axis in orders}
    axes = {axis: [label for label in order if label in there[axis]] for axis, order in orders.items()}
    return Section(rows, {axis: labels for axis, labels in axes.items() if len(labels) > 1})


def _choose(group: Sequence[Result], tuned: Sequence[str]) -> Row:
    """The setting that is best on dev, the first of those that are equal.

    Settings are compared on the seeds that all of them have, so that none wins for the seeds that it lacks; one that
    has none yet takes no part.
    """
    settings: dict[tuple[str, ...], list[Result]] = {}
    for result in group:
        settings.setdefault(tuple(result.labels[axis] for axis in tuned), []).append(result)
    rates = {
        key: {_seed(r): rate for r in found if (rate := _dev_rate(r)) is not None} for key, found in settings.items()
    }
    begun = {key: found for key, found in rates.items() if found} or rates
    shared = set[str].intersection(*(set(found) for found in begun.values()))
    best = max(begun, key=lambda key: mean([begun[key][seed] for seed in shared or begun[key]] or [0.0]))
    results = settings[best]
    chosen = dict(zip(tuned, best, strict=True)) if rates[best] else {}
    labels = {axis: label for axis, label in results[0].labels.items() if axis != SEED and axis not in tuned}
    provisional = any(len(rates[key]) < len(found) for key, found in settings.items())
    return Row(labels, chosen, provisional, tuple(results))


def _dev_rate(result: Result) -> float | None:
    """The mean over a cell's dev splits of the accuracy at the last iteration; `None` before all are measured."""
    rates = [result.accuracy(split) for split in result.splits if split.startswith(DEV)]
    known = [rate for rate in rates if rate is not None]
    return mean(known) if known and len(known) == len(rates) else None


def _seed(result: Result) -> str:
    return result.labels.get(SEED, "")


def _tuned(results: Sequence[Result]) -> list[str]:
    measured = all(any(split.startswith(DEV) for split in result.splits) for result in results)
    return [axis for axis in results[0].labels if _tunes(axis)] if measured else []


def _tunes(axis: str) -> bool:
    return axis.startswith(TUNED)


def _name(labels: Labels, axes: Sequence[str]) -> str:
    return ", ".join(labels[axis] for axis in axes) or ALL
