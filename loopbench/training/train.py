"""One training run, from a recipe to a run folder."""

import math
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from loopbench.devices import resolve_device
from loopbench.files import check_writable
from loopbench.training.processes import joined
from loopbench.training.recipe import Recipe
from loopbench.training.run import CHECKPOINT, append_log, claimed_run, open_run, rewind_log, start_run
from loopbench.training.trainer import Progress, Trainer, initial_weights, measure_steps


def train(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    max_minutes: float = math.inf,
    stop: Callable[[], bool] = lambda: False,
    device: str = "auto",
    report: Callable[[Progress, int], None] = lambda progress, steps: None,
) -> bool:
    """Train a recipe into a run folder, which can be evaluated from its first checkpoint on.

    Args:
        resume: go on with the run in the folder, from its last checkpoint.
        max_minutes: stop cleanly at the first step after so many minutes.
        stop: asked after every step whether to stop cleanly there.
        report: called on the first process after every step with the progress and the number of steps.

    Returns:
        Whether the run is complete.

    Raises:
        LoopbenchError: a recipe that does not fit, or a folder that cannot be used.
        Diverged: the loss stopped being finite; the folder keeps the last checkpoint.
    """
    started = time.monotonic()
    where = resolve_device(device)
    if where.type == "cuda" and "LOCAL_RANK" in os.environ:  # torchrun's: one device a process
        where = resolve_device(f"cuda:{os.environ['LOCAL_RANK']}")
    check_writable(folder)
    with joined(where) as processes, ExitStack() as claims:

        def claim() -> None:
            claims.enter_context(claimed_run(folder))
            open_run(folder, recipe, resume)  # once more: another process may have been faster

        recipe = processes.agree(lambda: open_run(folder, recipe, resume))
        if resume:
            processes.agree(claim)
        begun = processes.agree((folder / CHECKPOINT).exists)
        weights = None if begun else processes.agree(lambda: initial_weights(recipe))
        if recipe.steps is None:
            steps = measure_steps(recipe, where, processes)
            recipe = recipe.model_copy(update={"steps": steps, "budget_minutes": None})
        trainer = Trainer(recipe, where, processes)
        if weights:
            trainer.begin(weights)
        if not resume:  # a folder is made for a recipe that fits
            processes.agree(claim)
        if begun:
            trainer.load(folder)
        elif processes.first:
            start_run(folder, recipe)
            trainer.save(folder)
        if processes.first:
            rewind_log(folder, trainer.done)

        def after(progress: Progress) -> bool:
            stopping = processes.agree(lambda: stop() or time.monotonic() - started > 60 * max_minutes)
            if processes.first:
                append_log(folder, {key: value for key, value in asdict(progress).items() if value is not None})
                if stopping or progress.step == trainer.steps or progress.step % recipe.checkpoint_every == 0:
                    trainer.save(folder)
                report(progress, trainer.steps)
            return stopping

        trainer.run(after)
        return trainer.done == trainer.steps
