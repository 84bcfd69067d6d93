"""Local attention against full attention under a mask."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from loopbench.models.attention import Attention, local_attention

WINDOW = 5


def masked_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Every cell sees the window around it, shifted inwards at the ends: written with an N × N mask."""
    n = q.shape[1]
    mask = torch.zeros(n, n, dtype=torch.bool)
    for i in range(n):
        first = min(max(i - WINDOW // 2, 0), max(n - WINDOW, 0))
        mask[i, first : first + WINDOW] = True
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


@pytest.mark.parametrize("n", range(1, 41))
def test_local_attention_is_full_attention_under_a_mask(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    q, k, v, upstream = (
        torch.randn(2, n, 3, 4, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(4)
    )
    local, masked = local_attention(q, k, v), masked_attention(q, k, v)
    torch.testing.assert_close(local, masked)
    torch.testing.assert_close(
        torch.autograd.grad(local, (q, k, v), upstream), torch.autograd.grad(masked, (q, k, v), upstream)
    )


@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_positions_are_relative_only_while_the_gains_on_q_and_k_are_equal(gain: float) -> None:
    """A gain that differs within a rotated pair of channels, after the rotation, makes the angle itself matter."""
    torch.manual_seed(0)
    attention = Attention(16, 1, local_attention).double()
    attention.query_norm.weight.data[0] = attention.key_norm.weight.data[0] = gain
    x = torch.randn(1, 60, 16, dtype=torch.float64)
    moved = attention(x)[:, 32:-2]
    here = attention(x[:, 30:])[:, 2:-2]
    assert torch.allclose(here, moved, atol=1e-5) == (gain == 1.0)
