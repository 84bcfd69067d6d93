"""`loopbench sweep`: a study's cells, on this machine or on a Ray cluster."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loopbench.cli.output import duration, print_table

if TYPE_CHECKING:
    from rich.console import Group

    from loopbench.sweep.progress import Progress, Status

SHOWN = 8  # rows of the live table that are of running cells, and of failed ones


def sweep_command(
    study: Annotated[Path, typer.Argument(help="A study file (studies/paper-small.yaml).", show_default=False)],
    output: Annotated[Path, typer.Option(help="The folder of its runs, records and outcomes.", show_default=False)],
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Run on a Ray cluster (auto: the one of this machine).", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Cells at a time here. Default: what cores or GPUs have room for.", show_default=False
        ),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what failed.")] = False,
) -> None:
    """Train, evaluate and diagnose every cell of a study.

    Kill it whenever you like: the same command goes on. A cell that fails does not stop the others. Folders of several
    machines are merged by copying their files into one.
    """
    from functools import partial

    from loopbench.errors import LoopbenchError
    from loopbench.sweep.local import find_places, run_here
    from loopbench.sweep.run import sweep
    from loopbench.sweep.study import load_study

    plan = load_study(study)
    output = output.absolute()
    if ray is not None and workers is not None:
        raise LoopbenchError("--workers is of this machine; on a Ray cluster its resources decide")
    if ray is None:
        count = len(find_places(plan.resources, workers))
        execute = partial(run_here, folder=output, resources=plan.resources, workers=workers)
    else:
        from loopbench.sweep.cluster import connect, run_on_ray

        count = connect(ray, plan.resources)
        execute = partial(run_on_ray, folder=output, resources=plan.resources)
    try:
        with _watching() as watch:
            progress = sweep(plan, output, execute, workers=count, retry_failed=retry_failed, watch=watch)
    except KeyboardInterrupt:
        typer.echo("the same command goes on from here", err=True)
        raise
    _print_failed(progress.of("failed"))
    done, all_cells = len(progress.of("done")), len(progress.statuses)
    typer.echo(f"{done} of {all_cells} cells are done: {output} (loopbench report {output})")
    if progress.of("failed"):
        raise typer.Exit(1)


def _print_failed(failed: "list[Status]") -> None:
    if failed:
        print_table(("failed", "reason"), [(status.cell.name, _what(status)) for status in failed])
        typer.echo("--retry-failed tries them again")


@contextmanager
def _watching() -> "Generator[Callable[[Progress], None]]":
    """A live table on a terminal, and a line for each beginning and end elsewhere; both on stderr."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, markup=False, highlight=False)
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield lambda progress: live.update(_live(progress), refresh=True)
        return
    states: dict[str, str] = {}

    def tell(progress: "Progress") -> None:
        before = dict(states)
        states.update({status.cell.name: status.state for status in progress.statuses.values()})
        for status in progress.statuses.values():
            if before.get(status.cell.name, status.state) != status.state:
                console.print(f"{status.state} {status.cell.name} {_what(status)}".rstrip(), soft_wrap=True)
        if before != states:
            console.print(_summary(progress), soft_wrap=True)

    yield tell


def _summary(progress: "Progress") -> str:
    counts = ", ".join(f"{len(progress.of(state))} {state}" for state in ("waiting", "running", "done", "failed"))
    left = progress.remaining_seconds()
    return f"{len(progress.statuses)} cells: {counts}" + (f"; about {duration(left)} left" if left else "")


def _live(progress: "Progress") -> "Group":
    """What is running, what failed, what was done last and what comes next."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table("cell", "state", "", box=None, pad_edge=False)
    shown = progress.of("done")[-2:] + progress.of("failed")[-SHOWN:] + progress.of("running")[:SHOWN]
    for status in [*shown, *progress.of("waiting")[:2]]:
        running = status.state == "running"
        steps = f"step {progress.steps_done(status.cell)} of {status.cell.recipe.steps}" if running else ""
        table.add_row(Text(status.cell.name), status.state, Text(steps or _what(status)))
    return Group(_summary(progress), table)


def _what(status: "Status") -> str:
    outcome = status.outcome
    if outcome is None:
        return ""
    return outcome.reason or (duration(outcome.seconds) if status.state == "done" and outcome.seconds else "")
