"""The training loop: resumable at any moment, to the same weights bit for bit."""

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import torch
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from loopbench.contracts import Examples, LoopedModel, Objective, Task
from loopbench.devices import computing
from loopbench.errors import LoopbenchError
from loopbench.hub import build_model, load_model, save_model
from loopbench.loop import compile_step, final_state, trajectory
from loopbench.plugins import get_objective, get_task
from loopbench.tasks.splits import derived_seed, find_split
from loopbench.training.checkpoint import load_checkpoint, save_checkpoint
from loopbench.training.optimization import check_resumable, make_optimizer, make_schedule
from loopbench.training.prefetch import prefetched
from loopbench.training.processes import Processes
from loopbench.training.recipe import ProbeChoice, Recipe
from loopbench.training.run import CHECKPOINT
from loopbench.validation import validate


class Diverged(Exception):
    """The loss stopped being a number."""


@dataclass(frozen=True)
class Progress:
    """What a step reports: its number counted from 1, the loss, the gradient's norm before clipping, the rate."""

    step: int
    loss: float
    gradient_norm: float
    lr: float
    probe: dict[str, float] | None = None


class _Loss(nn.Module):
    """The objective as a module, which is what distributed training wraps."""

    def __init__(self, model: LoopedModel, task: Task, objective: Objective, options: Any) -> None:
        super().__init__()
        self.model = model
        self.task = task
        self.objective = objective
        self.options = options

    def forward(self, examples: Examples, draw: random.Random) -> Tensor:
        return self.objective.loss(self.model, self.task, examples, self.options, draw)


class Trainer:
    """A model, its optimizer and the number of steps done.

    Step i depends on the recipe, the state after step i − 1 and i alone: every draw is seeded by (seed, i), so the
    checkpoint needs no generator states and a resumed run is the undisturbed one.
    """

    def __init__(self, recipe: Recipe, device: torch.device, processes: Processes) -> None:
        """Build an untrained model and everything around it; `recipe.steps` is given.

        Raises:
            LoopbenchError: the recipe names something unknown or does not fit its task or architecture.
        """
        assert recipe.steps is not None
        self.recipe = recipe
        self.steps = recipe.steps
        self.device = device
        self.processes = processes
        self.task = get_task(recipe.task)
        self.source = validate(self.task.source, recipe.data, "data")
        objective = get_objective(recipe.objective.name)
        options = validate(objective.options, recipe.objective.options, f"objective {objective.name}")
        self.iterations = objective.iterations(options)
        torch.manual_seed(recipe.seed)  # pyright: ignore[reportUnknownMemberType]: untyped
        self.model = build_model(recipe.architecture, recipe.config, recipe.task).to(device)
        if self.model.max_iterations is not None and self.iterations > self.model.max_iterations:
            raise LoopbenchError(
                f"objective {objective.name} runs up to {self.iterations} iterations, "
                f"but {recipe.architecture} has at most {self.model.max_iterations}"
            )
        freeze(self.model, recipe.freeze)
        check_resumable(recipe.optimizer, device)
        self.optimizer = make_optimizer(self.model, recipe.optimizer)
        self.set_rate = make_schedule(self.optimizer, recipe.schedule, self.steps)
        self.probed = _probed(self.task, recipe.probe) if recipe.probe else {}
        # parameters alone: a tied one stands in the state dict twice, and would be averaged twice a step
        self.ema = None if recipe.ema is None else ModelEmaV3(self.model, decay=recipe.ema, exclude_buffers=True)
        first = processes.share(next(self.task.batches(self.source, recipe.batch_size, recipe.seed)))
        with computing(recipe.precision, device):
            if recipe.compile:
                compile_step(self.model, first.inputs.to(device), gradient=True)
        self.loss: nn.Module = _Loss(self.model, self.task, objective, options)
        if processes.count > 1:
            self.loss = DistributedDataParallel(self.loss, find_unused_parameters=True)
        self.done = 0

    @property
    def weights(self) -> LoopedModel:
        """The weights that a run is about: the average where there is one."""
        return self.model if self.ema is None else cast(LoopedModel, self.ema.module)  # pyright: ignore[reportUnknownMemberType]

    def begin(self, weights: dict[str, Tensor]) -> None:
        """Take over the weights of a model that is built alike."""
        for model in {self.model, self.weights}:
            model.load_state_dict(weights)

    def save(self, folder: Path) -> None:
        """Write the weights as a model folder, then the checkpoint.

        Raises:
            LoopbenchError: the folder cannot be written.
        """
        save_model(folder, self.weights, train_iterations=self.iterations)
        state: dict[str, Any] = {
            "step": self.done,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": None if self.ema is None else self.weights.state_dict(),
        }
        save_checkpoint(folder / CHECKPOINT, state)

    def load(self, folder: Path) -> None:
        """Go back to a checkpoint.

        Raises:
            LoopbenchError: it is not one of this recipe.
        """
        state = load_checkpoint(folder / CHECKPOINT)
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.ema is not None:
                self.weights.load_state_dict(state["ema"])
            self.done = int(state["step"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise LoopbenchError(f"{folder / CHECKPOINT} is not a checkpoint of this recipe") from error

    def run(self, after: Callable[[Progress], bool]) -> None:
        """Train to the last step, calling `after` each; it stops early where `after` says so.

        Raises:
            Diverged: the loss is not finite; the weights are those before the step.
        """
        with self._batches() as batches:
            self.model.train()
            while self.done < self.steps:
                self.set_rate(self.done)
                examples = self.processes.share(next(batches)).to(self.device)
                loss, norm = self._step(examples)
                self.done += 1
                probe = self.recipe.probe
                found = self._probe(probe) if probe and self.done % probe.every == 0 else None
                if after(Progress(self.done, loss, norm, self.optimizer.param_groups[0]["lr"], found)):
                    return

    def _batches(self) -> AbstractContextManager[Iterator[Examples]]:
        """The batches of the steps to come; beside a GPU the threads that torch may use make them ahead."""

        def from_number(first: int) -> Iterator[Examples]:
            return self.task.batches(self.source, self.recipe.batch_size, self.recipe.seed, first=first)

        if self.device.type == "cpu":
            return nullcontext(from_number(self.done))
        return prefetched(lambda number: next(from_number(number)), self.done, torch.get_num_threads())

    def _step(self, examples: Examples) -> tuple[float, float]:
        seed = derived_seed(self.recipe.seed, "step", self.done)
        torch.manual_seed(seed + self.processes.rank)  # pyright: ignore[reportUnknownMemberType]: untyped
        self.optimizer.zero_grad()
        with computing(self.recipe.precision, self.device):
            loss = self.loss(examples, random.Random(seed))
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip or math.inf)
        value = self.processes.mean(loss.detach())
        if not (math.isfinite(value) and math.isfinite(norm.item())):
            raise Diverged(f"the loss was {value:g} and its gradient's norm {norm.item():g} at step {self.done + 1}")
        self.optimizer.step()
        if self.ema is not None:
            self.ema.update(self.model, step=self.done)  # pyright: ignore[reportUnknownMemberType]: untyped
        return value, norm.item()

    @torch.no_grad()
    def _probe(self, choice: ProbeChoice) -> dict[str, float]:
        """Exact accuracy on the first examples of some dev splits."""
        found: dict[str, float] = {}
        self.weights.eval()
        for split, first in self.probed.items():
            examples = first.to(self.device)
            h = final_state(trajectory(self.weights, examples.inputs, choice.iterations))
            found[split] = self.task.metrics[0].score(self.weights.readout(h), examples).float().mean().item()
        self.model.train()
        return found


def initial_weights(recipe: Recipe) -> dict[str, Tensor] | None:
    """The weights of `recipe.init`, on the CPU; `None` without one.

    Raises:
        LoopbenchError: no such model, or it is not built as the recipe's is.
    """
    if recipe.init is None:
        return None
    try:
        model = load_model(recipe.init)
    except LoopbenchError as error:
        raise LoopbenchError(f"init: {error}") from error
    ours, theirs = build_model(recipe.architecture, recipe.config, recipe.task).info, model.info
    assert ours is not None and theirs is not None  # building and loading set them
    needed, found = ({"task": i.task, "architecture": i.architecture, **i.config} for i in (ours, theirs))
    for name, value in needed.items():
        if (other := found.get(name)) != value:
            raise LoopbenchError(f"init: {recipe.init} has {name} {other}, but the recipe {value}")
    return model.state_dict()


def _probed(task: Task, choice: ProbeChoice) -> dict[str, Examples]:
    """The first examples of the splits that are looked at.

    Raises:
        LoopbenchError: a split that is not there, or that has a twin to make choices on.
    """
    found: dict[str, Examples] = {}
    for split in choice.splits:
        find_split(task, split)
        if any(other.name == f"dev-{split}" for other in task.splits):
            raise LoopbenchError(f"probe.splits: {split} is scored, and chooses nothing; use its twin dev-{split}")
        examples = task.load(split)
        found[split] = examples.select(range(min(choice.examples, len(examples))))
    return found


def freeze(model: nn.Module, patterns: Iterable[str]) -> None:
    """Keep the parameters whose names match a pattern (`*` for any part) out of the training.

    Raises:
        LoopbenchError: a pattern that matches none.
    """
    for pattern in patterns:
        matching = [parameter for name, parameter in model.named_parameters() if fnmatchcase(name, pattern)]
        if not matching:
            names = ", ".join(name for name, _ in model.named_parameters())
            raise LoopbenchError(f"freeze: {pattern!r} matches no parameter of {names}")
        for parameter in matching:
            parameter.requires_grad_(False)


def measure_steps(recipe: Recipe, device: torch.device, processes: Processes, warmup: int = 3) -> int:
    """How many steps of a recipe fit into its `budget_minutes`; a fortieth of it goes to a model that is thrown away.

    Raises:
        LoopbenchError: as for `Trainer`.
    """
    assert recipe.budget_minutes is not None
    budget = recipe.budget_minutes * 60
    endless = {"steps": 10**8, "budget_minutes": None, "probe": None}
    trial = Trainer(recipe.model_copy(update=endless), device, processes)
    started = math.inf

    def after(progress: Progress) -> bool:
        nonlocal started
        if progress.step == warmup:  # compiling is over
            started = time.monotonic()
        return processes.agree(lambda: time.monotonic() - started > budget / 40)

    trial.run(after)
    seconds = (time.monotonic() - started) / max(1, trial.done - warmup)
    return processes.agree(lambda: max(1, int(budget / seconds)))
