"""`loopbench diagnose`: where a model's loop goes, and why."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loopbench.cli.output import print_wide_table
from loopbench.cli.splits import choose_splits
from loopbench.cli.token import Token

if TYPE_CHECKING:
    from loopbench.evaluation.cell import Cell
    from loopbench.stability.diagnosis import Diagnosis

DEFAULT_OUTPUT = Path("diagnoses")
REPORT = "report.html"
LEGEND = """\
[…]: 95 % interval over examples; –: not defined here. reached: what is left of
the path is below 0.1 % of the state; same point: from another input's first
state, from another's last, from another random draw; input-dependence: between
/ (between + within) variance of the ends over inputs and starts"""


def diagnose_command(
    model: Annotated[
        list[str], typer.Option(help="A registry name, a folder (./runs/x) or hub:org/name[@revision]. Repeatable.")
    ],
    task: Annotated[str | None, typer.Option(help="Default: each model's own.", show_default=False)] = None,
    split: Annotated[
        str | None, typer.Option(help="Default: the benchmark's first scored split.", show_default=False)
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="[NAME=]FILE",
            help="A file of examples, or the local copy of the data set NAME that the split is read from.",
            show_default=False,
        ),
    ] = None,
    examples: Annotated[
        int | None,
        typer.Option(help="A split's first examples. Default: 256 of sequences, 64 of boards.", show_default=False),
    ] = None,
    iterations: Annotated[int, typer.Option(help="T.")] = 128,
    output: Annotated[
        Path, typer.Option(help="Folder of the records and the report; a record that is there is not made again.")
    ] = DEFAULT_OUTPUT,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[
        Literal["float64", "float32"], typer.Option(help="Of the paths; derivatives are always in float64.")
    ] = "float64",
    seed: Annotated[int, typer.Option(help="Of random starts, and of who gets whose start.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of the table.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Measure again what is there.")] = False,
    token: Token = None,
) -> None:
    """Measure reachability, input-dependence and geometry.

    Does the loop arrive anywhere, does its end depend on the input and not on the start, and what does a step do to
    nearby states? A record for each model and one report page with pictures.
    """
    from loopbench.evaluation.protocol import Settings
    from loopbench.hub import load_model
    from loopbench.plugins import get_task
    from loopbench.stability.report import save_report
    from loopbench.stability.run import prepare_diagnosis
    from loopbench.stability.table import facts
    from loopbench.validation import printable, validate

    asked = {"iterations": iterations, "limit": examples, "output": output, "device": device, "precision": precision}
    settings = validate(Settings, {**asked, "seed": seed, "exact": True}, "cannot diagnose")
    cells: list[Cell] = []
    for ref in dict.fromkeys(model):
        loaded = load_model(ref, token=token)
        assert loaded.info is not None  # loading sets it
        chosen = get_task(task or loaded.info.task)
        name, file = choose_splits(chosen, [split] if split else [], data)[0]
        cells.append(prepare_diagnosis(loaded, chosen, name, settings.model_copy(update={"data": file})))
    diagnoses = [_diagnosed(cell, force=force) for cell in cells]
    save_report(output / REPORT, diagnoses)
    typer.echo(f"saved {output / REPORT}", err=True)
    if as_json:
        document = [diagnosis.model_dump(mode="json") for diagnosis in diagnoses]
        typer.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    table = [facts(diagnosis) for diagnosis in diagnoses]
    print_wide_table(
        ["", *(printable(diagnosis.model.ref, 40) for diagnosis in diagnoses)],
        [[name, *(column[name] for column in table)] for name in table[0]],
    )
    typer.echo(f"\n{LEGEND}")


def _diagnosed(cell: "Cell", *, force: bool) -> "Diagnosis":
    """The diagnosis of a cell. On stderr: that it is there already, or what is being measured."""
    from rich.console import Console

    from loopbench.stability.run import kept, run_diagnosis
    from loopbench.validation import printable

    ref = printable(cell.info.ref)
    found = None if force else kept(cell)
    if found:
        typer.echo(f"{ref}: the record is there; --force makes it again", err=True)
        return found
    with Console(stderr=True, markup=False).status(ref) as status:
        return run_diagnosis(cell, lambda stage: status.update(f"{ref}: {stage}"))
