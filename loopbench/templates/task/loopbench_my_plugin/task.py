"""Addition: two numbers of n bits to their sum modulo 2^n, all of them with the lowest bit first.

A carry can travel through many bits, so longer numbers need more iterations.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from loopbench.contracts import Benchmark, Examples, Metric, Split, Task, TaskShape
from loopbench.errors import LoopbenchError
from loopbench.picture import Cell, Picture
from loopbench.tasks.metrics import exact_accuracy
from loopbench.tasks.splits import checked, find_split, random_bytes, standard_depth

COUNT = 200
MAX_BITS = 4096

# `loopbench tasks show` lists the splits. A split that is changed has another hash: loading it says which.
SHA256 = {
    "bits-16": "fce227ebebfb55bb45b68e64b117b25ea9340477b0c4254ba17bd7070a9249ac",
    "bits-32": "eade8ff74e77b38d0bab786abf03638529a0b93e87df6f6f89988deb8a0ec9ce",
    "bits-64": "eb212501d1d70738cbd6e095b9e97a5311567ed977dd928f23eb24e1b6eb9618",
    "bits-128": "bccaa60746389e44e0c6095f8383dc73ccbf4ddf4f4319cca2e6f5229d117a9f",
    "dev-bits-16": "3eb4b499958a9e7458d03f6b11a1cf92181fb5e501c58c06f82810e22a3c18cd",
    "dev-bits-32": "6c34a92d96ac433d886dea6444216d671017ba3c14f42243c254a649bd078c22",
    "dev-bits-64": "77725fff252bee4fa414ec5b0ccf2bd00e03f57e6f5db672cfc510ee33c16d6d",
    "dev-bits-128": "85c4a8e3fd1f0d1dd48f37d590791a49b8d9866390d7084e3a24ee3d27837fd6",
}


class Source(BaseModel):
    """The training data's settings, `data` in a recipe: fresh numbers for every batch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: int = Field(16, ge=1, le=MAX_BITS, description="length of the numbers")


class MyPlugin(Task):
    name = "my-plugin"
    version = 1  # goes up with every change of the data or a metric
    summary = "two numbers in binary to their sum"
    shape = TaskShape(vocab_size=4, num_classes=2, grid=(None,))  # a cell holds a bit of each: a + 2 b
    metrics = (Metric("exact", exact_accuracy),)
    splits = tuple(
        Split(name, bits, standard_depth(bits), COUNT, "generated", sha256)
        for name, sha256 in SHA256.items()
        for bits in [int(name.rpartition("-")[2])]
    )
    source = Source
    benchmark = Benchmark(
        version=1, train_limit="numbers of at most 16 bits", splits=("bits-32", "bits-64", "bits-128")
    )

    def load(self, split: str | None, data: Path | None = None) -> Examples:
        if split is None or data is not None:
            raise LoopbenchError(f"task {self.name} reads no files: its splits are generated")
        spec = find_split(self, split)
        return checked(spec, _examples(_draw(int(spec.difficulty), COUNT, split), split))

    def sample(self, difficulty: float, seed: int, count: int) -> Examples:
        if difficulty not in range(1, MAX_BITS + 1):
            raise LoopbenchError(f"difficulty must be a number of bits from 1 to {MAX_BITS}, not {difficulty}")
        return _examples(_draw(int(difficulty), count, "sample", seed), f"sample-{difficulty:g}-{seed}")

    def batches(self, source: Source, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        """Fresh numbers; those of a fixed split are never drawn."""
        fixed = [self.load(split.name) for split in self.splits if split.difficulty == source.bits]
        held_out = {row.tobytes() for examples in fixed for row in examples.inputs.numpy()}
        number = first
        while True:
            drawn = _draw(source.bits, batch_size, "batch", seed, number)
            attempt = 0
            while clash := [i for i, row in enumerate(drawn) if row.tobytes() in held_out]:
                attempt += 1
                drawn[clash] = _draw(source.bits, len(clash), "batch", seed, number, attempt)
            yield _examples(drawn, f"batch-{number}")
            number += 1

    def render(self, examples: Examples, logits: Tensor, i: int) -> Picture:
        """The board of `loopbench watch`; a comparison with the target is False where a logit is not finite."""
        answer, given = logits[i].argmax(-1), examples.inputs[i]
        right = (answer == examples.targets[i]) & logits[i].isfinite().all(-1)
        a, b = ([Cell(str(bit), given=True) for bit in bits.tolist()] for bits in (given % 2, given // 2))
        sums = [Cell(str(bit), right=good) for bit, good in zip(answer.tolist(), right.tolist(), strict=True)]
        return Picture((a, b, sums), wraps=True, row_labels=("a", "b", "a + b"))


def _draw(bits: int, count: int, *key: str | int) -> np.ndarray:
    """`(count, bits)` symbols that belong to the key: the same on every platform.

    Seven bits of b in eight are the opposite of a's, and pass a carry on.
    """
    packed = np.frombuffer(random_bytes(count * bits, "addition", MyPlugin.version, bits, *key), np.uint8)
    random = packed.reshape(count, bits).astype(np.int64)
    a, same = random % 2, random // 2 % 8 == 0
    return a + 2 * np.where(same, a, 1 - a)


def _examples(inputs: np.ndarray, name: str) -> Examples:
    carry, targets = np.zeros(len(inputs), np.int64), np.empty_like(inputs)
    for place, symbols in enumerate(inputs.T):
        total = symbols % 2 + symbols // 2 + carry
        targets[:, place], carry = total % 2, total // 2
    ids = tuple(f"{name}/{i}" for i in range(len(inputs)))
    return Examples(torch.as_tensor(inputs), torch.as_tensor(targets), ids)
