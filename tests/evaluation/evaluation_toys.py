"""Maps whose fate is known, a task for them, and a record without a run."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor

from loopbench.contracts import Examples, LoopedModel, Metric, Provider, Split, Task, TaskShape
from loopbench.evaluation.environment import current_environment
from loopbench.evaluation.protocol import Protocol, scored_iterations
from loopbench.evaluation.record import (
    Correct,
    Cost,
    EvaluatedModel,
    EvaluatedSplit,
    EvaluatedTask,
    ExampleRange,
    Record,
    Retired,
    started_record,
)
from loopbench.evaluation.verdicts import Verdicts, recorded_iterations
from loopbench.validation import read_bytes

EXACT = Metric("exact", lambda logits, examples: (logits.argmax(-1) == examples.targets).flatten(1).all(1))
FIRST_CELL = Metric("first-cell", lambda logits, examples: logits.argmax(-1)[:, 0] == examples.targets[:, 0])


class Toy(LoopedModel):
    """h ← update(h, e) on states `(B, n)`, read out through two logits a cell, −score and score."""

    layers_per_step = 1

    def __init__(
        self,
        update: Callable[[Tensor, Tensor], Tensor],
        score: Callable[[Tensor], Tensor] = lambda h: h,
        observe: Callable[[Tensor], Tensor] = lambda h: h,
        start: Callable[[Tensor], Tensor] = torch.zeros_like,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.update, self.score, self.observe, self.begin, self.dtype = update, score, observe, start, dtype
        self.steps = 0

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs.to(self.dtype)

    def start(self, e: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.begin(e)

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        self.steps += len(h)
        return self.update(h, e)

    def readout(self, h: Tensor) -> Tensor:
        score = self.score(h)
        return torch.stack((-score, score), -1)


def toy_examples(count: int, cells: int = 4, seed: int = 0) -> Examples:
    """Inputs of −3 … 4, targets whether an input is positive."""
    inputs = torch.randint(-3, 5, (count, cells), generator=torch.Generator().manual_seed(seed))
    return Examples(inputs, (inputs > 0).long(), tuple(f"toy/{i}" for i in range(count)))


def protocol(iterations: int, *, retirement: bool = True, batch_size: int = 32, seed: int = 0) -> Protocol:
    return Protocol(iterations=iterations, precision="float32", batch_size=batch_size, retirement=retirement, seed=seed)


class FirstBits(Task):
    """Bits of which only the first counts, so that untrained models on prefix sums' symbols are sometimes right."""

    name = "first-bits"
    version = 1
    summary = "the first of n bits"
    shape = TaskShape(vocab_size=2, num_classes=2, grid=(None,), features=((-0.5,), (0.5,)))
    metrics = (Metric("exact", lambda logits, examples: logits[:, 0].argmax(-1) == examples.targets[:, 0]),)
    splits = tuple(Split(f"bits-{n}", n, 8, 40, "generated", "0" * 64) for n in (6, 8, 10, 12))
    source = BaseModel
    batch_cells = 100

    def load(self, split: str | None, data: Path | None = None) -> Examples:
        assert split is not None
        bits = int(split.removeprefix("bits-"))
        inputs = torch.randint(0, 2, (40, bits), generator=torch.Generator().manual_seed(bits))
        return Examples(inputs, inputs, tuple(f"{split}/{i}" for i in range(40)))

    def sample(self, difficulty: float, seed: int, count: int) -> Examples:
        raise NotImplementedError

    def batches(self, source: Any, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        raise NotImplementedError

    def render(self, examples: Examples, logits: Tensor, i: int) -> str:
        raise NotImplementedError


class BitsInFiles(FirstBits):
    """Strings of eight bits, a line each; those of the split `eights` are downloaded, or stand behind an `8:`."""

    splits = (*FirstBits.splits, Split("eights", 8, 16, 40, "numbers", "0" * 64))

    def load(self, split: str | None, data: Path | None = None) -> Examples:
        if data is None:
            return super().load(split)
        lines = read_bytes(data, 10_000).decode().splitlines()
        rows = [line.removeprefix("8:") for line in lines if split is None or line.startswith("8:")]
        inputs = torch.tensor([[int(bit) for bit in row] for row in rows]).reshape(len(rows), 8)
        return Examples(inputs, inputs, tuple(f"line-{i}" for i in range(len(rows))))


def made_record(first_solved: list[int], iterations: int, lost: dict[int, int] | None = None, **changes: Any) -> Record:
    """A complete record on prefix sums, as if example i had been solved from `first_solved[i]` (0: never) to `lost[i]`.

    Args:
        changes: in place of the parts "model", "task", "split", "examples", "protocol" and "cost".
    """
    n = len(first_solved)
    first = np.array(first_solved, np.int32)
    end = np.array([(lost or {}).get(i, iterations + 1) for i in range(n)])
    parts: dict[str, dict[str, Any]] = {
        "model": {
            "ref": "./runs/made",
            "repo": None,
            "revision": None,
            "weights_sha256": "a" * 64,
            "architecture": "loop",
            "version": 1,
            "config": {"width": 8},
            "provider": Provider(distribution="loopbench-zoo", version="0.1.0"),
            "parameters": 100,
            "layers_per_step": 1,
            "train_iterations": 30,
        },
        "task": {"name": "prefix-sums", "version": 1, "primary_metric": "exact"},
        "split": {"name": "bits-64", "difficulty": 64.0, "count": n, "data_sha256": "b" * 64},
        "examples": {"first": 0, "count": n},
        "protocol": protocol(iterations).model_dump(),
        "cost": {"wall_s": 1.0, "flops_per_iteration": 10, "peak_memory_bytes": 10},
    }
    for part, values in changes.items():
        parts[part] = parts[part] | values
    started = started_record(
        model=EvaluatedModel(**parts["model"]),
        task=EvaluatedTask(**parts["task"]),
        split=EvaluatedSplit(**parts["split"]),
        examples=ExampleRange(**parts["examples"]),
        partial=parts["examples"]["count"] < parts["split"]["count"],
        protocol=Protocol(**parts["protocol"]),
        curves={parts["task"]["primary_metric"]: Correct(n=n, correct=[])},
        environment=current_environment(torch.device("cpu"), compiled=False),
    )
    solved = [(first > 0) & (first <= t) & (t < end) for t in range(1, iterations + 1)]
    at = recorded_iterations(iterations, scored_iterations(Split("", 0, 64, n, "", ""), 1))
    verdicts = Verdicts(first, np.array(at, np.int32), np.array([solved[t - 1] for t in at]))
    correct = {parts["task"]["primary_metric"]: [int(row.sum()) for row in solved]}
    retired = Retired(count=0, audited=0, disagreements=0)
    return started.completed(correct, verdicts, retired, Cost(**parts["cost"]))
