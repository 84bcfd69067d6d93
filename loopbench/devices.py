"""Where and how precisely a model runs."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import torch

from loopbench.errors import LoopbenchError

Precision = Literal["float64", "float32", "tf32", "bf16-autocast"]


def resolve_device(name: str) -> torch.device:
    """`auto` (CUDA if there is any, else the CPU), `cpu`, `cuda` or `cuda:N`.

    Raises:
        LoopbenchError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise LoopbenchError(f"unknown device {name!r}; use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise LoopbenchError(
            f"device {name!r} is not here: torch sees {torch.cuda.device_count()} CUDA devices; use cpu"
        )
    return device


def parameter_dtype(precision: Precision) -> torch.dtype:
    """The dtype of the weights under a precision."""
    return torch.float64 if precision == "float64" else torch.float32


@contextmanager
def computing(precision: Precision, device: torch.device) -> Generator[None]:
    """Multiply matrices and convolve in a precision: `tf32` on CUDA's tensor cores, `bf16-autocast` under autocast.

    Raises:
        LoopbenchError: tf32 without CUDA.
    """
    if precision == "tf32" and device.type != "cuda":
        raise LoopbenchError("precision tf32 needs a CUDA device; use float32")
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"  # by default convolutions are, whatever matrix products are
    try:
        with (
            warnings.catch_warnings(),
            torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-autocast"),
        ):
            # RMSNorm of bfloat16 with gains in float32 is what is meant; that it isn't fused is of no interest here.
            warnings.filterwarnings("ignore", "Mismatch dtype between input and weight", UserWarning)
            yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
