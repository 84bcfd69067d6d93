"""How a training step drives the loop."""

import random

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from loopbench.contracts import Examples, LoopedModel, Objective, Task
from loopbench.loop import final_state, trajectory


class ProgressiveOptions(BaseModel):
    """Settings of the progressive objective."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_iterations: int = Field(30, ge=1, le=10_000, description="m: the most iterations of a training step")
    other_starts: float = Field(
        0.0, ge=0, le=1, description="share of the steps that start where a neighbouring problem led, not at h_0"
    )


class EveryIterationOptions(BaseModel):
    """Settings of the every-iteration objective."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    iterations: int = Field(16, ge=1, le=10_000, description="iterations of a training step, each with its loss")
    burn_in: int = Field(
        0, ge=0, le=10_000, description="most iterations without gradient that come before them, drawn for every step"
    )


def progressive(
    model: LoopedModel, task: Task, examples: Examples, options: ProgressiveOptions, draw: random.Random
) -> Tensor:
    """The loss of one readout after a random number of iterations, of which only the last k carry a gradient.

    n ~ U{0..m−1} iterations without gradient from h_0, then k ~ U{1..m−n} with it; the state between them is
    detached, the injected input is not. With n = 0 there is nothing to detach, so that an encoder that acts through
    h_0 alone is trained too (Bansal et al. 2022, https://arxiv.org/abs/2202.05826, with alpha = 1).

    A step with another start first iterates neighbouring problems, U{1..2m} times, and goes on from there with the
    right ones. A neighbour differs in at most one cell, which it has from another example: a wrong answer that has
    settled must be revised, and a right one kept. A model that does both depends on its input alone, not on the path to
    its state (mixed initialization: Anil et al. 2022, https://arxiv.org/abs/2211.09961).
    """
    n = draw.randrange(options.max_iterations)
    k = draw.randint(1, options.max_iterations - n)
    h = None
    with torch.no_grad():
        if draw.random() < options.other_starts:
            neighbours = _neighbours(examples.inputs, draw)
            h = final_state(trajectory(model, neighbours, draw.randint(1, 2 * options.max_iterations)))
        if n:
            h = final_state(trajectory(model, examples.inputs, n, start=h))
    return task.loss(model.readout(final_state(trajectory(model, examples.inputs, k, start=h))), examples)


def _neighbours(inputs: Tensor, draw: random.Random) -> Tensor:
    """`(B, *grid)` symbols, with one cell of each example taken from the example before it."""
    cells = inputs.flatten(1).clone()
    places = [draw.randrange(cells.shape[1]) for _ in cells]
    rows = torch.arange(len(cells), device=cells.device)
    cells[rows, places] = cells[rows - 1, places]
    return cells.view_as(inputs)


def every_iteration(
    model: LoopedModel, task: Task, examples: Examples, options: EveryIterationOptions, draw: random.Random
) -> Tensor:
    """The mean loss over the readouts of all iterations that carry a gradient.

    U{0..burn_in} iterations without gradient come first, so that what is reached late has its loss too.
    """
    n, h = draw.randint(0, options.burn_in), None
    if n:
        with torch.no_grad():
            h = final_state(trajectory(model, examples.inputs, n))
    states = trajectory(model, examples.inputs, options.iterations, start=h)
    return torch.stack([task.loss(model.readout(h), examples) for h in states]).mean()


PROGRESSIVE = Objective(
    name="progressive",
    summary="one readout after a random number of iterations, gradient through the last of them",
    options=ProgressiveOptions,
    loss=progressive,
    iterations=lambda options: options.max_iterations,
)
EVERY_ITERATION = Objective(
    name="every-iteration",
    summary="the mean loss over the readouts of many iterations",
    options=EveryIterationOptions,
    loss=every_iteration,
    iterations=lambda options: options.burn_in + options.iterations,
)
