"""Mazes: from the walls, a start and a goal to the squares of the one path between them.

Schwarzschild et al. 2021, https://arxiv.org/abs/2106.04537. A wider maze has longer paths, so it needs more iterations.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from loopbench.contracts import IGNORED, Benchmark, Examples, Metric, Split, Task, TaskShape
from loopbench.errors import LoopbenchError
from loopbench.picture import Cell, Picture
from loopbench.tasks.metrics import exact_accuracy
from loopbench.tasks.splits import checked, find_split, random_bytes, standard_depth
from loopbench_mazes.maze import GOAL, START, WALL, Grid, make_mazes, random_numbers_needed

MAX_SIDE = 129

# side: (mazes in a split, squares of the longest path in it or in its twin)
SIDES = {9: (200, 43), 13: (200, 81), 17: (200, 111), 25: (200, 239), 33: (200, 363), 59: (100, 901)}

SHA256 = {
    "maze-9": "ef92c32525eb87ee09e800215d7bb4b1c3bd3a499cdd4ff71ef9b83fc733bfd0",
    "maze-13": "e4b2decb3a610f5715dc138a2b9f4e15bb900c10ddf7127232a815b0c0b1be97",
    "maze-17": "e1984fefd04b5999d57ca3878f9811c1e0362179b619cf65ef813accb28dd515",
    "maze-25": "d7703fce3c698b142e5a0859a9572d0f80ed855e16825e3225672376f7979995",
    "maze-33": "fb4cfeae8b6ec13a5f45a4d48857594f1ddaded900797ca4eb53778101ecd3bf",
    "maze-59": "533db3175e2807a46e3ca0c54abc2c2cb2fd836483f83aeea9a0e26bee7b4174",
    "dev-maze-9": "1a5404a56328b33b44bf9b4279f840fbf7ba9ba5664fee30a44c07df313947b5",
    "dev-maze-13": "40fe11ecca2cac7511c0b650544471f748b217deda6bc3daffc54d7c130d7cd8",
    "dev-maze-17": "ff9501b4f3e44442d87efac3f96ef2f1fb8937458bd4dad42e592f49bb7c38c3",
    "dev-maze-25": "902868bfa83888e2b8be716674ffa9692411cbe23953e0e4ba3f456ae3628a4b",
    "dev-maze-33": "d9471fb02f09f761023f75456d21c9e14e8167a3479dacb374fe84c4ed4d1741",
    "dev-maze-59": "3341f0f1202a99c86da1aa3d2215a696a72d9d794f8b6a82b0b20c39c5ed4855",
}


class MazesSource(BaseModel):
    """Training mazes, fresh ones for every batch: none has the walls of one in a fixed split, however it is turned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: int = Field(9, ge=3, le=MAX_SIDE, description="squares along a side, odd")

    @field_validator("side")
    @classmethod
    def _is_odd(cls, side: int) -> int:
        if side % 2 == 0:
            raise ValueError(f"a side is odd, not {side}")
        return side


class Mazes(Task):
    """Symbols: wall, free, start, goal. Targets: 1 on the path, both its ends included, and 0 on other free squares.

    As in the paper's code, walls don't count: a maze is solved when every square that one can stand on is right. A
    square of the paper's images is two by two pixels, within a border of walls; here it is one cell, without a border.

    D of a split is what its longest path, or its twin's, needs at two cells a layer, and at least 64.
    """

    name = "mazes"
    version = 1
    summary = "a maze to the squares of its one path from start to goal"
    shape = TaskShape(
        vocab_size=4,
        num_classes=2,
        grid=(None, None),
        features=((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),  # the paper's colours
    )
    metrics = (Metric("exact", exact_accuracy),)
    splits = tuple(
        Split(f"{twin}maze-{side}", side, standard_depth(longest), count, "generated", SHA256[f"{twin}maze-{side}"])
        for twin in ("", "dev-")
        for side, (count, longest) in SIDES.items()
    )
    source = MazesSource
    # two of the widest mazes: torch's convolutions of a batch of one on one thread take seven times as long
    batch_cells = 8192
    benchmark = Benchmark(
        version=1,
        train_limit="mazes of at most 9×9",
        splits=("maze-13", "maze-17", "maze-25", "maze-33"),
    )

    def load(self, split: str | None, data: Path | None = None) -> Examples:
        if split is None or data is not None:
            raise LoopbenchError("task mazes reads no files: its splits are generated")
        spec = find_split(self, split)
        return checked(spec, _examples(*_make(int(spec.difficulty), spec.count, split, 0), split))

    def sample(self, difficulty: float, seed: int, count: int) -> Examples:
        side = int(difficulty)
        if side != difficulty or side % 2 == 0 or not 3 <= side <= MAX_SIDE:
            raise LoopbenchError(f"difficulty must be an odd side from 3 to {MAX_SIDE}, not {difficulty}")
        return _examples(*_make(side, count, f"sample-{side}", seed), f"sample-{side}-{seed}")

    def batches(self, source: MazesSource, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        held_out, number = _held_out(source.side), first
        while True:
            boards, paths = _make(source.side, batch_size, f"batch-{number}", seed)
            attempt = 0
            while clash := [i for i, board in enumerate(boards) if _walls(board) in held_out]:
                attempt += 1
                boards[clash], paths[clash] = _make(source.side, len(clash), f"batch-{number}-{attempt}", seed)
            yield _examples(boards, paths, f"batch-{number}")
            number += 1

    def render(self, examples: Examples, logits: Tensor, i: int) -> Picture:
        answer, finite = logits[i].argmax(-1), logits[i].isfinite().all(-1)
        right = (answer == examples.targets[i]) & finite
        squares = zip(*(x.flatten().tolist() for x in (examples.inputs[i], answer, right)), strict=True)
        cells = [_cell(*square) for square in squares]
        side = examples.inputs.shape[-1]
        return Picture([cells[row : row + side] for row in range(0, len(cells), side)])


@cache
def _held_out(side: int) -> frozenset[bytes]:
    """The walls of that side in any fixed split, in all eight orientations."""
    task = Mazes()
    boards = [board for split in task.splits if split.difficulty == side for board in task.load(split.name).inputs]
    turned = [np.rot90(board.numpy(), turns) for board in boards for turns in range(4)]
    return frozenset(_walls(board) for each in turned for board in (each, each.T))


def _make(side: int, count: int, name: str, seed: int) -> tuple[Grid, np.ndarray]:
    """The mazes that belong to (task version, name, seed), and their paths."""
    needed = random_numbers_needed(side)
    key = ("loopbench", Mazes.name, Mazes.version, side, name, seed)
    random = np.frombuffer(random_bytes(2 * count * needed, *key), "<u2").astype(np.int64)
    return make_mazes(side, random.reshape(count, needed))


def _walls(board: Grid) -> bytes:
    return (board == WALL).tobytes()


def _examples(boards: Grid, paths: np.ndarray, name: str) -> Examples:
    targets = np.where(boards == WALL, IGNORED, paths)
    return Examples(torch.as_tensor(boards), torch.as_tensor(targets), tuple(f"{name}/{i}" for i in range(len(boards))))


def _cell(symbol: int, answer: int, right: bool) -> Cell:
    if symbol == WALL:
        return Cell("■", given=True)
    text = {START: "S", GOAL: "G"}.get(symbol, "·" if answer else "")
    return Cell(text, given=symbol in (START, GOAL), right=right)
