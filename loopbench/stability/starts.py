"""Does the end depend on where the loop starts? The same inputs again, from other starts."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from loopbench.contracts import LoopedModel
from loopbench.evaluation.protocol import Stored
from loopbench.stability.course import Course, first_states, follow, observed
from loopbench.stability.estimate import Estimate, mean, share
from loopbench.stability.fates import reached
from loopbench.stability.vectors import Values, norms, random_unit, to_values

Elsewhere = Literal["starts", "ends", "draws"]
"""Another input's first state, another input's last state, another random first state."""

SAME = 1e-2  # of the norm: two ends that are nearer are one point; ten times what may be left of a path


@dataclass(frozen=True)
class Starts:
    """A course, and its inputs followed from elsewhere.

    Attributes:
        injects: whether the step depends on the injected input at all.
        others: by where they start; empty if there is but one input and no randomness.
        partner: `(N,)` whose end each input was given; the start was another one's, where there are three inputs.
    """

    course: Course
    injects: bool
    others: dict[Elsewhere, Course]
    partner: Tensor


class PathIndependence(Stored):
    """Whether a fixed point depends on the start (Anil et al. 2022, https://arxiv.org/abs/2211.09961)."""

    same: dict[Elsewhere, Estimate] = Field(
        description="share of the inputs that reach the same point from another input's first state (starts), from "
        "another input's last state (ends) and, where starts are random, from another draw (draws)"
    )
    alignment: Estimate | None = Field(
        description="asymptotic alignment: mean cosine of the ends Z′ and Z″, the latter from another input's Z′"
    )
    baseline: Estimate | None = Field(description="mean cosine of an input's Z′ and another input's Z′")


def follow_from_elsewhere(model: LoopedModel, course: Course, seed: int = 0) -> Starts:
    """Iterate the inputs of a course from the other starts that there are."""
    n, inputs = len(course), course.inputs
    order = torch.as_tensor(np.random.Generator(np.random.Philox(seed)).permutation(n), device=inputs.device)
    lender, partner = torch.empty_like(order), torch.empty_like(order)
    lender[order], partner[order] = order.roll(1), order.roll(-1)
    found: dict[Elsewhere, Tensor] = {}
    if n > 1:
        found = {"starts": course.start[lender], "ends": course.end[partner]}
    drawn = first_states(model, inputs, seed + 1)
    if not torch.equal(drawn, first_states(model, inputs, seed)):
        found["draws"] = drawn
    others: dict[Elsewhere, Course] = {
        name: follow(model, inputs, course.iterations, start=start, batch_size=course.batch_size)
        for name, start in found.items()
    }
    return Starts(course, _injects(model, course), others, partner)


def measure_path_independence(model: LoopedModel, starts: Starts) -> PathIndependence | None:
    """How many inputs end at one point from everywhere; `None` where that is no question: a step that does not look at
    its input knows it from the start alone, or there is no other start."""
    if not starts.injects or not starts.others:
        return None
    course, ends = starts.course, observed(model, starts.course.end)
    same: dict[Elsewhere, Estimate] = {}
    for name, other in starts.others.items():
        distance = norms(observed(model, other.end) - ends)
        near = to_values(distance) <= SAME * course.norms[-1]
        found = share(int((near & reached(course) & reached(other)).sum()), len(course))
        assert found  # a course has an example
        same[name] = found
    alignment = baseline = None
    if "ends" in starts.others:
        alignment = mean(_cosines(ends, observed(model, starts.others["ends"].end)))
        baseline = mean(_cosines(ends, ends[starts.partner]))
    return PathIndependence(same=same, alignment=alignment, baseline=baseline)


def _injects(model: LoopedModel, course: Course) -> bool:
    """Whether the first step changes for any of some inputs when what is injected does."""
    rows = slice(course.batch_size)
    with torch.no_grad():
        h, e = course.start[rows], model.encode(course.inputs[rows])
        own, other = model.step(h, e), model.step(h, e + random_unit(e).view_as(e))
    return not torch.equal(own, other)


def _cosines(a: Tensor, b: Tensor) -> Values:
    return to_values(torch.nn.functional.cosine_similarity(a, b))
