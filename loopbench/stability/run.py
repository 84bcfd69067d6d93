"""From a model to its diagnosis."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from loopbench.contracts import LoopedModel, Task
from loopbench.devices import computing
from loopbench.errors import LoopbenchError
from loopbench.evaluation.cell import Cell, prepare
from loopbench.evaluation.protocol import Settings
from loopbench.plugins import get_task
from loopbench.stability.course import MIN_ITERATIONS, follow
from loopbench.stability.diagnosis import (
    Conditions,
    Diagnosis,
    DiagnosisCost,
    Geometry,
    diagnosis_cell,
    diagnosis_file,
    find_diagnosis,
    make_diagnosis,
    save_diagnosis,
)
from loopbench.stability.fixed_points import measure_fixed_points
from loopbench.stability.gradient import measure_gradient_growth
from loopbench.stability.input_dependence import measure_input_dependence
from loopbench.stability.linearization import Products
from loopbench.stability.paper import measure_paper
from loopbench.stability.projection import project
from loopbench.stability.reachability import measure_reachability
from loopbench.stability.spectrum import measure_growth, measure_spectra, sample
from loopbench.stability.starts import follow_from_elsewhere, measure_path_independence
from loopbench.validation import validate

ITERATIONS = 128
ON_SEQUENCES, ON_BOARDS = 256, 64  # examples
DIFFERENTIATED = 8
PERTURBED = 64

Report = Callable[[str], None]
"""Is told what is measured next."""


def diagnose(
    model: LoopedModel,
    task: str | Task,
    split: str | None = None,
    *,
    data: Path | str | None = None,
    examples: int | None = None,
    iterations: int = ITERATIONS,
    output: Path | str | None = None,
    device: str = "auto",
    precision: Literal["float64", "float32"] = "float64",
    batch_size: int | None = None,
    seed: int = 0,
    force: bool = False,
    report: Report = lambda stage: None,
) -> Diagnosis:
    """Reachability, input-dependence and geometry of a model on a split. The model is left as it is.

    Args:
        model: what `load_model` gives.
        split: name of a split of the task; default: all of the file `data`.
        data: a file of examples, or a local copy of the data set that the split is downloaded from.
        examples: how many of the split's first; default: 256 of sequences, 64 of boards. Products with Jacobians are
            taken of the first 8 of them, accuracy under weight perturbation is that of the first 64.
        iterations: T, at least 16.
        output: folder that keeps the record; one that is there already is not made again.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: of the paths; what has to do with derivatives is in float64 in any case.
        batch_size: examples iterated together; default: as many as have the task's `batch_cells`.
        seed: of random starts, and of which input gets which other's start.
        force: run even if the record is there.
        report: is told what is measured next.

    Raises:
        LoopbenchError: anything that is asked for is wrong, or the record cannot be written.
    """
    asked = {"data": data, "iterations": iterations, "limit": examples, "output": output, "device": device}
    asked |= {"precision": precision, "batch_size": batch_size, "seed": seed, "exact": True}
    settings = validate(Settings, asked, "cannot diagnose")
    cell = prepare_diagnosis(model, task, split, settings)
    return (None if force else kept(cell)) or run_diagnosis(cell, report)


def prepare_diagnosis(model: LoopedModel, task: str | Task, split: str | None, settings: Settings) -> Cell:
    """Check everything that a diagnosis needs, and load its examples.

    Raises:
        LoopbenchError: anything is wrong.
    """
    limit = getattr(model, "max_iterations", None)
    if limit is not None and limit < MIN_ITERATIONS:
        raise LoopbenchError(
            f"this model takes at most {limit} iteration{'s' * (limit > 1)}: there is no loop to diagnose"
        )
    if settings.iterations is not None and settings.iterations < MIN_ITERATIONS:
        raise LoopbenchError(f"iterations must be at least {MIN_ITERATIONS} to tell where a state goes")
    if settings.precision not in ("float64", "float32"):
        raise LoopbenchError(f"a diagnosis is in float64 or float32, not {settings.precision}")
    task = get_task(task) if isinstance(task, str) else task
    examples = ON_SEQUENCES if len(task.shape.grid) == 1 else ON_BOARDS
    defaults = {"iterations": settings.iterations or ITERATIONS, "limit": settings.limit or examples}
    return prepare(model, task, split, settings.model_copy(update=defaults))


def kept(cell: Cell) -> Diagnosis | None:
    """The diagnosis that makes a run needless, if the output folder has it.

    Raises:
        LoopbenchError: what stands in its place cannot be read.
    """
    if cell.output is None:
        return None
    fields = dict(cell.started()) | {"conditions": _conditions(cell)}
    digest = diagnosis_cell(fields)
    found = find_diagnosis(cell.output, diagnosis_file(cell.task.name, cell.split.name, digest))
    return found if found and found.cell == digest else None


def run_diagnosis(cell: Cell, report: Report = lambda stage: None) -> Diagnosis:
    """The diagnosis of a cell, made now.

    Raises:
        LoopbenchError: it cannot be written.
    """
    begin, products = time.perf_counter(), Products()
    protocol, model = cell.protocol, cell.placed_model()
    examples = cell.examples.to(cell.device)
    few = examples.select(range(min(PERTURBED, len(examples))))
    with computing(protocol.precision, cell.device):
        report("reachability")
        course = follow(model, examples.inputs, protocol.iterations, batch_size=protocol.batch_size, seed=protocol.seed)
        reachability = measure_reachability(model, course, products)
        report("other starts")
        starts = follow_from_elsewhere(model, course, protocol.seed)
        path_independence = measure_path_independence(model, starts)
        input_dependence = measure_input_dependence(model, starts)
        projection = project(model, starts)
        report("weight perturbation")
        paper = measure_paper(model, course, few, cell.task.metrics[0])
        exact, near = sample(model, course, DIFFERENTIATED)
        report("spectra")
        spectra = measure_spectra(exact, near, products)
        growth = measure_growth(exact, near, products)
        gradient = measure_gradient_growth(exact, near, products)
        report("fixed points")
        fixed_points = measure_fixed_points(exact, near, products)
    started = cell.started()
    diagnosis = make_diagnosis(
        model=started.model,
        task=started.task,
        split=started.split,
        examples=started.examples,
        conditions=_conditions(cell),
        reachability=reachability,
        injects=starts.injects,
        path_independence=path_independence,
        input_dependence=input_dependence,
        geometry=Geometry(
            examples=len(near), spectra=spectra, growth=growth, fixed_points=fixed_points, gradient=gradient
        ),
        paper=paper,
        projection=projection,
        environment=started.environment,
        cost=DiagnosisCost(wall_s=round(time.perf_counter() - begin, 3), jvps=products.jvps, vjps=products.vjps),
    )
    if cell.output is not None:
        save_diagnosis(cell.output, diagnosis)
    return diagnosis


def _conditions(cell: Cell) -> Conditions:
    protocol = cell.protocol
    assert protocol.precision in ("float64", "float32")  # or it would not have been prepared
    return Conditions(
        iterations=protocol.iterations,
        precision=protocol.precision,
        batch_size=protocol.batch_size,
        seed=protocol.seed,
    )
