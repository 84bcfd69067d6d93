"""A sudoku whose answer appears diagonal by diagonal, and a task that shows it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from torch import Tensor

from loopbench.contracts import Examples, LoopedModel, Metric, Split, Task, TaskShape
from loopbench.picture import Cell, Picture
from loopbench.watch.frames import Frame, frames

GRID = torch.tensor([[(3 * r + r // 3 + c) % 9 + 1 for c in range(9)] for r in range(9)])
DIAGONAL = torch.arange(9)[:, None] + torch.arange(9)


class Sudoku(Task):
    name = "toy-sudoku"
    version = 1
    summary = "a sudoku with a third of its cells given"
    shape = TaskShape(vocab_size=10, num_classes=10, grid=(9, 9))
    metrics = (Metric("exact", lambda logits, examples: (logits.argmax(-1) == examples.targets).flatten(1).all(1)),)
    splits = (Split("only", 1, 64, 1, "generated", "0" * 64),)
    source = BaseModel

    def load(self, split: str | None, data: Path | None = None) -> Examples:
        return Examples(torch.where(DIAGONAL % 3 == 0, GRID, 0)[None], GRID[None], ("only/0",))

    def sample(self, difficulty: float, seed: int, count: int) -> Examples:
        raise NotImplementedError

    def batches(self, source: Any, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        raise NotImplementedError

    def render(self, examples: Examples, logits: Tensor, i: int) -> Picture:
        boards = (examples.inputs[i].tolist(), logits[i].argmax(-1).tolist(), examples.targets[i].tolist())
        rows = [
            [Cell(str(x), given=True) if x else Cell(str(y), right=y == z) for x, y, z in zip(*row, strict=True)]
            for row in zip(*boards, strict=True)
        ]
        return Picture(rows, caption=f"digits up to diagonal {sum(map(sum, boards[1]))}", box=(3, 3))


class Diagonals(LoopedModel):
    """h ← h + 1, up to a limit; the answer is right where row + column < h, and 1 elsewhere."""

    layers_per_step = 1

    def __init__(self, limit: float = 17) -> None:
        super().__init__()
        self.limit = limit

    def encode(self, inputs: Tensor) -> Tensor:
        return torch.zeros(len(inputs), 1)

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return (h + 1).clamp(max=self.limit)

    def readout(self, h: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(torch.where(h[:, :, None] > DIAGONAL, GRID, 1), 10).float()


class Blinking(Diagonals):
    """Never the same answer twice running."""

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return 17 - h


def watch(model: LoopedModel, iterations: int) -> Sequence[Frame]:
    return list(frames(model, Sudoku(), Sudoku().load("only"), iterations))
