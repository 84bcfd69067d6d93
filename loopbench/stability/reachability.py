"""Axis one: does the loop arrive anywhere?"""

from typing import Annotated, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from loopbench.contracts import LoopedModel
from loopbench.evaluation.protocol import Stored
from loopbench.evaluation.record import MAX_EXAMPLES
from loopbench.stability.course import Course
from loopbench.stability.estimate import Estimate, Size, median, share
from loopbench.stability.fates import TOLERANCE, Fate, fates, periods, rates, reached_at
from loopbench.stability.linearization import Products
from loopbench.stability.lyapunov import leading_exponents
from loopbench.stability.vectors import Values

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class ExampleFate(Stored):
    fate: Fate = Field(description="where its state goes")
    reached_at: int | None = Field(ge=0, description="first t from which the whole path to the end is below tolerance")
    answered_at: int = Field(ge=1, description="last t at which a cell's answer changes; 1: it never does")
    rate: float | None = Field(ge=0, description="factor by which its change shrinks in one iteration at the end")
    period: int | None = Field(ge=2, description="of its cycle, in iterations")
    lyapunov: float | None = Field(description="leading exponent per iteration, of those that reach no point")


class Reachability(Stored):
    """Where the states of a batch go under Δ_t = step(h_t) − h_t, and when they get there."""

    tolerance: float = Field(description="of a state's norm: the path that may be left where a point counts as reached")
    reached: Estimate = Field(description="share of the examples whose change decays geometrically to below that")
    reached_at: Estimate | None = Field(description="median t of those")
    answered_at: Estimate = Field(description="median t at which the answer changes for the last time, of all")
    rate: Estimate | None = Field(description="median factor by which the change shrinks, of those that converge")
    lyapunov: Estimate | None = Field(description="median leading exponent of those that reach no point")
    fates: dict[Fate, int] = Field(description="how many examples have each fate")
    residuals: list[Annotated[list[Size | None], Field(min_length=len(QUANTILES), max_length=len(QUANTILES))]] = Field(
        description="the 5, 25, 50, 75 and 95 % quantiles of ‖Δ_t‖ / ‖h_t‖ for t = 1 … T − 1; none: beyond any number"
    )
    examples: list[ExampleFate] = Field(max_length=MAX_EXAMPLES, description="every example")


def measure_reachability(model: LoopedModel, course: Course, products: Products | None = None) -> Reachability:
    """Which examples reach a fixed point, when, how fast, and what the others do."""
    products = products or Products()
    exponents = np.full(len(course), np.nan)

    def lyapunov(rows: NDArray[np.int64]) -> Values:
        exponents[rows] = leading_exponents(model, course, rows.tolist(), products)
        return exponents[rows]

    kinds = fates(course, lyapunov)
    arrived, speeds, cycles = reached_at(course), rates(course), periods(course)
    converge = np.isin(kinds, ("reached", "converging"))
    count = kinds.count("reached")
    reached = share(count, len(course))
    answered = median(course.answered_at.astype(float))
    assert reached and answered  # a course has an example
    return Reachability(
        tolerance=TOLERANCE,
        reached=reached,
        reached_at=median(arrived[arrived >= 0].astype(float)),
        answered_at=answered,
        rate=median(speeds[converge]),
        lyapunov=median(exponents),
        fates={fate: kinds.count(fate) for fate in get_args(Fate) if fate in kinds},
        residuals=_residuals(course),
        examples=[
            ExampleFate(
                fate=fate,
                reached_at=int(arrived[i]) if fate == "reached" else None,
                answered_at=int(course.answered_at[i]),
                rate=float(speeds[i]) if converge[i] else None,
                period=int(cycles[i]) if fate == "cycle" else None,
                lyapunov=float(exponents[i]) if np.isfinite(exponents[i]) else None,
            )
            for i, fate in enumerate(kinds)
        ],
    )


def _residuals(course: Course) -> list[list[float | None]]:
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = course.changes[1:] / course.norms[1:-1]
    relative = np.where(course.changes[1:] == 0, 0, np.nan_to_num(relative, nan=np.inf, posinf=np.inf))
    # an order statistic: between a number and infinity there is no mean
    quantiles = np.quantile(relative, QUANTILES, axis=1, method="nearest").T
    return [[float(q) if np.isfinite(q) else None for q in row] for row in quantiles]
