"""What a step costs."""

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from loopbench.contracts import LoopedModel


def flops_per_step(model: LoopedModel, inputs: Tensor) -> int:
    """FLOPs of the matrix products in one step on `(B, *grid)` inputs.

    Attention runs on its plain path, whose products the counter sees whatever the device. Windowed attention has none:
    its products are elementwise, and below 1 % of the rest at any width that learns.
    """
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        e = model.encode(inputs)
        h = model.start(e)
        with FlopCounterMode(display=False) as counter:
            model.step(h, e)
    return counter.get_total_flops()
