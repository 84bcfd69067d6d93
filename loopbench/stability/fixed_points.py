"""Axis three, at the fixed point itself: where it is, whether iteration can reach it, how it moves with the input.

Matrix-free throughout: I − J is only ever applied to vectors.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from loopbench.contracts import LoopedModel
from loopbench.evaluation.protocol import Stored
from loopbench.stability.course import Course, observed
from loopbench.stability.estimate import Estimate, Size, median
from loopbench.stability.krylov import largest_eigenvalue, solve
from loopbench.stability.linearization import Linearization, Operator, Products
from loopbench.stability.spectrum import spectrum_at
from loopbench.stability.vectors import norms, random_unit, to_values

NEWTON_STEPS = 12
DAMPING = (1.0, 0.5, 0.25, 0.125, 0.0625)
PROGRESS = 0.99  # a step must bring ‖step(h) − h‖ below that share of what it was
FORCING = 1e-6  # relative residual of a step's system: six digits more an iteration
RESIDUAL = 1e-10  # of the state's norm: a fixed point in float64
SINGULAR = 1e-6  # smallest singular value of I − J, whose scale is that of I
SYSTEM = 1e-8  # relative residual that a linear system is solved to
SOLVED = 1e-6  # the most that any system may end with, or its answer is none
KRYLOV = 320
EXTREMES = 16  # products of the iterations for singular values
ACCURACY = 1e-2  # of those

Undefined = Literal["no fixed point", "I − J is singular"]


class FixedPoint(Stored):
    """What is known at the fixed point that Newton's method finds from an example's last state."""

    residual: Size | None = Field(description="‖step(h) − h‖ / ‖h‖ there; none: beyond any number")
    moved: Size | None = Field(description="distance from h_T over ‖h_T‖")
    undefined: Undefined | None = Field(
        description="why there is no sensitivity: the residual is not below 1e-10, or the smallest singular value of "
        "I − J is below 1e-6 or too small for the system to be solved in 320 products"
    )
    smallest_singular: Size | None = Field(description="of I − J, where it could be computed")
    radius: Size | None = Field(description="ρ(J) there, of a fixed point")
    reachable: bool | None = Field(description="whether ρ(J) < 1: iteration goes there from nearby")
    sensitivity: Size | None = Field(description="‖∂h*/∂e‖, the largest singular value; none: undefined here")


class FixedPoints(Stored):
    """The fixed points of a few examples."""

    sensitivity: Estimate | None = Field(description="median ‖∂h*/∂e‖ of those where it is defined")
    radius: Estimate | None = Field(description="median ρ(J) of those that are fixed points")
    points: list[FixedPoint] = Field(description="every example's")


@dataclass(frozen=True)
class Polished:
    """Where Newton's method ended.

    Attributes:
        h: states, batch first.
        residual: `(B,)` ‖step(h) − h‖ / ‖h‖; for h = 0, ‖step(h)‖.
    """

    h: Tensor
    residual: Tensor


def polish(model: LoopedModel, h: Tensor, e: Tensor, products: Products) -> Polished:
    """Newton's method for step(h, e) = h: h ← h + s (I − J)⁻¹ (step(h) − h), with the largest s of 1, ½ … 1/16 that
    shortens that step; an example that none helps stays where it is. At most 12 steps."""
    change = _change(model, h, e)
    active = ~_is_fixed(change, h)
    for _ in range(NEWTON_STEPS):
        rows = active.nonzero()[:, 0]
        if not len(rows):
            break
        at, into = h[rows], e[rows]
        step = Linearization(model, at, into, products)
        b = (step.value - at).flatten(1)
        direction = solve(_one_minus(step.push), b, KRYLOV, FORCING)[0].view_as(at)
        best, lowest = at, change[rows]
        better = torch.zeros_like(rows, dtype=torch.bool)
        for damping in DAMPING:
            trial = at + damping * direction
            found = _change(model, trial, into)
            accepted = ~better & (found < PROGRESS * lowest)
            best = torch.where(accepted.view(-1, *(1,) * (at.ndim - 1)), trial, best)
            lowest = torch.where(accepted, found, lowest)
            better |= accepted
        h, change = h.index_copy(0, rows, best), change.index_copy(0, rows, lowest)
        active = active.index_copy(0, rows, better & ~_is_fixed(lowest, best))
    size = norms(h.flatten(1))
    return Polished(h, change / torch.where(size > 0, size, 1))


def measure_fixed_points(model: LoopedModel, course: Course, products: Products | None = None) -> FixedPoints:
    """Polish the last states of a few examples to fixed points, and differentiate these by the implicit function
    theorem: ∂h*/∂e = (I − J)⁻¹ K with J = ∂step/∂h and K = ∂step/∂e (Bai et al. 2019,
    https://arxiv.org/abs/1909.01377).

    It is defined wherever h* is a fixed point and I − J is regular, also where ρ(J) ≥ 1 and iteration would not get
    there. Singular values are by Arnoldi's process on SᵀS, from below and to 1 % or 16 iterations.

    Args:
        model, course: as `sample` gives them.
    """
    if not len(course):
        return FixedPoints(sensitivity=None, radius=None, points=[])
    products = products or Products()
    with torch.no_grad():
        e = model.encode(course.inputs)
        polished = polish(model, course.end, e, products)
        h = polished.h
        before = observed(model, course.end)
        moved = to_values(norms(observed(model, h) - before) / norms(before)).tolist()
    residuals: list[float] = to_values(polished.residual).tolist()
    fixed = [residual <= RESIDUAL for residual in residuals]
    singular, sensitivity, radius = (list[float | None]([None] * len(fixed)) for _ in range(3))
    rows = [i for i, is_fixed in enumerate(fixed) if is_fixed]
    if rows:
        step = Linearization(model, h[rows], e[rows], products)
        found = (
            spectrum_at(model, h[rows], e[rows], products).values[:, 0],
            smallest_singular(step, random_unit(h[rows])),
        )
        for i, value, least in zip(rows, *found, strict=True):
            radius[i], singular[i] = float(abs(value)), least
    rows = [i for i in rows if (singular[i] or 0) > SINGULAR]
    if rows:
        step = Linearization(model, h[rows], e[rows], products)
        for i, value in zip(rows, sensitivity_norm(step, random_unit(e[rows])), strict=True):
            sensitivity[i] = value
    points = [
        FixedPoint(
            residual=_finite(residuals[i]),
            moved=_finite(moved[i]),
            undefined=None if sensitivity[i] is not None else "I − J is singular" if fixed[i] else "no fixed point",
            smallest_singular=singular[i],
            radius=radius[i],
            reachable=None if (rho := radius[i]) is None else rho < 1,
            sensitivity=sensitivity[i],
        )
        for i in range(len(fixed))
    ]
    return FixedPoints(sensitivity=_median(sensitivity), radius=_median(radius), points=points)


def derivative(step: Linearization, w: Tensor) -> tuple[Tensor, Tensor]:
    """(∂h*/∂e) w = (I − J)⁻¹ K w at a linearization in a fixed point, and the relative residual of that system."""
    return solve(_one_minus(step.push), step.push_input(w), KRYLOV, SYSTEM)


def smallest_singular(step: Linearization, start: Tensor) -> list[float | None]:
    """σ_min(I − J) of every example, by inverse iteration; `None` where the systems could not be solved."""
    forward, backward = _Solver(step.push), _Solver(lambda u: step.pull(u)[0])
    largest = largest_eigenvalue(lambda v: forward(backward(v)), start, EXTREMES, ACCURACY)
    return [
        float(value**-0.5) if max(worst) <= SOLVED else None
        for value, *worst in zip(largest, forward.residuals(), backward.residuals(), strict=True)
    ]


def sensitivity_norm(step: Linearization, start: Tensor) -> list[float | None]:
    """‖(I − J)⁻¹ K‖₂ of every example; `None` where the systems could not be solved."""
    forward, backward = _Solver(step.push), _Solver(lambda u: step.pull(u)[0])
    largest = largest_eigenvalue(
        lambda w: step.pull(backward(forward(step.push_input(w))))[1], start, EXTREMES, ACCURACY
    )
    return [
        float(value**0.5) if max(worst) <= SOLVED else None
        for value, *worst in zip(largest, forward.residuals(), backward.residuals(), strict=True)
    ]


class _Solver:
    """b ↦ (I − A)⁻¹ b, which remembers the worst residual of every example."""

    def __init__(self, apply: Operator) -> None:
        self.apply = _one_minus(apply)
        self.worst = torch.zeros(())

    def __call__(self, b: Tensor) -> Tensor:
        x, residual = solve(self.apply, b, KRYLOV, SYSTEM)
        self.worst = torch.maximum(self.worst.to(residual), residual.nan_to_num(nan=torch.inf))
        return x

    def residuals(self) -> list[float]:
        """The worst relative residual of every example so far."""
        return to_values(self.worst).tolist()


def _one_minus(apply: Operator) -> Operator:
    return lambda v: v - apply(v)


def _change(model: LoopedModel, h: Tensor, e: Tensor) -> Tensor:
    """‖step(h) − h‖ of whole states, `(B,)`."""
    with torch.no_grad():
        return norms((model.step(h, e) - h).flatten(1)).nan_to_num(nan=torch.inf)


def _is_fixed(change: Tensor, h: Tensor) -> Tensor:
    return change <= RESIDUAL * norms(h.flatten(1))


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


def _median(values: list[float | None]) -> Estimate | None:
    return median(torch.tensor([value for value in values if value is not None], dtype=torch.float64).numpy())
