"""A cell before it runs: everything that can be refused is refused here."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch

from loopbench.contracts import Examples, LoopedModel, ModelInfo, Split, Task
from loopbench.devices import PRECISIONS, Precision, computing, parameter_dtype, resolve_device
from loopbench.errors import LoopbenchError
from loopbench.evaluation.environment import current_environment
from loopbench.evaluation.protocol import Protocol, make_protocol
from loopbench.evaluation.record import (
    Correct,
    EvaluatedModel,
    EvaluatedSplit,
    EvaluatedTask,
    ExampleRange,
    Record,
    started_record,
)
from loopbench.files import check_writable
from loopbench.hub import check_unchanged
from loopbench.plugins import get_task
from loopbench.tasks.splits import find_split
from loopbench.validation import validate


@dataclass(frozen=True)
class Cell:
    """A model on a split, or the beginning of one, under a protocol."""

    model: LoopedModel
    info: ModelInfo
    task: Task
    split: Split
    examples: Examples
    protocol: Protocol
    device: torch.device
    compiled: bool

    def placed_model(self) -> LoopedModel:
        """A copy of the model where and as precisely as it is to run."""
        model = deepcopy(self.model).to(self.device, parameter_dtype(self.protocol.precision)).eval()
        return model.requires_grad_(False)

    def started(self) -> Record:
        """The record before the run.

        Raises:
            LoopbenchError: a plugin gave a name or a number that a record does not take.
        """
        n = len(self.examples)
        split, task = self.split, self.task
        info = self.info.model_dump(exclude={"task"})
        return started_record(
            model=validate(EvaluatedModel, info, f"model {self.info.ref}"),
            task=EvaluatedTask(name=task.name, version=task.version, primary_metric=task.metrics[0].name),
            split=EvaluatedSplit(
                name=split.name, difficulty=split.difficulty, count=split.count, data_sha256=split.sha256
            ),
            examples=ExampleRange(first=0, count=n),
            partial=n < split.count,
            protocol=self.protocol,
            curves={metric.name: Correct(n=n, correct=[]) for metric in task.metrics},
            environment=current_environment(self.device, self.compiled),
        )


def prepare(
    model: LoopedModel,
    task: str | Task,
    split: str,
    iterations: int | None = None,
    *,
    limit: int | None = None,
    output: Path | None = None,
    exact: bool = False,
    device: str = "auto",
    precision: Precision = "float32",
    batch_size: int | None = None,
    seed: int = 0,
    compiled: bool = False,
) -> Cell:
    """Check everything that an evaluation needs, and load its examples; the arguments are those of `evaluate`.

    Raises:
        LoopbenchError: anything is wrong.
    """
    check_unchanged(model)
    info = model.info
    assert info is not None  # or it would not be unchanged
    task = get_task(task) if isinstance(task, str) else task
    if task.name != info.task and task.shape != get_task(info.task).shape:
        raise LoopbenchError(f"{info.ref} was made for task {info.task}, whose symbols are not those of {task.name}")
    spec = find_split(task, split)
    if precision not in PRECISIONS:
        raise LoopbenchError(f"unknown precision {precision!r}; use one of {', '.join(PRECISIONS)}")
    protocol = make_protocol(
        model,
        task,
        spec,
        iterations=iterations,
        precision=precision,
        batch_size=batch_size,
        exact=exact,
        seed=seed,
    )
    place = resolve_device(device)
    with computing(precision, place):
        pass
    if limit is not None and limit < 1:
        raise LoopbenchError(f"limit must be at least 1, not {limit}")
    if output is not None:
        check_writable(output)
    examples = task.load(split)
    if limit is not None and limit < len(examples):
        examples = examples.select(range(limit))
    return Cell(model, info, task, spec, examples, protocol, place, compiled)
