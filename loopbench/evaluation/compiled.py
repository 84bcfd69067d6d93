"""Running a model's step through torch.compile."""

import warnings

import torch
from torch import Tensor
from torch._dynamo import maybe_mark_dynamic

from loopbench.contracts import LoopedModel
from loopbench.loop import compile_step


def compile_for_batches(model: LoopedModel, inputs: Tensor) -> None:
    """Compile `model.step` once for batches of any size; without a working compiler, warn and leave it as it is.

    Args:
        inputs: `(B, *grid)` symbols to try it on.
    """
    eager = model.step
    compile_step(model)
    compiled = model.step

    def step(h: Tensor, e: Tensor) -> Tensor:
        if h is e:
            h = h.clone()
        for x in (h, e):
            maybe_mark_dynamic(x, 0)  # a batch shrinks as its examples settle
        return compiled(h, e)

    model.step = step
    try:
        with torch.no_grad():
            e = model.encode(inputs)
            model.step(model.start(e), e)
    except Exception as error:  # whatever the compiler's tool chain may raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        warnings.warn(f"torch.compile does not work here, the step runs as it is: {reason}", stacklevel=2)
        model.step = eager
