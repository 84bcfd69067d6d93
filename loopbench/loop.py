"""The one loop: everything that iterates a model does so here."""

import warnings
from collections.abc import Generator

import torch
from torch import Tensor
from torch._dynamo import maybe_mark_dynamic

from loopbench.contracts import LoopedModel


def trajectory(
    model: LoopedModel,
    inputs: Tensor,
    iterations: int,
    *,
    start: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Generator[Tensor, Tensor | None, None]:
    """The states h_1, h_2, …, h_iterations of a batch; only the newest is kept.

    Args:
        inputs: `(B, *grid)` int64 symbols.
        start: the state to go on from; default: `model.start`.
        generator: where a random start draws from.

    Yields:
        States, batch first. What is sent back, if anything, is an int64 index of the examples that stay in the batch.
    """
    e = model.encode(inputs)
    h = model.start(e, generator) if start is None else start
    for _ in range(iterations):
        h = model.step(h, e)
        kept = yield h
        if kept is not None:
            h, e = h[kept], e[kept]


def final_state(states: Generator[Tensor, Tensor | None, None]) -> Tensor:
    """The last of some states.

    Raises:
        ValueError: there is none.
    """
    h = None
    for state in states:
        h = state
    if h is None:
        raise ValueError("a trajectory without iterations has no state")
    return h


def compile_step(model: LoopedModel, inputs: Tensor, *, gradient: bool = False, any_batch: bool = False) -> None:
    """Run `model.step` through torch.compile from now on; without a working compiler, warn and leave it as it is.

    Args:
        inputs: `(B, *grid)` symbols to try it on. Each grid is compiled once, and once more with gradients.
        gradient: whether to try it with gradients too.
        any_batch: whether batches of other sizes will come, and one compilation is to serve them all.
    """
    eager, compiled = model.step, torch.compile(model.step, dynamic=False)

    def step(h: Tensor, e: Tensor) -> Tensor:
        # A state that is the injected input itself, or the first one after a detach, would each be compiled apart.
        if h is e:
            h = h.clone()
        if torch.is_grad_enabled() and e.requires_grad and not h.requires_grad:
            h = h.detach().requires_grad_()
        if any_batch:
            for x in (h, e):
                maybe_mark_dynamic(x, 0)
        return compiled(h, e)

    model.step = step
    try:
        with torch.no_grad():
            final_state(trajectory(model, inputs, 1))
        if gradient:
            final_state(trajectory(model, inputs, 1)).float().sum().backward()  # pyright: ignore[reportUnknownMemberType]
            model.zero_grad()
    except Exception as error:  # whatever the compiler's tool chain may raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        warnings.warn(f"torch.compile does not work here, the step runs as it is: {reason}", stacklevel=2)
        model.step = eager
