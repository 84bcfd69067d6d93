"""Batches of flat vectors, `(B, D)`."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Values = NDArray[np.float64]


def norms(x: Tensor) -> Tensor:
    """Euclidean norms along the last dimension."""
    # torch's stubs lack it
    return torch.linalg.vector_norm(x, dim=-1)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def normalized(x: Tensor) -> Tensor:
    """Unit vectors; a vector of zeros stays one."""
    size = norms(x)
    return x / torch.where(size > 0, size, 1).unsqueeze(-1)


def random_unit(like: Tensor) -> Tensor:
    """Seeded random unit vectors, `(B, D)` for a batch of B tensors with D numbers each."""
    generator = torch.Generator(like.device).manual_seed(0)
    return normalized(torch.randn(like.flatten(1).shape, generator=generator, dtype=like.dtype, device=like.device))


def to_values(x: Tensor) -> Values:
    """A tensor's numbers in float64, on the CPU."""
    return x.detach().double().cpu().numpy()
