"""The one loop: everything that iterates a model does so here."""

from collections.abc import Generator
from typing import Protocol

import torch
from torch import Tensor

from loopbench.contracts import LoopedModel


class Step(Protocol):
    """One application of a model's update, possibly compiled."""

    def __call__(self, h: Tensor, e: Tensor) -> Tensor: ...


def trajectory(
    model: LoopedModel,
    inputs: Tensor,
    iterations: int,
    *,
    start: Tensor | None = None,
    generator: torch.Generator | None = None,
    step: Step | None = None,
) -> Generator[Tensor, Tensor | None, None]:
    """The states h_1, h_2, …, h_iterations of a batch; only the newest is kept.

    Args:
        inputs: `(B, *grid)` int64 symbols.
        start: the state to go on from; default: `model.start`.
        generator: where a random start draws from.
        step: a compiled `model.step` to use instead.

    Yields:
        States, batch first. What is sent back, if anything, is an int64 index of the examples that stay in the batch.
    """
    e = model.encode(inputs)
    h = model.start(e, generator) if start is None else start
    step = step or model.step
    for _ in range(iterations):
        h = step(h, e)
        kept = yield h
        if kept is not None:
            h, e = h[kept], e[kept]


def final_state(states: Generator[Tensor, Tensor | None, None], h: Tensor | None = None) -> Tensor:
    """The last of some states.

    Raises:
        ValueError: there is none.
    """
    for state in states:
        h = state
    if h is None:
        raise ValueError("a trajectory without iterations has no state")
    return h
