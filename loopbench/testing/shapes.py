"""The task shapes that an architecture is tried on."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import torch
from pydantic import BaseModel
from torch import Tensor

from loopbench.contracts import Architecture, LoopedModel, TaskShape
from loopbench.testing.contract import broken

SHAPES: dict[str, TaskShape] = {
    "sequence": TaskShape(vocab_size=5, num_classes=3, grid=(None,)),
    "sequence-with-features": TaskShape(vocab_size=2, num_classes=2, grid=(None,), features=((-0.5,), (0.5,))),
    "board-9x9": TaskShape(vocab_size=10, num_classes=10, grid=(9, 9)),
    "board-8x8-with-features": TaskShape(
        vocab_size=4,
        num_classes=2,
        grid=(8, 8),
        features=((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    ),
    "board-of-any-size": TaskShape(vocab_size=4, num_classes=2, grid=(None, None)),
}
"""What an architecture must take, but for those that it says it refuses."""

SIZES = {1: ((1,), (6,), (17,)), 2: ((1, 1), (4, 7), (12, 5))}
"""Grids to try where a shape leaves the size open, by the number of coordinates."""


@dataclass
class Case:
    """An architecture on one task shape.

    Attributes:
        config: its settings, validated.
        name: of the shape.
        where: what is being looked at, for the message.
    """

    architecture: Architecture
    config: BaseModel
    name: str
    shape: TaskShape
    where: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.at("")

    def at(self, detail: str) -> None:
        """Say what is looked at from now on."""
        self.where = f"architecture {self.architecture.name!r} on shape {self.name!r}" + (
            f", {detail}" if detail else ""
        )

    def build(self, seed: int = 0) -> LoopedModel:
        """An untrained model in float32 and eval mode."""
        with seeded(seed):
            model = cast(object, self.architecture.build(self.shape, self.config))
        if not isinstance(model, LoopedModel):
            broken(f"build gives a {type(model).__name__}, not a LoopedModel")
        return model.eval()

    def model(self) -> LoopedModel:
        """The same in float64, with every weight moved off its initial value, so that no zero or one hides a fault."""
        model = self.build().double()
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                parameter.add_((0.1 * parameter.abs().mean() + 0.02) * noise)
        return model

    def inputs(self, batch: int = 4, grid: tuple[int, ...] | None = None, seed: int = 0) -> Tensor:
        """`(batch, *grid)` random symbols; they are named in the message if something is wrong from here on."""
        grid = grid or self.grids()[-1]
        self.at(f"batch of {batch}, {' × '.join(map(str, grid))} cells")
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(0, self.shape.vocab_size, (batch, *grid), generator=generator)

    def grids(self) -> list[tuple[int, ...]]:
        """The sizes to try: what the shape fixes is fixed."""
        fixed = self.shape.grid
        return sorted({tuple(f or s for f, s in zip(fixed, size, strict=True)) for size in SIZES[len(fixed)]})


def begin(model: LoopedModel, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """The first state of some problems, and their injected input."""
    e = model.encode(inputs)
    return model.start(e, torch.Generator().manual_seed(0)), e


def iterations(model: LoopedModel, wanted: int) -> int:
    """As many as are wanted, or as the model has."""
    return min(wanted, model.max_iterations or wanted)


@contextmanager
def seeded(seed: int) -> Generator[None]:
    """Torch's global generator begins anew inside, and is what it was outside."""
    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]: untyped
        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]: untyped
        yield
