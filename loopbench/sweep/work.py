"""One cell, from wherever it was left to its outcome."""

import os
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from loopbench.contracts import LoopedModel
from loopbench.errors import LoopbenchError
from loopbench.evaluation.run import evaluate
from loopbench.files import claimed, file_sha256
from loopbench.hub import load_model
from loopbench.plugins import blame
from loopbench.references import WEIGHTS
from loopbench.stability.run import ITERATIONS, diagnose
from loopbench.sweep.cells import Cell, Measurement
from loopbench.sweep.outcome import (
    CELLS,
    RUNS,
    Measured,
    Outcome,
    failed,
    find_outcome,
    measured_folder,
    run_folder,
    save_outcome,
    started_outcome,
)
from loopbench.sweep.study import Resources
from loopbench.training.launch import launch
from loopbench.training.recipe import dump_recipe
from loopbench.training.run import RECIPE, read_log
from loopbench.training.train import train
from loopbench.training.trainer import Diverged
from loopbench.validation import printable
from loopbench.workers import attend, send_output

PATIENCE = 180
"""Seconds to wait for another process to leave a cell: one whose sweep or node was killed takes a while to end."""

SHARE = 0.5
"""Of its steps, what an attempt must take at least to tell how long all of them take."""


def run_cell(cell: Cell, folder: Path, resources: Resources) -> Outcome:
    """Train a cell's model, or go on with it, and make the measurements that are not there; a failure is an outcome.

    Raises:
        LoopbenchError: the outcome cannot be written, or another process has the cell and keeps it.
    """
    lock = folder / CELLS / f".{cell.digest[:16]}.lock"
    with claimed(lock, f"another process is at work on {cell.name}", PATIENCE):
        outcome = find_outcome(folder, cell)
        if outcome and outcome.complete(folder, cell):
            return outcome
        outcome = outcome or started_outcome(cell)
        outcome = outcome.changed(status="started", reason=None, labels=cell.labels)
        outcome = save_outcome(folder, cell, outcome)
        try:
            outcome = _trained(cell, folder, outcome, resources.processes)
            begin = time.monotonic()
            outcome = _measured(cell, folder, outcome)
        except (LoopbenchError, Diverged) as error:
            diverged = "diverged: " if isinstance(error, Diverged) else ""
            return failed(folder, cell, f"{diverged}{error}")
        except Exception as error:  # one cell's error, whatever it is, is not the sweep's
            return failed(folder, cell, blame(error) or f"{type(error).__name__}: {error}")
        finally:
            torch.compiler.reset()  # the next cell is another model under the same code
        return save_outcome(folder, cell, outcome.changed(status="done", measure_s=round(time.monotonic() - begin, 3)))


def attempt(cell: Cell, folder: Path, resources: Resources) -> Outcome:
    """`run_cell` for a process of an executor: with its CPU threads, and what is raised is an outcome too."""
    torch.set_num_threads(resources.threads)
    os.environ["OMP_NUM_THREADS"] = str(resources.threads)  # of the processes that share a cell
    try:
        return run_cell(cell, folder, resources)
    except LoopbenchError as error:
        return started_outcome(cell).changed(status="failed", reason=printable(str(error), 500))


def _trained(cell: Cell, folder: Path, outcome: Outcome, processes: int) -> Outcome:
    run = run_folder(folder, cell)
    if outcome.weights_sha256 and (run / WEIGHTS).exists() and file_sha256(run / WEIGHTS) == outcome.weights_sha256:
        return outcome
    done = max((entry["step"] for entry in read_log(run)), default=0)
    begin = time.monotonic()
    if processes > 1:
        _train_shared(cell, run, processes)
    else:
        train(cell.recipe, run, resume=(run / RECIPE).exists())
    assert cell.recipe.steps is not None
    seconds, share = time.monotonic() - begin, 1 - done / cell.recipe.steps
    train_s = round(seconds / share, 3) if share >= SHARE else None  # a few steps take as long as compiling them
    digest = file_sha256(run / WEIGHTS)
    return save_outcome(folder, cell, outcome.changed(weights_sha256=digest, train_s=train_s, measured=[]))


def _train_shared(cell: Cell, run: Path, processes: int) -> None:
    """Train in several processes (DDP).

    Raises:
        LoopbenchError: one of them failed.
    """
    with TemporaryDirectory() as scratch:
        recipe, log = Path(scratch, RECIPE), Path(scratch, "log")
        recipe.write_text(dump_recipe(cell.recipe), encoding="utf-8")
        resume = ["--resume"] if (run / RECIPE).exists() else []
        launcher = get_context("spawn").Process(
            target=_launch, args=([str(recipe), "--output", str(run), *resume], processes, log)
        )
        launcher.start()
        launcher.join()
        if launcher.exitcode:
            said = [line for line in log.read_text("utf-8", "replace").splitlines() if line]
            raise LoopbenchError(said[-1].removeprefix("error: ") if said else f"exit code {launcher.exitcode}")


def _launch(arguments: list[str], processes: int, log: Path) -> None:
    attend()
    send_output(log)
    try:
        launch(arguments, processes)
    except LoopbenchError as error:
        sys.exit(str(error))  # which prints it


def _measured(cell: Cell, folder: Path, outcome: Outcome) -> Outcome:
    model = load_model(run_folder(folder, cell))
    assert model.info is not None  # loading sets it
    model.info = model.info.model_copy(update={"ref": f"./{RUNS}/{cell.name}"})  # the same wherever the folder stands
    for what in cell.measurements:
        if not outcome.has(folder, what):
            measure = _diagnosis if what.diagnosis else _curve
            file = measure(model, cell, what, measured_folder(folder, what))
            kept = [measured for measured in outcome.measured if measured.what != what]
            outcome = save_outcome(folder, cell, outcome.changed(measured=[*kept, Measured(what=what, file=file)]))
    return outcome


def _curve(model: LoopedModel, cell: Cell, what: Measurement, folder: Path) -> str:
    iterations, most = what.iterations, model.max_iterations
    return evaluate(
        model,
        cell.recipe.task,
        what.split,
        iterations if most is None or iterations is None else min(most, iterations),
        limit=what.limit,
        output=folder,
        exact=what.exact,
        precision=what.precision,
        compiled=cell.recipe.compile,
    ).file_name


def _diagnosis(model: LoopedModel, cell: Cell, what: Measurement, folder: Path) -> str:
    return diagnose(
        model,
        cell.recipe.task,
        what.split,
        examples=what.limit,
        iterations=what.iterations or ITERATIONS,
        output=folder,
    ).file_name
