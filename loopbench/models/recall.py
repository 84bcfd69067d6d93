"""How the injected input enters an iteration.

A recall rule has two places to act, and each rule uses one of them or none: on the residual stream once before the
block (`before`), and on what a sub-block's branch reads (`inject`). Shapes: `(B, *grid, width)` throughout.
"""

from torch import Tensor, nn


class NoRecall(nn.Module):
    """The input enters only through the first state (the baseline loop)."""

    def __init__(self, width: int) -> None:
        del width
        super().__init__()

    def before(self, s: Tensor, e: Tensor) -> Tensor:
        """The residual stream that the block starts from."""
        del e
        return s

    def inject(self, x: Tensor, e: Tensor) -> Tensor:
        """What a sub-block's branch reads, given the normalized stream `x`."""
        del e
        return x


class _Mix(NoRecall):
    """W_s s + W_e e."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.state = nn.Linear(width, width)
        self.input = nn.Linear(width, width)

    def mix(self, s: Tensor, e: Tensor) -> Tensor:
        return self.state(s) + self.input(e)


class Recall(_Mix):
    """Standard placement: once per iteration W_s h + W_e e replaces the residual stream (Bansal et al. 2022,
    https://arxiv.org/abs/2202.05826)."""

    def before(self, s: Tensor, e: Tensor) -> Tensor:
        return self.mix(s, e)


class InternalRecall(_Mix):
    """The residual stream stays as it is; both branches read W_s x + W_e e, with the same weights."""

    def inject(self, x: Tensor, e: Tensor) -> Tensor:
        return self.mix(x, e)


RECALLS = {"none": NoRecall, "recall": Recall, "internal": InternalRecall}
