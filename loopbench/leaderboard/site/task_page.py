"""What a task's page says, and the example on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

from loopbench.contracts import Examples, LoopedModel, Split, Task
from loopbench.devices import computing
from loopbench.evaluation.protocol import scored_iterations
from loopbench.hub import load_model
from loopbench.loop import trajectory
from loopbench.registry import entries
from loopbench.watch.frames import Frame, frames
from loopbench.watch.page import draw_page

TRIED = 4  # examples of which the one that takes longest is shown
MOST = 64  # iterations


@dataclass(frozen=True)
class Example:
    """An example that a bundled model works on.

    Attributes:
        page: of its own, with a slider.
        box: the view box of the page's picture, which says how high the page is.
    """

    title: str
    text: str
    page: str
    box: str


def facts(task: Task) -> Sequence[tuple[str, str]]:
    """What the benchmark fixes."""
    grid = " × ".join("any length" if n is None else str(n) for n in task.shape.grid)
    found = [
        ("cells", f"{grid}; {task.shape.vocab_size} symbols in, {task.shape.num_classes} classes out"),
        ("right", f"{task.metrics[0].name}, the scored metric; " + ", ".join(m.name for m in task.metrics[1:]))
        if task.metrics[1:]
        else ("right", f"{task.metrics[0].name}, the scored metric"),
    ]
    if task.benchmark:
        found += [
            ("benchmark", f"version {task.benchmark.version} of task version {task.version}"),
            ("scored splits", ", ".join(task.benchmark.splits)),
            ("closed track", f"trained on {task.benchmark.train_limit}; anything else is the open track"),
        ]
    return found


def commands(task: Task) -> Sequence[str]:
    """What to run to see the task, and a model on it."""
    ref = _bundled(task)
    shown = [f"loopbench tasks show {task.name}"]
    return shown + ([f"loopbench watch --model {ref}", f"loopbench eval --model {ref}"] if ref else [])


@cache
def make_example(task: Task) -> Example | None:
    """An example of the easiest split here, with the first bundled model of the task at work; `None`: no model.

    In float64, so that what is drawn is the same on every machine.
    """
    ref = _bundled(task)
    here = [split for split in task.splits if not split.downloaded and not split.name.startswith("dev-")]
    if ref is None or not here:
        return None
    model = load_model(ref).double()
    split = min(here, key=lambda split: split.difficulty)
    iterations = min(MOST, model.max_iterations or MOST, scored_iterations(split, model.layers_per_step)[-1])
    with computing("float64", torch.device("cpu")):
        shown = _solved(model, task, task.load(split.name).select(range(min(TRIED, split.count))), iterations)
        found = list(frames(model, task, shown, iterations, torch.Generator().manual_seed(0)))
    page = draw_page(found, ref, shown.ids[0])
    return Example(
        title=f"{ref} works on {shown.ids[0]}, iteration by iteration",
        text=_told(ref, split, found),
        page=page,
        box=page.partition('viewBox="')[2].partition('"')[0],
    )


def _bundled(task: Task) -> str | None:
    return next((entry.name for entry in entries() if entry.task == task.name and entry.folder), None)


@torch.no_grad()
def _solved(model: LoopedModel, task: Task, examples: Examples, iterations: int) -> Examples:
    """The one that is solved last of those that are right in the end, since there is most to see; or else the first."""
    right = torch.zeros(len(examples), dtype=torch.bool)
    solved = torch.zeros(len(examples), dtype=torch.int64)
    states = trajectory(model, examples.inputs, iterations, generator=torch.Generator().manual_seed(0))
    for t, h in enumerate(states, 1):
        right = task.metrics[0].score(model.readout(h), examples)
        solved = torch.where(right & (solved == 0), t, solved)
    return examples.select([int((solved * right).argmax())])


def _told(ref: str, split: Split, found: Sequence[Frame]) -> str:
    at = next((frame.t for frame in found if frame.solved), None)
    end = f"solves it at t = {at}" if at else f"has not solved it by t = {found[-1].t}"
    return f"{ref}, a bundled model, works on an example of {split.name} and {end}."
