"""`loopbench push`: a model, its records and its card on the Hub."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loopbench.cli.eval import DEFAULT_OUTPUT
from loopbench.cli.output import print_table
from loopbench.cli.token import Token
from loopbench.errors import LoopbenchError

if TYPE_CHECKING:
    from loopbench.publishing.folder import Publication


def push_command(
    model: Annotated[str, typer.Argument(help="A registry name, a folder (./runs/x) or hub:org/name[@revision].")],
    repo: Annotated[str, typer.Option(metavar="ORG/NAME", help="Made if it is not there.", show_default=False)],
    private: Annotated[bool, typer.Option("--private", help="Make it so that others cannot see it.")] = False,
    tag: Annotated[str | None, typer.Option(help="Of the commit, like v1.", show_default=False)] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be pushed, and the card.")] = False,
    records: Annotated[
        Path, typer.Option(help="Folder of records; those of this model are published.")
    ] = DEFAULT_OUTPUT,
    licence: Annotated[
        str | None,
        typer.Option(
            "--license", help="As the Hub spells it: apache-2.0, mit … Default: its README.md's.", show_default=False
        ),
    ] = None,
    token: Token = None,
) -> None:
    """Publish a model on the Hub: weights, config, recipe, records, curve and card, and no other file of its folder."""
    from loopbench.publishing.folder import prepare
    from loopbench.publishing.push import check_target, push
    from loopbench.references import CARD, locate

    check_target(repo, tag)
    if tag and create_pr:
        raise LoopbenchError("a pull request has no tag yet: leave out --tag, or --create-pr")
    publication = prepare(locate(model, token), repo, records, tag=tag, licence=licence)
    _advise(publication, model, records)
    if dry_run:
        print_table(("file", "bytes"), [(path, f"{len(data):,}") for path, data in publication.files.items()])
        typer.echo(f"\n{publication.files[CARD].decode()}")
        return
    commit = push(publication, private=private, tag=tag, create_pr=create_pr, token=token)
    if commit.pr_url:
        typer.echo(f"{commit.pr_url}\nloopbench eval --model hub:{repo}@{commit.pr_revision}")
    else:
        typer.echo(f"{commit.commit_url}\nloopbench eval --model hub:{repo}@{commit.oid}")
    _print_entry(publication, commit.oid)


def _advise(publication: "Publication", model: str, records: Path) -> None:
    """On stderr: what the card lacks, and how it gets it."""
    if not publication.results.records:
        hint = f"make some with `loopbench eval --model {model}`, or give --records"
        typer.echo(f"no records of {model} in {records}, so the card has no results: {hint}", err=True)
    if not publication.licensed:
        typer.echo("no licence, so nobody may use the model: give --license, or name one in its README.md", err=True)


def _print_entry(publication: "Publication", commit: str) -> None:
    """The lines for registry.yaml."""
    from loopbench.pins import entry_lines
    from loopbench.registry import entries

    name = publication.name
    if any(entry.name == name for entry in entries()):
        pinned = f"loopbench models pin {name} --repo {publication.repo} --revision {commit}"
        typer.echo(f"\nregistry.yaml, by `{pinned}`:\n  hub: {publication.repo}\n  revision: {commit}")
    else:
        typer.echo(f"\nregistry.yaml:\n{entry_lines(publication.entry(commit))}")
