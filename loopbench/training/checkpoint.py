"""The state of a run in one safetensors file: tensors by path, everything else as JSON in its metadata."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from loopbench.errors import LoopbenchError
from loopbench.files import write_with

TENSOR = "tensor"  # {"tensor": path} stands in the JSON for a tensor


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a tree of dicts, lists, tensors and JSON values, whole or not at all.

    Raises:
        LoopbenchError: the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_take_tensors(state, "", tensors))
    write_with(path, lambda temporary: save_file(tensors, temporary, metadata={"state": tree}))


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote.

    Raises:
        LoopbenchError: the file is no such checkpoint.
    """
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            tree = json.loads(file.metadata()["state"])
            names = file.keys()  # the handle is no mapping
            return _put_tensors(tree, {name: file.get_tensor(name) for name in names})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise LoopbenchError(f"{path} is not a checkpoint of a training run: {error}") from error


def _take_tensors(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[path] = value.detach().contiguous()
        return {TENSOR: path}
    if isinstance(value, dict):
        return {"keys": [[key, _take_tensors(inner, f"{path}/{key}", tensors)] for key, inner in value.items()]}
    if isinstance(value, list | tuple):
        return [_take_tensors(inner, f"{path}/{i}", tensors) for i, inner in enumerate(value)]
    return value


def _put_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if TENSOR in value:
            return tensors[value[TENSOR]]
        return {key: _put_tensors(inner, tensors) for key, inner in value["keys"]}
    if isinstance(value, list):
        return [_put_tensors(inner, tensors) for inner in value]
    return value
