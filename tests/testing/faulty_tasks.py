"""A sound little task, and tasks with one fault each."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from loopbench.contracts import IGNORED, Benchmark, Examples, Metric, Split, Task, TaskShape
from loopbench.errors import LoopbenchError
from loopbench.picture import Cell, Picture
from loopbench.tasks.metrics import exact_accuracy
from loopbench.tasks.splits import canonical_sha256, checked, derived_seed, find_split

ALL = [list(bits) for bits in product((0, 1), repeat=10)]
COUNT = 40


class Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def examples(rows: list[list[int]], name: str) -> Examples:
    """Is a bit another than the one before it? The first cell does not count."""
    targets = [[IGNORED, *(int(a != b) for a, b in pairwise(row))] for row in rows]
    return Examples(torch.tensor(rows), torch.tensor(targets), tuple(f"{name}/{i}" for i in range(len(rows))))


def drawn(*key: str | int) -> list[list[int]]:
    """All ten-bit strings in the order that belongs to a key."""
    order = torch.randperm(len(ALL), generator=torch.Generator().manual_seed(derived_seed(*key)))
    return [ALL[i] for i in order]


FIXED = {
    name: drawn("fixed")[COUNT * i : COUNT * (i + 1)] for i, name in enumerate(("easy", "hard", "dev-easy", "dev-hard"))
}


def split(name: str, rows: list[list[int]]) -> Split:
    difficulty = 1 if name.endswith("easy") else 2
    return Split(name, difficulty, 64, len(rows), "generated", canonical_sha256(examples(rows, name)))


class Sound(Task):
    name = "toy"
    version = 1
    summary = "for a test"
    shape = TaskShape(vocab_size=2, num_classes=2, grid=(None,))
    metrics = (Metric("exact", exact_accuracy),)
    splits = tuple(split(name, rows) for name, rows in FIXED.items())
    source = Source
    benchmark = Benchmark(version=1, train_limit="what is not in a split", splits=("easy", "hard"))

    def load(self, split: str | None, data: Path | None = None) -> Examples:
        if split is None:
            raise LoopbenchError("task toy reads no files")
        return checked(find_split(self, split), examples(self.rows(split), split))

    def rows(self, split: str) -> list[list[int]]:
        return FIXED[split]

    def sample(self, difficulty: float, seed: int, count: int) -> Examples:
        return examples(drawn("sample", seed)[:count], f"sample-{seed}")

    def batches(self, source: Any, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        held_out = [row for rows in FIXED.values() for row in rows]
        number = first
        while True:
            free = [row for row in drawn("batch", seed, number) if row not in held_out]
            yield examples(free[:batch_size], f"batch-{number}")
            number += 1

    def render(self, examples: Examples, logits: Tensor, i: int) -> Picture:
        right = (logits[i].argmax(-1) == examples.targets[i]).tolist()
        cells = zip(examples.inputs[i].tolist(), right, examples.targets[i].tolist(), strict=True)
        return Picture(([Cell(str(bit), right=None if target == IGNORED else good) for bit, good, target in cells],))


class HashSeed(Sound):
    """A split in the order of a set of strings."""

    def rows(self, split: str) -> list[list[int]]:
        texts = {"".join(map(str, row)) for row in super().rows(split)}
        return [[int(bit) for bit in text] for text in texts]


class Leak(Sound):
    def batches(self, source: Any, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        number = first
        while True:
            yield examples(drawn("batch", seed, number)[:batch_size], f"batch-{number}")
            number += 1


class TwinOfItself(Sound):
    """Its dev split is the test split, in another order."""

    TWIN = FIXED["hard"][::-1]
    splits = (*Sound.splits[:3], split("dev-hard", TWIN))

    def rows(self, split: str) -> list[list[int]]:
        return self.TWIN if split == "dev-hard" else super().rows(split)


class Unchecked(Sound):
    def load(self, split: str | None, data: Path | None = None) -> Examples:
        if split is None:
            raise LoopbenchError("task toy reads no files")
        return examples(self.rows(find_split(self, split).name), split)


class FewerThanDeclared(Unchecked):
    def rows(self, split: str) -> list[list[int]]:
        return super().rows(split)[1:]


class AnyName(Sound):
    def load(self, split: str | None, data: Path | None = None) -> Examples:
        known = split if split in FIXED else "easy"
        return super().load(known)


class Disordered(Sound):
    benchmark = Benchmark(version=1, train_limit="", splits=("hard", "easy"))


class ShallowerWhenHard(Sound):
    splits = tuple(replace(s, depth=32) if s.difficulty == 2 else s for s in Sound.splits)


class NoTwin(Sound):
    splits = Sound.splits[:3]


class SameSample(Sound):
    def sample(self, difficulty: float, seed: int, count: int) -> Examples:
        return super().sample(difficulty, 0, count)


class OneStream(Sound):
    """Batches that depend on those before them."""

    def batches(self, source: Any, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        stream = super().batches(source, batch_size, seed, 0)
        yield from stream


class UnknownSymbol(Unchecked):
    shape = replace(Sound.shape, vocab_size=1)


class OneId(Unchecked):
    def load(self, split: str | None, data: Path | None = None) -> Examples:
        return replace(super().load(split), ids=("the-same",) * COUNT)


class Majority(Sound):
    metrics = (Metric("majority", lambda logits, e: (logits.argmax(-1) == e.targets).float().mean(1) > 0.5),)


class CountsIgnored(Sound):
    metrics = (Metric("all", lambda logits, e: (logits.argmax(-1) == e.targets).all(1)),)


class NaNIsRight(Sound):
    """argmax of NaN is class 0, and ignored cells are class 0 to it."""

    metrics = (
        Metric("exact", exact_accuracy),
        Metric(
            "mean",
            lambda logits, e: ~((logits.argmax(-1) != e.targets) & (logits[..., 0] < 9) & (e.targets >= 0)).any(1),
        ),
    )


class WrongSign(Sound):
    def loss(self, logits: Tensor, examples: Examples) -> Tensor:
        return -super().loss(logits, examples)


class OtherTargets(Sound):
    """The loss asks for the inputs."""

    def loss(self, logits: Tensor, examples: Examples) -> Tensor:
        return super().loss(logits, replace(examples, targets=examples.inputs))


class LossOfEach(Sound):
    def loss(self, logits: Tensor, examples: Examples) -> Tensor:
        return torch.stack(
            [super(LossOfEach, self).loss(logits[i : i + 1], examples.select([i])) for i in range(len(logits))]
        )


class LogOfZero(Sound):
    def loss(self, logits: Tensor, examples: Examples) -> Tensor:
        return super().loss(logits, examples) + (logits * 0).log().mean()


class TextPicture(Sound):
    def render(self, examples: Examples, logits: Tensor, i: int) -> Any:
        return str(logits[i].argmax(-1).tolist())


class RightDrawnWrong(Sound):
    def render(self, examples: Examples, logits: Tensor, i: int) -> Picture:
        right = (logits[i].argmax(-1) == examples.inputs[i]).tolist()
        return Picture(([Cell("", right=good) for good in right],))
