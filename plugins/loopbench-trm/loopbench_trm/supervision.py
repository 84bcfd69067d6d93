"""Deep supervision with a carried state, the Tiny Recursive Model's training objective."""

import random

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from loopbench.contracts import Examples, LoopedModel, Objective, Task
from loopbench.loop import final_state, trajectory


class DeepSupervisionOptions(BaseModel):
    """Settings of the deep-supervision objective."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    segments: int = Field(16, ge=1, le=1000, description="N_sup: how often in a training step there is a loss")
    iterations: int = Field(1, ge=1, le=1000, description="iterations of a segment that carry a gradient, its last")
    free_iterations: int = Field(0, ge=0, le=1000, description="iterations of a segment before them, without gradient")


def deep_supervision(
    model: LoopedModel, task: Task, examples: Examples, options: DeepSupervisionOptions, draw: random.Random
) -> Tensor:
    """The mean of the losses after each of N_sup segments, every one of which starts where the last one ended.

    The state is detached between segments, so that each loss reaches back to the start of its own; the injected input
    is not (Jolicoeur-Martineau 2025, https://arxiv.org/abs/2510.04871, figure 3). There the optimizer steps after
    every segment; here once for all of them. There a segment's last of T cycles carries a gradient: that is
    `outer_cycles` 1 with T − 1 `free_iterations`, where `outer_cycles` T has it through all.
    """
    del draw
    h: Tensor | None = None
    losses: list[Tensor] = []
    for _ in range(options.segments):
        if options.free_iterations:
            with torch.no_grad():
                h = final_state(trajectory(model, examples.inputs, options.free_iterations, start=h))
        h = final_state(trajectory(model, examples.inputs, options.iterations, start=h))
        losses.append(task.loss(model.readout(h), examples))
        h = h.detach()
    return torch.stack(losses).mean()


DEEP_SUPERVISION = Objective(
    name="deep-supervision",
    summary="the mean loss over segments that carry the state on, each without the gradient of those before",
    options=DeepSupervisionOptions,
    loss=deep_supervision,
    iterations=lambda options: options.segments * (options.free_iterations + options.iterations),
)
