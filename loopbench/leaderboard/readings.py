"""The logits of a batch at some iterations, without iterating what has settled."""

from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from loopbench.contracts import LoopedModel
from loopbench.evaluation.retirement import Watch


def read_out(
    model: LoopedModel,
    states: Generator[Tensor, Tensor | None, None],
    count: int,
    iterations: Sequence[int],
    retirement: bool,
) -> Generator[Tensor]:
    """`(count, *grid, classes)` logits at each of the iterations, which ascend.

    Args:
        states: of `count` examples, from h_1 on.
        retirement: whether an example leaves when its state has settled, as in an evaluation: from then on its logits
            stay what they are.
    """
    watch, running, kept = Watch(), torch.arange(count), None
    logits = torch.empty(0)
    for t in range(1, iterations[-1] + 1):
        if len(running):
            h = states.send(kept)
            kept = None
            settled = watch.look(t, model.observe(h)) if retirement else None
            leaving = settled is not None and bool(settled.any())
            if leaving or t in iterations:
                now = model.readout(h)
                logits = now.clone() if len(running) == count else logits.index_copy(0, running, now)
            if settled is not None and leaving:
                kept = torch.nonzero(~settled).flatten()
                running = running[kept]
        if t in iterations:
            yield logits
