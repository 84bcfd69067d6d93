"""How fast nearby states part."""

from copy import deepcopy

import numpy as np
import torch

from loopbench.contracts import LoopedModel
from loopbench.loop import trajectory
from loopbench.stability.course import Course
from loopbench.stability.linearization import Linearization, Products
from loopbench.stability.vectors import Values, normalized, norms, random_unit, to_values


def leading_exponents(model: LoopedModel, course: Course, rows: list[int], products: Products) -> Values:
    """The leading Lyapunov exponent of some examples, `(len(rows),)` per iteration.

    λ = 1/s Σ ln(‖J_t v‖ / ‖v‖) over the last s = T // 2 iterations, with v carried along and normalized at each
    (Benettin et al. 1980, https://doi.org/10.1007/BF02128236); the first half turns a random v into the direction that
    grows most. At a fixed point it is ln ρ(J), on a turning circle 0, in chaos above 0. −∞ where J v = 0.

    The states and products are in float64, whatever the course was followed in.
    """
    model, found = deepcopy(model).double(), np.empty(len(rows))
    for first in range(0, len(rows), course.batch_size):
        chosen = rows[first : first + course.batch_size]
        index = torch.as_tensor(chosen, device=course.inputs.device)
        found[first : first + len(chosen)] = _exponents(model, course, index, products)
    return found


def _exponents(model: LoopedModel, course: Course, rows: torch.Tensor, products: Products) -> Values:
    iterations, h = course.iterations, course.start[rows].double()
    v, total = random_unit(h), h.new_zeros(len(rows))
    with torch.no_grad():
        e = model.encode(course.inputs[rows])
        for t, following in enumerate(trajectory(model, course.inputs[rows], iterations, start=h), 1):
            v = Linearization(model, h, e, products).push(v)
            size, v = norms(v), normalized(v)
            if t > iterations - iterations // 2:
                total += size.log()
            h = following
    return to_values(total / (iterations // 2))
