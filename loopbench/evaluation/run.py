"""One cell, from a model to its record."""

import math
import time
from pathlib import Path

import torch

from loopbench.contracts import LoopedModel, Task
from loopbench.devices import Precision, computing
from loopbench.evaluation.cell import Cell, prepare
from loopbench.evaluation.curve import Report, measure_curve
from loopbench.evaluation.environment import peak_memory_bytes
from loopbench.evaluation.flops import flops_per_step
from loopbench.evaluation.protocol import Settings, scored_iterations
from loopbench.evaluation.record import Cost, Record, Retired
from loopbench.evaluation.store import save_record
from loopbench.evaluation.verdicts import recorded_iterations
from loopbench.loop import compile_step, trajectory
from loopbench.validation import validate

TIMED_STEPS = 3


def evaluate(
    model: LoopedModel,
    task: str | Task,
    split: str | None = None,
    iterations: int | None = None,
    *,
    data: Path | str | None = None,
    skip_bad: bool = False,
    limit: int | None = None,
    output: Path | str | None = None,
    exact: bool = False,
    device: str = "auto",
    precision: Precision = "float32",
    batch_size: int | None = None,
    seed: int = 0,
    compiled: bool = False,
    force: bool = False,
    report: Report = lambda steps: None,
) -> Record:
    """Accuracy after every iteration t = 1 … T on a split. The model is left as it is.

    Args:
        model: what `load_model` gives.
        split: name of a split of the task; default: all of the file `data`.
        iterations: T; default: the last scored one, 8 D / layers per step.
        data: a file to evaluate, or a local copy of the data set that the split is downloaded from.
        skip_bad: leave out the file's bad rows, with a warning in the log.
        limit: only the first so many examples.
        output: folder that keeps the record; one that is there already, with as many iterations or more, is not run
            again.
        exact: no example leaves before T, whether its state has settled or not.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: `float64`, `float32`, `tf32` or `bf16-autocast`.
        batch_size: examples iterated together; default: as many as have the task's `batch_cells`.
        seed: of the order in which examples are visited, and of random starts.
        compiled: run the step through torch.compile.
        force: run even if the record is there.
        report: is told how many steps of one example are done.

    Raises:
        LoopbenchError: anything that is asked for is wrong, or the record cannot be written.
    """
    settings = {
        "data": data,
        "skip_bad": skip_bad,
        "iterations": iterations,
        "limit": limit,
        "output": output,
        "exact": exact,
        "device": device,
        "precision": precision,
        "batch_size": batch_size,
        "seed": seed,
        "compiled": compiled,
    }
    cell = prepare(model, task, split, validate(Settings, settings, "cannot evaluate"))
    return (None if force else cell.kept()) or run_cell(cell, report)


def run_cell(cell: Cell, report: Report = lambda steps: None) -> Record:
    """The record of a cell, made now.

    Raises:
        LoopbenchError: it cannot be written.
    """
    started = cell.started()
    if cell.output is not None:
        save_record(cell.output, started)
    model = cell.placed_model()
    flops = flops_per_step(model, cell.examples.inputs[:1].to(cell.device))
    if cell.compiled:
        torch.compiler.reset()  # a function is compiled for a few shapes alone, and those of earlier splits would count
        with computing(cell.protocol.precision, cell.device):
            compile_step(model, cell.examples.inputs[:2].to(cell.device), any_batch=True)
    if cell.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(cell.device)
    scored = scored_iterations(cell.split, cell.model.layers_per_step)
    recorded = recorded_iterations(cell.protocol.iterations, scored)
    begin = time.perf_counter()
    curve = measure_curve(model, cell.task.metrics, cell.examples, cell.protocol, recorded, cell.device, report)
    cost = Cost(
        wall_s=round(time.perf_counter() - begin, 3),
        flops_per_iteration=flops,
        peak_memory_bytes=peak_memory_bytes(cell.device),
    )
    retired = Retired(count=curve.audit.count, audited=curve.audit.audited, disagreements=curve.audit.disagreements)
    record = started.completed(curve.correct, curve.verdicts, retired, cost)
    if cell.output is not None:
        save_record(cell.output, record)
    return record


def estimate_seconds(cell: Cell) -> float:
    """How long a cell takes if no example settles, from a few steps of its first batch."""
    model = cell.placed_model()
    protocol = cell.protocol
    timed = min(TIMED_STEPS, protocol.iterations - 1)  # a model may have no more than its T
    batch = cell.examples.select(range(min(protocol.batch_size, len(cell.examples)))).to(cell.device)
    with torch.no_grad(), computing(protocol.precision, cell.device):
        begin = time.perf_counter()
        for t, h in enumerate(trajectory(model, batch.inputs, timed + 1)):
            for metric in cell.task.metrics:
                metric.score(model.readout(h), batch).any().item()  # waits for the device
            if t == 0 and timed:  # the first step warms up, unless it is all there is
                begin = time.perf_counter()
        step = (time.perf_counter() - begin) / max(1, timed)
    return step * protocol.iterations * math.ceil(len(cell.examples) / protocol.batch_size)
