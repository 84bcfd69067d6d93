"""`loopbench eval`: the curve, the picture and the records of a model."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loopbench.cli.output import duration
from loopbench.cli.splits import choose_splits
from loopbench.cli.token import Token

if TYPE_CHECKING:
    from loopbench.evaluation.cell import Cell
    from loopbench.evaluation.record import Record

DEFAULT_OUTPUT = Path("results")
LONG_SECONDS = 300


def evaluate_command(
    model: Annotated[str, typer.Option(help="A registry name, a folder (./runs/x) or hub:org/name[@revision].")],
    task: Annotated[str | None, typer.Option(help="Default: the model's own.", show_default=False)] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="Repeatable. Default: the benchmark's scored splits.", show_default=False)
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="[NAME=]FILE",
            help="A file to evaluate, or the local copy of the data set NAME that splits are read from.",
            show_default=False,
        ),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out the bad rows of --data.")] = False,
    iterations: Annotated[int | None, typer.Option(help="T. Default: the last scored one.", show_default=False)] = None,
    limit: Annotated[int | None, typer.Option(help="Only a split's first examples.", show_default=False)] = None,
    output: Annotated[
        Path, typer.Option(help="Folder of the records; a complete one is not run again.")
    ] = DEFAULT_OUTPUT,
    exact: Annotated[bool, typer.Option("--exact", help="Iterate to T even where a state has settled.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[
        Literal["float64", "float32", "tf32", "bf16-autocast"], typer.Option(help="Of matrix products.")
    ] = "float32",
    batch_size: Annotated[
        int | None, typer.Option(help="Examples run together. Default: by their size.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the examples' order and of random starts.")] = 0,
    compiled: Annotated[bool, typer.Option("--compile", help="Run the step through torch.compile.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve: .png, .svg or .html.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run again what is complete.")] = False,
    token: Token = None,
) -> None:
    """Measure accuracy after every iteration. Kill it whenever you like: the next run goes on."""
    from loopbench.cli.curves import as_document, print_curves
    from loopbench.evaluation.cell import prepare
    from loopbench.evaluation.plot import check_plot, save_plot
    from loopbench.evaluation.protocol import Settings, scored_iterations
    from loopbench.hub import load_model
    from loopbench.plugins import get_task
    from loopbench.validation import validate

    if plot is not None:
        check_plot(plot)
    asked = {"iterations": iterations, "limit": limit, "output": output, "exact": exact, "device": device}
    asked |= {
        "precision": precision,
        "batch_size": batch_size,
        "seed": seed,
        "compiled": compiled,
        "skip_bad": skip_bad,
    }
    settings = validate(Settings, asked, "cannot evaluate")
    loaded = load_model(model, token=token)
    assert loaded.info is not None  # loading sets it
    chosen = get_task(task or loaded.info.task)
    cells = [
        prepare(loaded, chosen, name, settings.model_copy(update={"data": file}))
        for name, file in choose_splits(chosen, split or [], data)
    ]
    records = _run(cells, force=force, limited=limit is not None)
    scored = {cell.split.name: scored_iterations(cell.split, loaded.layers_per_step) for cell in cells}
    if plot is not None:
        save_plot(plot, records, scored)
        typer.echo(f"saved {plot}", err=True)
    if as_json:
        typer.echo(as_document(records))
    else:
        print_curves(records, scored)


def _run(cells: "Sequence[Cell]", *, force: bool, limited: bool) -> "list[Record]":
    """The records of the cells. On stderr: which of them are there already, an estimate and a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from loopbench.evaluation.run import estimate_seconds, run_cell

    kept = [None if force else cell.kept() for cell in cells]
    for cell, record in zip(cells, kept, strict=True):
        if record:
            typer.echo(_reuse(cell, record), err=True)
    todo = [cell for cell, record in zip(cells, kept, strict=True) if record is None]
    if todo:
        seconds = sum(map(estimate_seconds, todo))
        hint = "; --limit N takes only the first N examples of a split"
        hint = hint if seconds > LONG_SECONDS and not limited else ""
        typer.echo(f"{len(todo)} of {len(cells)} splits to run, at most about {duration(seconds)}{hint}", err=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not todo) as progress:

        def run(cell: "Cell") -> "Record":
            steps = len(cell.examples) * cell.protocol.iterations
            bar = progress.add_task(cell.split.name, total=steps)
            record = run_cell(cell, partial(progress.advance, bar))
            progress.update(bar, completed=steps)
            return record

        return [record or run(cell) for cell, record in zip(cells, kept, strict=True)]


def _reuse(cell: "Cell", record: "Record") -> str:
    """The line that says that a record is not made again, and how the one that is there was made otherwise."""
    asked = cell.started()
    pairs = {
        "as": (record.model.ref, asked.model.ref),
        "with batch size": (record.protocol.batch_size, asked.protocol.batch_size),
        "on": (record.environment.device, asked.environment.device),
    }
    otherwise = [f"{how} {was}" for how, (was, now) in pairs.items() if was != now]
    if record.environment.compiled != asked.environment.compiled:
        otherwise.append("compiled" if record.environment.compiled else "not compiled")
    made = f", made {', '.join(otherwise)}" if otherwise else ""
    return f"{cell.split.name}: the record is there{made}; --force makes it again"
