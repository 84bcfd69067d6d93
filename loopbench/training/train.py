"""One training run, from a recipe to a run folder."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from loopbench.devices import resolve_device
from loopbench.errors import LoopbenchError
from loopbench.training.processes import joined
from loopbench.training.recipe import Recipe
from loopbench.training.run import CHECKPOINT, LOG, open_run, rewind_log, start_run
from loopbench.training.trainer import Progress, Trainer, measure_steps


def train(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    max_minutes: float | None = None,
    device: str = "auto",
    report: Callable[[Progress, int], None] = lambda progress, steps: None,
) -> bool:
    """Train a recipe into a run folder, which can be evaluated from its first checkpoint on.

    Args:
        resume: go on from the folder's last checkpoint, if it has one.
        max_minutes: stop cleanly at the first step after so many minutes.
        report: called on the first process after every step with the progress and the number of steps.

    Returns:
        Whether the run is complete.

    Raises:
        LoopbenchError: a recipe that does not fit, or a folder that cannot be used.
        Diverged: the loss stopped being finite; the folder keeps the last checkpoint.
    """
    started = time.monotonic()
    where = resolve_device(
        f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ and device == "cuda" else device
    )
    with joined(where) as processes:
        recipe = open_run(folder, recipe, resume)
        if recipe.steps is None:
            recipe = recipe.model_copy(
                update={"steps": measure_steps(recipe, where, processes), "budget_minutes": None}
            )
        trainer = Trainer(recipe, where, processes)
        if (folder / CHECKPOINT).exists():
            trainer.load(folder)
        elif processes.first:
            start_run(folder, recipe)
            trainer.save(folder)
        if processes.first:
            rewind_log(folder, trainer.done)

        def after(progress: Progress) -> bool:
            out_of_time = max_minutes is not None and time.monotonic() - started > 60 * max_minutes
            stop = processes.agree(int(out_of_time)) == 1
            if processes.first:
                log.write(
                    json.dumps({key: value for key, value in asdict(progress).items() if value is not None}) + "\n"
                )
                log.flush()
                if stop or progress.step == trainer.steps or progress.step % recipe.checkpoint_every == 0:
                    trainer.save(folder)
                report(progress, trainer.steps)
            return stop

        try:
            log = (folder / LOG).open("a", encoding="utf-8")
        except OSError as error:
            raise LoopbenchError(f"cannot write {folder / LOG}: {error.strerror}") from error
        with log:
            trainer.run(after)
        return trainer.done == trainer.steps
