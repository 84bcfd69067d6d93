"""Prefix sums: n bits to their running sums modulo 2 (Schwarzschild et al. 2021, https://arxiv.org/abs/2106.04537).

Longer strings need more iterations: with a window of 5, the first bit reaches the last cell after N/2 − 1 of them.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from loopbench.contracts import Benchmark, Examples, Metric, Split, Task, TaskShape
from loopbench.errors import LoopbenchError
from loopbench.picture import Cell, Picture
from loopbench.tasks.metrics import exact_accuracy
from loopbench.tasks.splits import checked, derived_seed, epoch_rows, find_split, random_bytes, standard_depth

MAX_BITS = 65_536
LEADING = 5

# name: (bits, strings, sha256)
SPLITS: dict[str, tuple[int, int, str]] = {
    "bits-32": (32, 500, "783ab0fd981e09dc0ac4c103dc5ca0dafa056005445c99f3b818db2ada4477c6"),
    "bits-64": (64, 500, "ad4e9aaee177bf86ae9ddf572bb1e1ab554b4ac57ef8bb9c9ff1944b22d52527"),
    "bits-128": (128, 500, "02687691b8ae056758ebe70de9e5bc05cc4eac578144399464b3447110038dba"),
    "bits-256": (256, 500, "71f2f5bc62c6e6be2736ebf7763b98d520fa5bbae326f7f8caea65a9a34b864e"),
    "bits-512": (512, 500, "265dc66a0f302a60fc46f3619b011f53e69be3fbe50b9ae10bf884cf374b0f48"),
    "bits-1024": (1024, 100, "a0111398c912f1823d0ba45399a4f8cd9e4acfa911f1ac139f32fda1ad9135df"),
    "bits-2048": (2048, 100, "eab4cae24f7596b2c7b29f53188d0b920e61b5e3c7c6593a07221b204b3fc1a1"),
    "bits-4096": (4096, 100, "0fc85676a255e8c56554fc7eef509fcacce04bec3c0787b7ce0a83e80ec6e1bd"),
    "dev-bits-32": (32, 500, "666e57f5abc3b014cecaff8190dbd4e599c73700290af5348446cbaeff58096a"),
    "dev-bits-64": (64, 500, "6fd868ea0d439f1206e179a9d37153f88bfd285a3c18b1f0d1b161ee867de15e"),
    "dev-bits-128": (128, 500, "f227e48c884ea3b861bc75d2f433e7cf8630dae2968f634252e4ecf90c823b85"),
    "dev-bits-256": (256, 500, "4c5cc8b7d049b303e285795ae10d3499136bd3695260454e3ffc96bcdd13f278"),
    "dev-bits-512": (512, 500, "8ad3b1102237a003bc5bd9da5fbfb5da02183ba2ecd7d7e63513894e4a836753"),
    "dev-bits-1024": (1024, 100, "e934777774db4d043aed4c99d60ab807b8f882bb9de6c69167ec27a46056b39b"),
    "dev-bits-2048": (2048, 100, "ef4b61705b36e4ce449c4b10ba0ec1ab610e5a39778bba3761e35b742c30b8e0"),
    "dev-bits-4096": (4096, 100, "efc94eb9a00d2880a3134ccb7f2657da7825fc94c249a486e767948790f6db69"),
}


class PrefixSumsSource(BaseModel):
    """Training strings: fresh ones for every batch, or a fixed set.

    A string that begins with five ones or more is a special case for local attention. The window shifts inwards at the
    end, so the first cells all see the same five equal cells, and a mean of equal values does not depend on its
    weights: which of them comes first shows only when the first zero has travelled back to them. One string in 32 is
    like that; `leading_ones` makes more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: int = Field(32, ge=1, le=MAX_BITS, description="length of the strings")
    leading_ones: float = Field(0.0, ge=0, le=1, description="share of the strings that begin with five ones")
    strings: int | None = Field(None, ge=1, le=1_000_000, description="size of a fixed set; default: always fresh")


class PrefixSums(Task):
    name = "prefix-sums"
    version = 1
    summary = "n bits to their running sums modulo 2"
    about = """
The input is a string of random bits; the answer has at each place the sum of all bits up to there, modulo 2. One
wrong cell makes the whole string wrong. Longer strings need more iterations: with local attention of five cells, the
first bit cannot reach the last of N before N/2 − 1 of them.

A split is so many strings of one length. Its bits are the SHAKE-256 of the task's version, the split's name and a
seed, so they are the same on every machine; training never draws them. A fresh split of the same length is made from
another seed whenever an entry is verified.
"""
    shape = TaskShape(vocab_size=2, num_classes=2, grid=(None,), features=((-0.5,), (0.5,)))
    metrics = (Metric("exact", exact_accuracy),)
    splits = tuple(
        Split(name, difficulty=bits, depth=standard_depth(bits), count=count, source="generated", sha256=sha256)
        for name, (bits, count, sha256) in SPLITS.items()
    )
    source = PrefixSumsSource
    benchmark = Benchmark(
        version=1,
        train_limit="strings of at most 32 bits",
        splits=("bits-64", "bits-128", "bits-256", "bits-512"),
    )

    def load(self, split: str | None, data: Path | None = None) -> Examples:
        if split is None or data is not None:
            raise LoopbenchError("task prefix-sums reads no files: its splits are generated")
        spec = find_split(self, split)
        return checked(spec, _examples(self._bits(int(spec.difficulty), spec.count, split, 0), split))

    def sample(self, difficulty: float, seed: int, count: int) -> Examples:
        bits = int(difficulty)
        if bits != difficulty or not 1 <= bits <= MAX_BITS:
            raise LoopbenchError(f"difficulty must be a number of bits from 1 to {MAX_BITS}, not {difficulty}")
        return _examples(self._bits(bits, count, f"sample-{bits}", seed), f"sample-{bits}-{seed}")

    def batches(self, source: PrefixSumsSource, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        """Fresh strings, or the fixed set shuffled anew every epoch with its last partial batch dropped.

        Strings of the fixed splits are never drawn.

        Raises:
            LoopbenchError: a fixed set smaller than a batch.
        """
        number = first
        if source.strings is None:
            held_out = _held_out(source.bits)
            while True:
                yield _examples(_draw(source, batch_size, held_out, seed, "batch", number), f"batch-{number}")
                number += 1
        pool = _pool(source, seed)  # pyright: ignore[reportArgumentType]: a frozen model is hashable
        while True:
            yield pool.select(epoch_rows(source.strings, batch_size, seed, number))
            number += 1

    def render(self, examples: Examples, logits: Tensor, i: int) -> Picture:
        answer = logits[i].argmax(-1)
        right = (answer == examples.targets[i]) & logits[i].isfinite().all(-1)
        bits = [Cell(str(bit), given=True) for bit in examples.inputs[i].numpy()]
        sums = [Cell(str(bit), right=bool(good)) for bit, good in zip(answer.numpy(), right.numpy(), strict=True)]
        return Picture((bits, sums), wraps=True, row_labels=("bits", "sums"))

    def _bits(self, bits: int, count: int, name: str, seed: int) -> Tensor:
        """`(count, bits)` random bits that belong to (task version, name, seed)."""
        packed = random_bytes(-(-count * bits // 8), "loopbench", self.name, self.version, name, seed)
        flat = np.unpackbits(np.frombuffer(packed, np.uint8))[: count * bits]
        return torch.as_tensor(flat.reshape(count, bits).astype(np.int64))


@cache
def _held_out(bits: int) -> frozenset[bytes]:
    """The strings of that length in any fixed split."""
    task = PrefixSums()
    return frozenset(
        row.tobytes()
        for split in task.splits
        if split.difficulty == bits
        for row in task.load(split.name).inputs.numpy().astype(np.uint8)
    )


@lru_cache(maxsize=1)
def _pool(source: PrefixSumsSource, seed: int) -> Examples:
    """The fixed set of strings that a source asks for."""
    assert source.strings is not None
    return _examples(_draw(source, source.strings, _held_out(source.bits), seed, "pool", 0), "pool")


def _draw(
    source: PrefixSumsSource, count: int, held_out: frozenset[bytes], seed: int, kind: str, number: int
) -> Tensor:
    """`(count, bits)` random bits, none of whose rows is held out."""
    generator = torch.Generator().manual_seed(derived_seed(seed, kind, number))

    def draw(count: int) -> Tensor:
        bits = torch.randint(0, 2, (count, source.bits), generator=generator)
        chosen = torch.rand(count, generator=generator) < source.leading_ones
        bits[chosen, :LEADING] = 1
        return bits

    drawn = draw(count)
    while clash := [i for i, row in enumerate(drawn.numpy().astype(np.uint8)) if row.tobytes() in held_out]:
        drawn[clash] = draw(len(clash))
    return drawn


def _examples(bits: Tensor, name: str) -> Examples:
    return Examples(inputs=bits, targets=bits.cumsum(1) % 2, ids=tuple(f"{name}/{i}" for i in range(len(bits))))
