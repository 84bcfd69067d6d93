"""The optimizer and the learning rate, from a recipe."""

import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from timm.optim import create_optimizer_v2  # pyright: ignore[reportPrivateImportUsage]: it is public
from timm.scheduler.cosine_lr import CosineLRScheduler
from torch import nn

from loopbench.errors import LoopbenchError
from loopbench.training.checkpoint import load_checkpoint, save_checkpoint
from loopbench.training.recipe import OptimizerChoice, ScheduleChoice
from loopbench.validation import printable

SetRate = Callable[[int], None]
"""Sets the learning rate of step number s, counted from 0."""


def make_optimizer(model: nn.Module, choice: OptimizerChoice) -> torch.optim.Optimizer:
    """timm's optimizer of that name.

    Raises:
        LoopbenchError: timm knows none, or it does not take these settings.
    """
    settings: dict[str, Any] = {} if choice.betas is None else {"betas": choice.betas}
    try:
        return create_optimizer_v2(model, choice.name, lr=choice.lr, weight_decay=choice.weight_decay, **settings)
    except (AssertionError, ValueError, TypeError) as error:
        raise LoopbenchError(f"optimizer {choice.name!r}: {error}") from error


def check_resumable(choice: OptimizerChoice, device: torch.device) -> None:
    """See on a small layer that training goes on from a checkpoint as if nothing had happened.

    Raises:
        LoopbenchError: the optimizer fails, its state cannot be kept, or does not say all.
    """

    def train(layer: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        layer(torch.ones(1, 3, device=device)).square().sum().backward()
        optimizer.step()

    layers = [nn.Linear(3, 2, device=device) for _ in range(2)]
    first, second = (make_optimizer(layer, choice) for layer in layers)
    try:
        for _ in range(2):
            train(layers[0], first)
        with TemporaryDirectory() as folder:
            save_checkpoint(Path(folder, "state"), first.state_dict())
            second.load_state_dict(load_checkpoint(Path(folder, "state")))
        layers[1].load_state_dict(layers[0].state_dict())
        for layer, optimizer in zip(layers, (first, second), strict=True):
            train(layer, optimizer)
    except Exception as error:  # an optimizer may raise anything
        raise LoopbenchError(f"optimizer {choice.name!r} cannot train here: {printable(str(error))}") from error
    if not torch.equal(layers[0].weight, layers[1].weight):
        raise LoopbenchError(f"optimizer {choice.name!r} does not go on from a checkpoint as if nothing had happened")


def make_schedule(optimizer: torch.optim.Optimizer, choice: ScheduleChoice, steps: int) -> SetRate:
    """The schedule over `steps` steps.

    Raises:
        LoopbenchError: a warm-up that is longer than the training.
    """
    if choice.warmup_steps >= steps:
        raise LoopbenchError(
            f"schedule.warmup_steps = {choice.warmup_steps} must be less than steps = {steps}: set both of them"
        )
    peak = max(group["lr"] for group in optimizer.param_groups)
    if choice.name == "cosine":
        return CosineLRScheduler(
            optimizer,
            t_initial=steps,
            lr_min=choice.final * peak,
            warmup_t=choice.warmup_steps,
            warmup_lr_init=peak / (choice.warmup_steps + 1),
            t_in_epochs=False,
        ).step_update
    if choice.name == "paper":
        return _scaled(optimizer, lambda step: paper_factor(step * choice.epochs // steps, choice.epochs))
    return _scaled(optimizer, lambda step: min(1.0, (step + 1) / (choice.warmup_steps + 1)))


def paper_factor(epoch: int, epochs: int = 100) -> float:
    """The paper's learning-rate factor: 1 − e^(−(i+1)/10) for i = 0 … 8, then 1, and a tenth from 60 % on."""
    warmup = 1 - math.exp(-(epoch + 1) / 10) if epoch < 9 else 1.0
    return warmup if epoch < 0.6 * epochs else 0.1


def _scaled(optimizer: torch.optim.Optimizer, factor: Callable[[int], float]) -> SetRate:
    peaks = [group["lr"] for group in optimizer.param_groups]

    def set_rate(step: int) -> None:
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * factor(step)

    return set_rate
