"""Which iterations of an example are shown, and what of them."""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from loopbench.contracts import Examples, LoopedModel, Task
from loopbench.loop import trajectory
from loopbench.picture import Cell, Picture

DENSE = 32


@dataclass(frozen=True)
class Frame:
    """An example after `t` iterations.

    Attributes:
        changed: the places (row, column) of cells whose text or verdict is not that of the frame before.
        right: how many cells are right, of `counted` that count.
        solved: whether it is right under the task's primary metric.
        residual: ‖h_t − h_{t−1}‖ / ‖h_t‖ of the observed states; not finite if they are not.
    """

    t: int
    picture: Picture
    changed: frozenset[tuple[int, int]]
    right: int
    counted: int
    solved: bool
    residual: float


@torch.no_grad()
def frames(
    model: LoopedModel,
    task: Task,
    example: Examples,
    iterations: int,
    generator: torch.Generator | None = None,
    report: Callable[[int], object] = lambda t: None,
) -> Generator[Frame]:
    """The frames of one example in one pass, of which the newest state and picture are kept.

    Every iteration up to 32 is a frame, and so are all powers of two and the last. Beyond 32, another one is if the
    board has changed since the last frame and that was at least t / 32 iterations ago: at most some
    32 (1 + ln(T / 32)) + log2 T frames, 230 for T = 10,000, however the model behaves.

    Args:
        example: a single one, on the model's device.
        generator: where a random start draws from.
        report: is told every t.
    """
    here = example.to(torch.device("cpu"))
    start = model.start(model.encode(example.inputs), generator)
    before, last = model.observe(start), None
    for t, h in enumerate(trajectory(model, example.inputs, iterations, start=start), 1):
        now = model.observe(h)
        due = t <= DENSE or t == iterations or t.bit_count() == 1
        if due or last is None or t - last.t >= t / DENSE:
            logits = model.readout(h)
            picture = task.render(here, logits.cpu(), 0)
            changed = frozenset(_differences(last.picture, picture) if last else ())
            if due or last is None or changed or picture.caption != last.picture.caption:
                verdicts = [cell.right for row in picture.rows for cell in row if cell.right is not None]
                solved = bool(task.metrics[0].score(logits, example).item())
                last = Frame(t, picture, changed, sum(verdicts), len(verdicts), solved, _residual(before, now))
                yield last
        before = now
        report(t)


def _differences(old: Picture, new: Picture) -> Generator[tuple[int, int]]:
    def look(cell: Cell) -> tuple[str, bool | None]:
        return cell.text, cell.right

    for i, rows in enumerate(zip(old.rows, new.rows, strict=True)):
        for j, (a, b) in enumerate(zip(*rows, strict=True)):
            if look(a) != look(b):
                yield i, j


def _residual(before: Tensor, now: Tensor) -> float:
    change, norm = (float(x.double().square().sum().sqrt()) for x in (now - before, now))
    if change == 0:
        return 0.0
    return change / norm if norm else math.inf
