"""The state of a run in one safetensors file: tensors by path, everything else as JSON in its metadata."""

import json
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]: a bare PathLike in it
from torch import Tensor

from loopbench.errors import LoopbenchError
from loopbench.files import write_with

TENSOR = "tensor"  # {"tensor": path} stands in the JSON for a tensor
ITEMS = "items"  # {"items": [[key, value], …]} for a dict, whose keys may be numbers


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a tree of dicts, lists, tensors and JSON values, whole or not at all.

    Raises:
        LoopbenchError: the file cannot be written, or the state has values that are neither.
    """
    tensors: dict[str, Tensor] = {}
    try:
        tree = json.dumps(_take_tensors(state, "", tensors))
    except TypeError as error:
        raise LoopbenchError(f"the state of this optimizer cannot be kept in a checkpoint: {error}") from error
    write_with(path, lambda temporary: save_file(tensors, temporary, metadata={"state": tree}))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, on the CPU.

    Raises:
        LoopbenchError: the file is no such checkpoint.
    """
    try:
        opened: Any = safe_open(path, framework="pt")  # which has no types
        with opened as file:
            tensors = {name: file.get_tensor(name) for name in list(file.keys())}
            return _put_tensors(json.loads(file.metadata()["state"]), tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise LoopbenchError(f"{path} is not a checkpoint of a training run: {error}") from error


def _take_tensors(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[path] = value.detach().clone().contiguous()  # tied weights are two tensors here
        return {TENSOR: path}
    if isinstance(value, dict):
        items = cast(dict[Any, Any], value).items()
        return {ITEMS: [[key, _take_tensors(inner, f"{path}/{key}", tensors)] for key, inner in items]}
    if isinstance(value, list | tuple):
        return [_take_tensors(inner, f"{path}/{i}", tensors) for i, inner in enumerate(cast(list[Any], value))]
    return value


def _put_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        value = cast(dict[str, Any], value)
        if TENSOR in value:
            return tensors[value[TENSOR]]
        return {key: _put_tensors(inner, tensors) for key, inner in value[ITEMS]}
    if isinstance(value, list):
        return [_put_tensors(inner, tensors) for inner in cast(list[Any], value)]
    return value
