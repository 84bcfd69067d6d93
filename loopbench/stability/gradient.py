"""How a gradient grows on its way back through the loop."""

from collections import deque
from typing import Self

import numpy as np
import torch
from pydantic import Field, model_validator

from loopbench.contracts import LoopedModel
from loopbench.evaluation.protocol import Stored
from loopbench.loop import trajectory
from loopbench.stability.course import Course
from loopbench.stability.estimate import Positive, Size
from loopbench.stability.linearization import Linearization, Products
from loopbench.stability.spectrum import finite_median
from loopbench.stability.vectors import Values, norms, random_unit, to_values

BACK = 64


class GradientGrowth(Stored):
    """‖(∂h_T/∂h_{T−k})ᵀ u‖ for a random unit u: what training through k iterations multiplies a gradient by."""

    k: list[Positive] = Field(min_length=1, description="iterations back from T")
    low: list[Size | None] = Field(description="least over examples; none: beyond any number")
    median: list[Size | None] = Field(description="median over examples")
    high: list[Size | None] = Field(description="largest over examples")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not len(self.k) == len(self.low) == len(self.median) == len(self.high):
            raise ValueError("k, low, median and high differ in length")
        return self


def measure_gradient_growth(
    model: LoopedModel, course: Course, products: Products | None = None
) -> GradientGrowth | None:
    """A product of k Jacobians, transposed, for k = 1 … 64 (Bengio et al. 1994, https://doi.org/10.1109/72.279181);
    `None` without a finite example.

    Args:
        model, course: as `sample` gives them.
    """
    if not len(course):
        return None
    products = products or Products()
    states = deque([course.start], maxlen=BACK + 1)
    with torch.no_grad():
        e = model.encode(course.inputs)
        states.extend(trajectory(model, course.inputs, course.iterations, start=course.start))
    states.pop()
    u = random_unit(course.end)
    sizes = list[Values]()
    for h in reversed(states):
        u, _ = Linearization(model, h, e, products).pull(u)
        sizes.append(to_values(norms(u)))
    return GradientGrowth(
        k=list(range(1, len(sizes) + 1)),
        low=[finite_or_none(row.min()) for row in sizes],
        median=[finite_median(row) for row in sizes],
        high=[finite_or_none(row.max()) for row in sizes],
    )


def finite_or_none(value: float) -> float | None:
    """What a record can hold of a number."""
    return float(value) if np.isfinite(value) else None
