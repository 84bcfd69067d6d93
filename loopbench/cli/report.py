"""`loopbench report`: what a sweep says."""

from pathlib import Path
from typing import Annotated

import typer

from loopbench.cli.output import print_table


def report_command(
    folder: Annotated[
        Path, typer.Argument(help="A sweep's folder, or its files from several machines.", show_default=False)
    ],
    output: Annotated[
        Path | None, typer.Option(help="Where to write. Default: report/ in the folder.", show_default=False)
    ] = None,
) -> None:
    """Draw a sweep's figures and tables from its records.

    report.html is the page, tables.tex has the tables for LaTeX, results.csv a line a cell and split, curves.csv the
    accuracy after every iteration.

    Seeds are averaged, with those that failed as 0; axes of the study that are named `optimizer.…` are chosen on dev
    splits.
    """
    from loopbench.report.report import make_sections, save_report, standing, titled_tables
    from loopbench.report.results import read_results

    study, results = read_results(folder)
    saved = save_report(output or folder / "report", study, results)
    for task, rows in make_sections(study, results).items():
        for title, table in titled_tables(task, rows):
            typer.echo(f"{title}\n")
            print_table(table[0], table[1:])
            typer.echo()
    typer.echo(standing(results))
    typer.echo(f"saved {', '.join(map(str, saved))}", err=True)
