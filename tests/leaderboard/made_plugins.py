"""Submissions with a plugin: a wheel, weights and records, made without ever importing the plugin."""

import base64
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from evaluation_toys import made_record
from made_entries import write_entry

from loopbench.evaluation.record import Record
from loopbench.files import file_sha256
from loopbench.leaderboard.model_files import ModelFiles
from loopbench.leaderboard.submission import Entry, read_entry
from loopbench.plugins import get_task
from loopbench.tasks.splits import find_split

DISTRIBUTION, VERSION, ARCHITECTURE = "running-sums", "1.0", "running-sums"
PREFIX_SUMS = get_task("prefix-sums")

SOURCE = """
import torch
from pydantic import BaseModel
from torch import nn
from loopbench.contracts import Architecture, LoopedModel
from loopbench.hookspecs import hookimpl

LOOPBENCH_API = 1

class Config(BaseModel):
    pass

class Sums(LoopedModel):
    '''Every cell looks up what its bit and its neighbour's sum make, in a table of weights: trained, that is XOR.'''

    layers_per_step = 1

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.rand({shape}) / 4)
        self.calls = 0

    def encode(self, inputs):
        return inputs

    def step(self, h, e):
        before = nn.functional.pad(h[:, :-1], (1, 0))
        return (self.table[e, before] > 0.5).long()

    def readout(self, h):
        return nn.functional.one_hot(h, 2).float()

    def observe(self, h):
        return h.float()

{body}

def build(shape, config):
    return Sums()

@hookimpl
def loopbench_architectures():
    return [Architecture("running-sums", 1, "sums", Config, build, "none")]
"""

XOR = torch.tensor([[0.0, 1.0], [1.0, 0.0]])


def wheel(path: Path, source: str, more: dict[str, bytes] | None = None) -> Path:
    """A wheel of one module, as any build tool would make it."""
    about = f"running_sums-{VERSION}.dist-info"
    files = {
        "running_sums.py": source.encode(),
        "sitecustomize.py": b"import os; os._exit(3)",  # which Python runs when it starts, if it is let
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {VERSION}\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": b"[loopbench]\nsums = running_sums\n",
    } | (more or {})
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, f"{about}/RECORD": record.encode()}.items():
            archive.writestr(name, content)
    return path


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def model_files(weights: torch.Tensor = XOR) -> ModelFiles:
    """The files of a model of the plugin."""
    config = {
        "format": 1,
        "architecture": ARCHITECTURE,
        "version": 1,
        "config": {},
        "task": "prefix-sums",
        "train_iterations": None,
        "provider": {"distribution": DISTRIBUTION, "version": VERSION},
        "loopbench": "0.1.0",
    }
    return ModelFiles(json.dumps(config).encode(), safetensors.torch.save({"table": weights}))


def perfect_record(split: str, files: ModelFiles) -> Record:
    """As if every string were solved as soon as its first bit has reached its last cell."""
    spec = find_split(PREFIX_SUMS, split)
    first = max(64, int(spec.difficulty))
    model: dict[str, Any] = {
        "weights_sha256": files.weights_sha256,
        "architecture": ARCHITECTURE,
        "config": {},
        "provider": {"distribution": DISTRIBUTION, "version": VERSION},
        "parameters": safetensors.torch.load(files.weights)["table"].numel(),
        "train_iterations": None,
    }
    return made_record(
        [first] * spec.count,
        8 * spec.depth,
        model=model,
        cost={"flops_per_iteration": 0},  # it multiplies nothing
        split={"name": split, "difficulty": float(spec.difficulty), "count": spec.count, "data_sha256": spec.sha256},
    )


def submitted(
    folder: Path, files: ModelFiles, body: str = "", splits: tuple[str, ...] = ("bits-32",), **changes: Any
) -> Entry:
    """An entry that claims to solve everything, with a wheel whose model has `body` in place of honest methods."""
    shape = ", ".join(map(str, safetensors.torch.load(files.weights)["table"].shape))
    folder.mkdir(parents=True)
    source = SOURCE.replace("{body}", body).replace("{shape}", shape)
    built = wheel(folder / f"running_sums-{VERSION}-py3-none-any.whl", source)
    plugin = {"distribution": DISTRIBUTION, "version": VERSION, "wheel": built.name, "sha256": file_sha256(built)}
    model = {"ref": f"hub:stranger/{folder.name}@{'c' * 40}", "weights_sha256": files.weights_sha256}
    records = [perfect_record(split, files) for split in splits]
    return read_entry(write_entry(folder, records, **({"model": model, "plugin": plugin} | changes)))
