"""Weights as safetensors bytes: float32 only, and all that a header claims is checked before a tensor is made."""

import hashlib
from math import prod
from typing import cast

import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from torch import Tensor, nn

from loopbench.errors import LoopbenchError
from loopbench.validation import parse_json, some, validate

MAX_HEADER_BYTES = 1 << 20
PREFIX_BYTES = 8  # the header's length, little-endian

Shapes = dict[str, tuple[int, ...]]


class _Entry(BaseModel):
    """One tensor in a header (https://huggingface.co/docs/safetensors)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dtype: str
    shape: list[NonNegativeInt]
    data_offsets: list[NonNegativeInt] = Field(min_length=2, max_length=2)


class _Header(BaseModel):
    metadata: dict[str, str]
    tensors: dict[str, _Entry]


def needed_shapes(model: nn.Module) -> Shapes:
    """The names and shapes of the tensors that a model's file holds: its parameters and persistent buffers.

    Raises:
        LoopbenchError: one of them is not float32.
    """
    state: dict[str, Tensor] = model.state_dict()
    for name, tensor in state.items():
        if tensor.dtype != torch.float32:
            raise LoopbenchError(
                f"tensor {name!r} is {tensor.dtype}; a model folder holds float32 only (is it a persistent buffer?)"
            )
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def largest_file(shapes: Shapes) -> int:
    """The most bytes that a file with these tensors can have."""
    return PREFIX_BYTES + MAX_HEADER_BYTES + 4 * sum(map(prod, shapes.values()))


def dump(model: nn.Module, shapes: Shapes) -> bytes:
    """A model's weights as float32; equal weights give equal bytes.

    Raises:
        LoopbenchError: they don't have these names and shapes, or are not all finite.
    """
    state: dict[str, Tensor] = model.state_dict()
    _compare({name: tuple(tensor.shape) for name, tensor in state.items()}, shapes, "the model does not fit its config")
    tensors = {  # cloned, since tied tensors share their memory and safetensors refuses that
        name: tensor.detach().to("cpu", torch.float32).clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
    }
    _check_finite(tensors, "the weights")
    return safetensors.torch.save(tensors)


def parse(data: bytes, shapes: Shapes, what: str) -> dict[str, Tensor]:
    """The tensors in the bytes of a file, which must have exactly these names and shapes.

    Args:
        what: the file, the beginning of the message.

    Raises:
        LoopbenchError: not a safetensors file, other tensors than these, not float32, or not all finite.
    """
    length = int.from_bytes(data[:PREFIX_BYTES], "little")
    body = len(data) - PREFIX_BYTES - length
    if body < 0:
        raise LoopbenchError(f"{what}: not a safetensors file")
    if length > MAX_HEADER_BYTES:
        raise LoopbenchError(f"{what}: its header of {length:,} bytes is too long")
    header = _parse_header(data[PREFIX_BYTES : PREFIX_BYTES + length], f"{what}: header")
    _compare({name: tuple(entry.shape) for name, entry in header.items()}, shapes, what)
    if other := [f"{name} is {entry.dtype}" for name, entry in header.items() if entry.dtype != "F32"]:
        raise LoopbenchError(f"{what}: every tensor must be F32; {some(other)}")
    _check_layout(header, body, what)
    tensors = safetensors.torch.load(data)
    _check_finite(tensors, what)
    return tensors


def fingerprint(model: nn.Module) -> str:
    """A hash of a model's weights, the same on every device, and in float64 as in float32."""
    digest = hashlib.sha256()
    state: dict[str, Tensor] = model.state_dict()
    for name in sorted(state):
        values = state[name].detach().to("cpu", torch.float64).contiguous()
        digest.update(f"{name}{tuple(values.shape)}".encode())
        digest.update(values.numpy().data)
    return digest.hexdigest()


def _parse_header(data: bytes, what: str) -> dict[str, _Entry]:
    tensors = parse_json(data, what)
    if not isinstance(tensors, dict):
        raise LoopbenchError(f"{what}: not an object")
    tensors = cast(dict[str, object], tensors)
    return validate(_Header, {"metadata": tensors.pop("__metadata__", {}), "tensors": tensors}, what).tensors


def _compare(found: Shapes, needed: Shapes, what: str) -> None:
    problems = [
        ("missing", [name for name in needed if name not in found]),
        ("not in the model", [name for name in found if name not in needed]),
        (
            "of the wrong shape",
            [
                f"{name} {list(shape)} instead of {list(needed[name])}"
                for name, shape in found.items()
                if shape != needed.get(name, shape)
            ],
        ),
    ]
    if text := "; ".join(f"tensors {problem}: {some(names)}" for problem, names in problems if names):
        raise LoopbenchError(f"{what}: {text}")


def _check_layout(header: dict[str, _Entry], body: int, what: str) -> None:
    end = 0
    for begin, stop, size in sorted((*entry.data_offsets, 4 * prod(entry.shape)) for entry in header.values()):
        if begin != end or stop - begin != size:
            raise LoopbenchError(f"{what}: the {size:,} bytes of a tensor are said to stand from {begin:,} to {stop:,}")
        end = stop
    if end != body:
        raise LoopbenchError(f"{what}: {body:,} bytes of tensors where {end:,} are needed")


def _check_finite(tensors: dict[str, Tensor], what: str) -> None:
    if wrong := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise LoopbenchError(f"{what}: not all numbers are finite: {some(wrong)}")
