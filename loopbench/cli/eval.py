"""`loopbench eval`: the curve, the picture and the records of a model."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loopbench.errors import LoopbenchError

if TYPE_CHECKING:
    from loopbench.contracts import Task
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
    batch_size: Annotated[int | None, typer.Option(help="Default: the task's.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Of the examples' order and of random starts.")] = 0,
    compiled: Annotated[bool, typer.Option("--compile", help="Run the step through torch.compile.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve: .png, .svg or .html.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run again what is complete.")] = False,
) -> None:
    """Measure accuracy after every iteration. Kill it whenever you like: the next run goes on."""
    from loopbench.cli.curves import as_document, print_curves
    from loopbench.evaluation.cell import prepare
    from loopbench.evaluation.plot import plot_format, save_plot
    from loopbench.evaluation.protocol import scored_iterations
    from loopbench.files import check_writable
    from loopbench.hub import load_model
    from loopbench.plugins import get_task

    if plot is not None:
        plot_format(plot)
        check_writable(plot.parent)
    loaded = load_model(model)
    assert loaded.info is not None  # loading sets it
    chosen = get_task(task or loaded.info.task)
    cells = [
        prepare(
            loaded,
            chosen,
            name,
            iterations,
            limit=limit,
            output=output,
            exact=exact,
            device=device,
            precision=precision,
            batch_size=batch_size,
            seed=seed,
            compiled=compiled,
        )
        for name in dict.fromkeys(split or _scored_splits(chosen))
    ]
    records = _run(cells, output, force)
    scored = {cell.split.name: scored_iterations(cell.split, loaded.layers_per_step) for cell in cells}
    if plot is not None:
        save_plot(plot, records, scored)
    if as_json:
        typer.echo(as_document(records))
    else:
        print_curves(records, scored)


def _scored_splits(task: "Task") -> list[str]:
    """The benchmark's splits that need no download, or all such splits of a task without a benchmark."""
    from loopbench.leaderboard.benchmarks import BENCHMARKS

    here = [split.name for split in task.splits if split.source != "hub"]
    benchmark = BENCHMARKS.get(task.name)
    names = [name for name in here if (name in benchmark.depths if benchmark else not name.startswith("dev-"))]
    if not names:
        known = ", ".join(split.name for split in task.splits)
        raise LoopbenchError(f"every scored split of {task.name} needs a download: name one with --split, of {known}")
    return names


def _run(cells: "Sequence[Cell]", output: Path, force: bool) -> "list[Record]":
    """The records of the cells, with an estimate and a progress bar on stderr for those that are not there yet."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from loopbench.evaluation.run import estimate_seconds, run_cell
    from loopbench.evaluation.store import find_record

    todo = [cell for cell in cells if force or find_record(output, cell.started()) is None]
    if todo:
        seconds = sum(map(estimate_seconds, todo))
        hint = "; --limit N takes only the first N examples of a split" if seconds > LONG_SECONDS else ""
        typer.echo(f"{len(todo)} of {len(cells)} splits to run, at most about {_duration(seconds)}{hint}", err=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    records: list[Record] = []
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for cell in cells:
            steps = len(cell.examples) * cell.protocol.iterations
            bar = progress.add_task(cell.split.name, total=steps)
            records.append(run_cell(cell, output, force=force, report=partial(progress.advance, bar)))
            progress.update(bar, completed=steps)
    return records


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(1, round(seconds))} s"
