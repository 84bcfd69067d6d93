"""`loopbench leaderboard`: what maintainers and their workflows do with submissions."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Submissions: checked, verified, and built into a site.", no_args_is_help=True)

FAILURE = 1

Paths = Annotated[
    list[Path], typer.Argument(help="Folders of submissions, or folders of such folders.", show_default=False)
]


@app.command("check")
def check_submissions(
    paths: Paths,
    board: Annotated[
        Path | None,
        typer.Option(help="Folder of the entries that are there already: leaderboard/results.", show_default=False),
    ] = None,
    comment: Annotated[
        Path | None, typer.Option(help="Write the findings, or the new rows, as Markdown.", show_default=False)
    ] = None,
) -> None:
    """Check everything that can be checked without running a model. Exit code 1: something is wrong, a line each."""
    from loopbench.files import write_bytes
    from loopbench.leaderboard import comment as comments
    from loopbench.leaderboard.check import check, find_entries
    from loopbench.leaderboard.submission import read_entries

    there = read_entries(board.absolute()) if board is not None else []
    checked = check(find_entries(path.absolute() for path in paths), there)
    for line in checked.findings:
        typer.echo(line)
    if comment is not None:
        write_bytes(comment, comments.comment(checked, there).encode())
    if checked.findings:
        raise typer.Exit(FAILURE)
    typer.echo(f"{len(checked.entries)} submissions, nothing wrong")
