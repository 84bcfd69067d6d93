"""Rotary position embedding over a grid of any dimension (RoFormer, https://arxiv.org/abs/2104.09864)."""

from functools import lru_cache

import torch
from torch import Tensor

BASE = 10_000.0


# Otherwise torch.compile would trace through the cache and compute the sines of every cell at every step.
@torch.compiler.assume_constant_result  # pyright: ignore[reportUnknownMemberType]: untyped
def rotation(grid: tuple[int, ...], channels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The tables that `rotate` needs: cosines and signed sines, each `(*grid, 1, channels)`, computed in float32.

    The pairs of channels are split evenly among the coordinates of `grid`; pair k of a coordinate's K pairs turns by
    position · 10000^(−k/K).
    """
    return _tables(grid, channels, device)


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # the tables outlive the call, and inference tensors cannot be trained with
def _tables(grid: tuple[int, ...], channels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    pairs = channels // 2 // len(grid)
    frequency = BASE ** (-torch.arange(pairs, dtype=torch.float32) / pairs)
    positions = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in grid), indexing="ij")
    angles = torch.cat([position[..., None] * frequency for position in positions], dim=-1)
    angles = angles.repeat_interleave(2, dim=-1)[..., None, :]
    sign = torch.tensor([-1.0, 1.0]).repeat(channels // 2)
    return angles.cos().to(device), (sign * angles.sin()).to(device)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn adjacent pairs (a, b) of the last dimension of `(*batch, *grid, heads, channels)`.

    (a cos − b sin, a sin + b cos), written as one product with each table.
    """
    swapped = x.view(*x.shape[:-1], -1, 2).flip(-1).view_as(x)  # pyright: ignore[reportUnknownMemberType]: untyped
    return x * cos.to(x.dtype) + swapped * sin.to(x.dtype)
