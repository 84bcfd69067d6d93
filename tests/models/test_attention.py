"""Local attention against full attention under a mask."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from loopbench.models.attention import local_attention

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
