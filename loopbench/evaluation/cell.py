"""A cell before it runs: everything that can be refused is refused here."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch

from loopbench.contracts import Examples, LoopedModel, ModelInfo, Split, Task
from loopbench.devices import computing, parameter_dtype, resolve_device
from loopbench.errors import LoopbenchError
from loopbench.evaluation.environment import current_environment
from loopbench.evaluation.examples import load_examples
from loopbench.evaluation.protocol import Protocol, Settings, make_protocol
from loopbench.evaluation.record import (
    Correct,
    EvaluatedModel,
    EvaluatedSplit,
    EvaluatedTask,
    ExampleRange,
    Record,
    started_record,
)
from loopbench.evaluation.store import find_record, open_store
from loopbench.hub import check_unchanged
from loopbench.plugins import get_task
from loopbench.validation import printable, validate


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
    output: Path | None

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

    def kept(self) -> Record | None:
        """The complete record that makes a run needless, if the output folder has it.

        Raises:
            LoopbenchError: what stands in its place cannot be read.
        """
        return None if self.output is None else find_record(self.output, self.started())


def prepare(model: LoopedModel, task: str | Task, split: str | None, settings: Settings) -> Cell:
    """Check everything that an evaluation needs, and load its examples.

    Args:
        split: `None`: all of the file `settings.data`.

    Raises:
        LoopbenchError: anything is wrong.
    """
    _expect(model, LoopedModel, "model", "what load_model gives")
    check_unchanged(model)
    info = model.info
    assert info is not None  # or it would not be unchanged
    task = get_task(task) if isinstance(task, str) else task
    _expect(task, Task, "task", "a name or what load_task gives")
    if task.name != info.task and task.shape != get_task(info.task).shape:
        raise LoopbenchError(f"{info.ref} was made for task {info.task}, whose symbols are not those of {task.name}")
    device = resolve_device(settings.device)
    with computing(settings.precision, device):
        pass
    if settings.output is not None:
        open_store(settings.output)
    spec, examples = load_examples(task, split, settings.data, skip_bad=settings.skip_bad)
    protocol = make_protocol(model, task, spec, examples, settings)
    if settings.limit is not None:
        examples = examples.select(range(min(settings.limit, len(examples))))
    return Cell(model, info, task, spec, examples, protocol, device, settings.compiled, settings.output)


def _expect(value: object, kind: type, name: str, meaning: str) -> None:
    if not isinstance(value, kind):
        raise LoopbenchError(f"{name} must be {meaning}, not {printable(repr(value))}")
