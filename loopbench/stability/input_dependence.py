"""Axis two: do different inputs end at different points?"""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from loopbench.contracts import LoopedModel
from loopbench.evaluation.protocol import Stored
from loopbench.evaluation.record import Count
from loopbench.stability.course import Course, observed
from loopbench.stability.estimate import Estimate, Positive, interval, resamples
from loopbench.stability.fates import reached
from loopbench.stability.starts import Starts
from loopbench.stability.vectors import Values, to_values

TOLERANCES = (1e-1, 3e-2, 1e-2)  # of the norm; the least is ten times what may be left of a path


class DistinctPoints(Stored):
    """How many fixed points N inputs reach."""

    tolerance: float = Field(gt=0, description="of the root mean square norm: points that are nearer count as one")
    counts: list[Positive] = Field(description="among the first 1, 2, 4 … N inputs that reach a point")


class InputDependence(Stored):
    """How much of where the loop ends is decided by the input."""

    ratio: Estimate | None = Field(
        description="between / (between + within): 1: the input alone decides, 0: the start or nothing does; none: "
        "there are not two finite inputs from two starts"
    )
    between: float | None = Field(ge=0, description="variance between inputs, over the mean square norm of the ends")
    within: float | None = Field(ge=0, description="variance between starts of one input, likewise")
    converged: Count = Field(description="inputs that reach a point")
    inputs: list[Positive] = Field(description="1, 2, 4 … and all of them, the abscissa of `distinct`")
    distinct: list[DistinctPoints] = Field(
        min_length=1, description="fixed points that they reach, under several tolerances"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.inputs[-1] if self.inputs else 0) != self.converged:
            raise ValueError(f"inputs does not end at converged, {self.converged}")
        if any(len(points.counts) != len(self.inputs) for points in self.distinct):
            raise ValueError("distinct has other than a count for each of inputs")
        return self


def measure_input_dependence(model: LoopedModel, starts: Starts) -> InputDependence:
    """The variance of the ends between inputs against that between starts, and the number of distinct fixed points."""
    ends = [observed(model, course.end).double() for course in (starts.course, *starts.others.values())]
    ratio, between, within = variance_ratio(torch.stack(ends, 1), starts.course.epsilon)
    converged, inputs, distinct = count_points(model, starts.course)
    return InputDependence(
        ratio=ratio, between=between, within=within, converged=converged, inputs=inputs, distinct=distinct
    )


def variance_ratio(ends: Tensor, epsilon: float) -> tuple[Estimate | None, float | None, float | None]:
    """The intraclass correlation ICC(1) (Shrout & Fleiss 1979, https://doi.org/10.1037/0033-2909.86.2.420).

    With S starts of each of N inputs: between = (MSB − MSW) / S and within = MSW, the mean squares between inputs and
    within them, summed over dimensions. A variance below rounding is none, and none over none is a ratio of 0: all
    ends are one point, so the input decides nothing.

    Args:
        ends: `(N, S, D)` in float64.
        epsilon: the machine epsilon of what they were computed in.

    Returns:
        The ratio with its bootstrap interval over inputs, and between and within over the mean square norm; all `None`
        unless there are two starts of two inputs that are finite.
    """
    ends = ends[ends.isfinite().all(2).all(1)]
    n, s = ends.shape[:2]
    if n < 2 or s < 2:
        return None, None, None
    size = ends.square().sum(2).mean().item()
    means = ends.mean(1)
    means = means - means.mean(0)  # or differences of the Gram matrix would be lost in rounding
    gram = to_values(means @ means.T)
    inside = to_values((ends - ends.mean(1, keepdim=True)).square().sum((1, 2)) / (s - 1))
    noise = (100 * epsilon) ** 2 * size

    def parts(rows: NDArray[np.int64]) -> tuple[Values, Values]:
        weights = np.stack([np.bincount(row, minlength=n) for row in rows]).astype(float)
        spread = weights @ gram.diagonal() - ((weights @ gram) * weights).sum(1) / n
        within = weights @ inside / n
        between = np.maximum(0, spread / (n - 1) - within / s)
        return np.where(between > noise, between, 0), np.where(within > noise, within, 0)

    def ratios(between: Values, within: Values) -> Values:
        total = between + within
        return np.divide(between, total, out=np.zeros_like(total), where=total > 0)

    between, within = parts(np.arange(n)[None])
    value = ratios(between, within)[0]
    # a resample that repeats inputs has less variance between them, never more: keep the estimate inside
    low, high = interval(ratios(*parts(resamples(n))))
    estimate = Estimate(value=float(value), low=float(min(low, value)), high=float(max(high, value)), n=n)
    return estimate, float(between[0]) / size if size else 0.0, float(within[0]) / size if size else 0.0


def count_points(model: LoopedModel, course: Course) -> tuple[int, list[int], list[DistinctPoints]]:
    """The distinct fixed points of a course: each input's is new if it is farther than the tolerance from all that
    were found before it (a greedy covering, in the order of the inputs).

    Returns:
        How many inputs reach a point; 1, 2, 4 … and that number; the counts under every tolerance.
    """
    kept = torch.as_tensor(reached(course), device=course.end.device)
    points = observed(model, course.end[kept]).double()
    n = len(points)
    inputs = sorted({*(2**i for i in range(n.bit_length())), n} - {0})
    size = points.square().sum(1).mean().sqrt().item() if n else 0.0
    near = to_values(torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist"))
    distinct = [
        DistinctPoints(tolerance=tolerance, counts=_greedy(near <= tolerance * size, inputs))
        for tolerance in TOLERANCES
    ]
    return n, inputs, distinct


def _greedy(near: NDArray[np.bool_], inputs: list[int]) -> list[int]:
    found: list[int] = []
    counts: list[int] = []
    for i in range(len(near)):
        if not near[i, found].any():
            found.append(i)
        counts.append(len(found))
    return [counts[n - 1] for n in inputs]
