"""`loopbench leaderboard`: what maintainers and their workflows do with submissions."""

from pathlib import Path
from typing import Annotated

import typer

from loopbench.cli.site import build_command, serve_command
from loopbench.errors import LoopbenchError

app = typer.Typer(help="Submissions: checked, verified, and built into a site.", no_args_is_help=True)
app.command("build")(build_command)
app.command("serve")(serve_command)

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
    from loopbench.leaderboard.check import Checked, check, find_entries
    from loopbench.leaderboard.submission import read_entries

    there = read_entries(board.absolute()) if board is not None else None
    try:
        checked = check(find_entries(path.absolute() for path in paths), there)
    except LoopbenchError as error:
        if comment is None:
            raise
        checked = Checked((), [str(error)])  # who reads the comment has no terminal
    for line in checked.findings:
        typer.echo(line)
    if comment is not None:
        write_bytes(comment, comments.comment(checked, there or []).encode())
    if checked.findings:
        raise typer.Exit(FAILURE)
    count = len(checked.entries)
    typer.echo(f"{count} submission{'' if count == 1 else 's'}, nothing wrong")


@app.command("verify")
def verify_submissions(
    paths: Paths,
    share: Annotated[float, typer.Option(help="Of each split's examples to run again; 20 at least.")] = 0.05,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=2**63 - 1, help="Of what is drawn. Default: from the commit of the entry.", show_default=False
        ),
    ] = None,
    max_minutes: Annotated[
        float, typer.Option(min=1, max=1440, help="The most that each of a model's two runs may take.")
    ] = 60,
) -> None:
    """Run each model again in a sandbox, and write verification.json beside its records.

    On a sample of every split (reproduced), on fresh examples where the task can draw them (fresh), and with weights
    that were never trained (untrained). Exit code 1: something is not verified, a line each.
    """
    from loopbench.leaderboard.check import entry_findings, find_entries
    from loopbench.leaderboard.model_files import fetch, mirror
    from loopbench.leaderboard.sandbox import check_bubblewrap
    from loopbench.leaderboard.seeds import commit_of, seed_of
    from loopbench.leaderboard.submission import read_entry
    from loopbench.leaderboard.verification import save_verification
    from loopbench.leaderboard.verify import Plan, verify
    from loopbench.validation import printable, some

    if not 0 < share <= 1:
        raise LoopbenchError("--share is more than 0 and at most 1")
    check_bubblewrap()
    folders = find_entries(path.absolute() for path in paths)
    if not folders:
        raise LoopbenchError(f"there is no submission in {some([str(path) for path in paths])}")
    failed = False
    for folder in folders:
        name = printable(folder.name)
        try:
            entry = read_entry(folder)
            lines = list(entry_findings(entry))
            if not lines:
                commit = commit_of(folder) if seed is None else None
                plan = Plan(seed_of(commit) if commit else seed or 0, commit, share, 60 * max_minutes)
                files = fetch(entry)
                verification = verify(entry, files, plan)
                if verification.verdict == "verified":
                    mirror(entry, files)
                save_verification(folder, verification)
                lines = [f"{verification.verdict}: {reason}" for reason in verification.reasons]
        except LoopbenchError as error:
            lines = [str(error)]  # of this entry: the others are verified all the same
        for line in lines:
            typer.echo(f"{name}: {line}")
        if not lines:
            typer.echo(f"{name}: verified")
        failed |= bool(lines)
    if failed:
        raise typer.Exit(FAILURE)
