"""Multi-head self-attention over a grid: full on boards, local on sequences."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loopbench.models.positions import rotate, rotation

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Maps q, k, v of shape `(B, *grid, heads, channels)` to the same shape."""


def full_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Every cell sees every cell, through torch's scaled dot-product attention."""
    shape = q.shape
    q, k, v = (x.flatten(1, -3).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(shape)


def local_attention(q: Tensor, k: Tensor, v: Tensor, window: int = 5) -> Tensor:
    """Every cell of a sequence `(B, N, heads, channels)` sees the `window` nearest cells.

    At the ends the window shifts inwards, so that every cell sees exactly `window` cells, or all N if there are fewer
    (Neighborhood Attention, https://arxiv.org/abs/2204.07143). Time and memory are linear in N.
    """
    n = q.shape[1]
    if n <= window:
        return full_attention(q, k, v)
    before, after = window // 2, (window - 1) // 2
    inner = n - window + 1  # cells whose window is centred; shifted slices of k and v are their neighbours
    centre = q[:, before : before + inner]
    scores = torch.stack([(centre * k[:, j : j + inner]).sum(-1, keepdim=True) for j in range(window)])
    weights = (scores * q.shape[-1] ** -0.5).softmax(0)
    mixed = torch.stack([weights[j] * v[:, j : j + inner] for j in range(window)]).sum(0)
    first = full_attention(q[:, :before], k[:, :window], v[:, :window])
    last = full_attention(q[:, n - after :], k[:, n - window :], v[:, n - window :])
    return torch.cat((first, mixed, last), dim=1)


class Attention(nn.Module):
    """Projection to q, k and v, rotary positions, RMSNorm on q and k with a gain per head channel, output projection.

    Maps `(B, *grid, width)` to the same shape.
    """

    def __init__(self, width: int, heads: int, attend: Attend) -> None:
        super().__init__()
        self.heads = heads
        self.attend = attend
        self.qkv = nn.Linear(width, 3 * width)
        self.query_norm = nn.RMSNorm(width // heads)
        self.key_norm = nn.RMSNorm(width // heads)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        cos, sin = rotation(tuple(x.shape[1:-1]), q.shape[-1], x.device)
        q, k = self.query_norm(rotate(q, cos, sin)), self.key_norm(rotate(k, cos, sin))
        return self.output(self.attend(q, k, v).flatten(-2))
