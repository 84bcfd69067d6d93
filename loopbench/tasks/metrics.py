"""Metrics that more than one task uses."""

from torch import Tensor

from loopbench.contracts import IGNORED, Examples


def exact_accuracy(logits: Tensor, examples: Examples) -> Tensor:
    """Whether every cell that counts is right: `(B, *grid, classes)` logits to `(B,)` bool.

    Non-finite logits are wrong.
    """
    right = (logits.argmax(-1) == examples.targets) & logits.isfinite().all(-1)
    return (right | (examples.targets == IGNORED)).flatten(1).all(1)
