"""Where a sub-block normalizes, and how its branch joins the residual stream.

A rule has two places: what the branch reads (`pre`) and how its output `u` joins the stream `s` (`join`). Each norm is
one module shared by the two sub-blocks. Shapes: `(B, *grid, width)` throughout.
"""

from torch import Tensor, nn


class PreNorm(nn.Module):
    """s + F(RMS(s))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pre = nn.RMSNorm(width)

    def join(self, s: Tensor, u: Tensor) -> Tensor:
        """The stream after the sub-block."""
        return s + u


class PeriNorm(PreNorm):
    """s + RMS'(F(RMS(s)))."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.peri = nn.RMSNorm(width)

    def join(self, s: Tensor, u: Tensor) -> Tensor:
        return s + self.peri(u)


class OuterNorm(nn.Module):
    """RMS(s + F(s)): what leaves a sub-block is normalized, so the state lives on a compact set."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pre = nn.Identity()
        self.post = nn.RMSNorm(width)

    def join(self, s: Tensor, u: Tensor) -> Tensor:
        return self.post(s + u)


class GatedNorm(PeriNorm):
    """GRU(RMS'(F(RMS(s))), s): a gate decides what replaces the stream."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.gate = nn.GRUCell(width, width)
        nn.init.xavier_uniform_(self.gate.weight_ih)
        nn.init.orthogonal_(self.gate.weight_hh)
        for bias in (self.gate.bias_ih, self.gate.bias_hh):
            nn.init.zeros_(bias)
            nn.init.ones_(bias.data[width : 2 * width])  # GRUCell stacks reset, update, new

    def join(self, s: Tensor, u: Tensor) -> Tensor:
        return self.gate(self.peri(u).flatten(0, -2), s.flatten(0, -2)).view_as(s)


NORMS = {"pre": PreNorm, "peri": PeriNorm, "outer": OuterNorm, "gru": GatedNorm}
