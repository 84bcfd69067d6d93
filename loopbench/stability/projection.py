"""Paths of a few examples from several starts, in the plane where they spread most."""

from typing import Annotated, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator

from loopbench.contracts import LoopedModel
from loopbench.evaluation.protocol import Stored
from loopbench.loop import trajectory
from loopbench.stability.course import Course, observed
from loopbench.stability.estimate import Pair
from loopbench.stability.starts import Elsewhere, Starts
from loopbench.stability.vectors import to_values

EXAMPLES = 4
POINTS = 64


class Track(Stored):
    example: int = Field(ge=0, description="place among the examples")
    start: Literal["own", Elsewhere] = Field(description="own, or where else it starts")
    t: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, description="iterations")
    x: list[float] = Field(description="first principal component")
    y: list[float] = Field(description="second")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not len(self.t) == len(self.x) == len(self.y):
            raise ValueError("t, x and y differ in length")
        return self


class Projection(Stored):
    """The two leading principal components of the states of several paths."""

    explained: Pair = Field(description="their shares of the variance")
    tracks: list[Track] = Field(min_length=1, description="one for each example and start")


def project(model: LoopedModel, starts: Starts) -> Projection | None:
    """The paths of the first four examples that stay finite, from every start; `None` if there is none, or all of them
    are one point."""
    courses: dict[Literal["own", Elsewhere], Course] = {"own": starts.course, **starts.others}
    finite = np.logical_and.reduce([course.finite for course in courses.values()])
    rows = np.flatnonzero(finite)[:EXAMPLES].tolist()
    if not rows:
        return None
    iterations = starts.course.iterations
    times = np.unique(np.geomspace(1, iterations + 1, POINTS).astype(int)) - 1
    kept = set(times.tolist())
    found = list[torch.Tensor]()
    with torch.no_grad():
        for course in courses.values():
            states = trajectory(model, course.inputs[rows], iterations, start=course.start[rows])
            shown = [observed(model, course.start[rows])]
            shown += [observed(model, h) for t, h in enumerate(states, 1) if t in kept]
            found.append(torch.stack(shown, 1))
    points = torch.stack(found).double()  # (starts, examples, times, D)
    flat = points.flatten(0, 2)
    flat = flat - flat.mean(0)
    size = flat.square().sum().item()
    if not size:
        return None
    u, s, _ = np.linalg.svd(to_values(flat), full_matrices=False)
    plane = np.zeros((len(flat), 2))
    plane[:, : min(2, len(s))] = (u * s)[:, :2]
    plane = plane.reshape(*points.shape[:3], 2)
    shares = (plane.reshape(-1, 2) ** 2).sum(0) / size
    return Projection(
        explained=shares.tolist(),
        tracks=[
            Track(example=row, start=name, t=times.tolist(), x=xy[:, 0].tolist(), y=xy[:, 1].tolist())
            for name, examples in zip(courses, plane, strict=True)
            for row, xy in zip(rows, examples, strict=True)
        ],
    )
