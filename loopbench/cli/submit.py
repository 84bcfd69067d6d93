"""`loopbench submit`: a model's records for the leaderboard."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from loopbench.cli.token import Token
from loopbench.errors import LoopbenchError


def submit_command(
    records: Annotated[Path, typer.Argument(help="Folder of records, as `loopbench eval` writes them.")],
    name: Annotated[str, typer.Option(help="Of the entry: small letters, digits and hyphens.", show_default=False)],
    author: Annotated[list[str], typer.Option(help="Repeatable.", show_default=False)],
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write it into a checkout of loopbench.", show_default=False)
    ] = None,
    hub: Annotated[
        str | None,
        typer.Option(metavar="ORG/DATASET", help="Open a pull request on a data set of the Hub.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="hub:org/name@COMMIT. Default: what the records were made of.", show_default=False),
    ] = None,
    track: Annotated[
        Literal["closed", "open"], typer.Option(help="closed: trained within the benchmark's limit.")
    ] = "open",
    data: Annotated[
        str | None, typer.Option(help="What it was trained on. Default: as its recipe says.", show_default=False)
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="How it was trained. Default: by its recipe.yaml.", show_default=False)
    ] = None,
    runs: Annotated[int, typer.Option(help="Training runs among which this one was chosen.")] = 1,
    link: Annotated[list[str] | None, typer.Option(help="https address; repeatable.", show_default=False)] = None,
    description: Annotated[str, typer.Option(help="What else a reader should know.", show_default=False)] = "",
    plugin_wheel: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of the architecture's package.", show_default=False)
    ] = None,
    token: Token = None,
) -> None:
    """Collect a model's complete records into a submission, ready for a pull request; nothing partial is taken."""
    from loopbench.publishing.push import check_target
    from loopbench.publishing.submit import Claims, prepare_submission, push_submission, write_submission

    if (to is None) == (hub is None):
        raise LoopbenchError("say where it goes: either --to DIR or --hub ORG/DATASET")
    if hub is not None:
        check_target(hub, None, "--hub")
    claims = Claims(author, link or [], track, data, recipe, runs, description)
    files = prepare_submission(records, name, claims, ref=model, wheel=plugin_wheel, token=token)
    if to is not None:
        folder = write_submission(to, name, files)
        typer.echo(f"wrote {len(files)} files to {folder}\nloopbench leaderboard check {folder}")
        typer.echo("then commit that folder on a branch and open a pull request")
    if hub is not None:
        typer.echo(push_submission(hub, name, files, token).pr_url)
