"""Curves as the pages draw them: thinned, with their intervals, and one small one for a row of the overview."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loopbench.contracts import Task
from loopbench.evaluation.protocol import DEPTH_MULTIPLIERS, iterations_to_depth, scored_iterations
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import wilson
from loopbench.tasks.splits import find_split

POINTS = 64
DIGITS = 4  # of a rate

# the sparkline: a fourth of an octave of effective depth a step, from D / 16 to 8 D
STEPS = range(-16, 13)
STEP, HEIGHT, PAD = 5, 34, 2
WIDTH = STEP * (len(STEPS) - 1)


def curve_data(task: Task, records: Mapping[str, Record]) -> dict[str, Any]:
    """What the charts need of one model's records, as JSON: per split rows of t, accuracy, and its 95 % interval."""
    record = next(iter(records.values()))
    cost = record.cost
    return {
        "layers": record.model.layers_per_step,
        "flops": cost.flops_per_iteration if cost else 0,
        "trained": record.model.train_iterations,
        "splits": [
            {"split": name, "points": _points(record, scored_iterations(find_split(task, name), _layers(record)))}
            for name, record in records.items()
        ],
    }


def _layers(record: Record) -> int:
    return record.model.layers_per_step


def _points(record: Record, scored: Sequence[int]) -> list[list[float | int]]:
    """Evenly spaced on a log axis, with the scored iterations; where nothing changes, the ends are enough.

    A row is t, accuracy, low, high, and 1 at a scored iteration.
    """
    correct, n, last = record.primary.correct, record.primary.n, record.protocol.iterations
    spaced = {round(last ** (i / (POINTS - 1))) for i in range(POINTS)}
    kept = sorted({1, last, *spaced, *(t for t in scored if t <= last)})
    rows: list[list[float | int]] = []
    for before, t, after in zip([None, *kept], kept, [*kept[1:], None], strict=False):
        if before and after and t not in scored and correct[before - 1] == correct[t - 1] == correct[after - 1]:
            continue
        low, high = wilson(correct[t - 1], n)
        rates = [round(rate, DIGITS) for rate in (correct[t - 1] / n, low, high)]
        rows.append([t, *rates, int(t in scored)])
    return rows


@dataclass(frozen=True)
class Sparkline:
    """The mean accuracy over the scored splits against effective depth in units of each split's D.

    Attributes:
        path: of an SVG of `WIDTH` by `HEIGHT`: the curve, closed outside of the picture.
        label: the same in words.
    """

    path: str
    label: str


def sparkline(task: Task, records: Mapping[str, Record], splits: Sequence[str]) -> Sparkline:
    """The small curve of a model that has records of all `splits`, to 8 D."""
    heights = [round(HEIGHT - PAD - (HEIGHT - 2 * PAD) * _mean(task, records, splits, 2 ** (k / 4))) for k in STEPS]
    points = [
        (STEP * i, y)
        for i, y in enumerate(heights)
        if not 0 < i < len(heights) - 1 or not heights[i - 1] == y == heights[i + 1]
    ]
    middle = "L".join(f"{x} {y}" for x, y in points)
    at = ", ".join(
        f"{100 * _mean(task, records, splits, m):.0f} % at {'' if m == 1 else f'{m} '}D" for m in DEPTH_MULTIPLIERS
    )
    return Sparkline(f"M-2 {HEIGHT + 2}L-2 {heights[0]}L{middle}L{WIDTH + 2} {heights[-1]}V{HEIGHT + 2}", at)


def _mean(task: Task, records: Mapping[str, Record], splits: Sequence[str], multiple: float) -> float:
    """Mean accuracy over splits at `multiple` times the D of each."""
    rates: list[float] = []
    for name in splits:
        record, depth = records[name], find_split(task, name).depth
        t = iterations_to_depth(math.ceil(depth * multiple), record.model.layers_per_step)
        rates.append(record.primary.correct[min(max(t, 1), record.protocol.iterations) - 1] / record.primary.n)
    return math.fsum(rates) / len(rates)
