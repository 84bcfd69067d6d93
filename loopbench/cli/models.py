"""loopbench models: the zoo, what is known of a model, and what is on this machine."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from loopbench.cli.output import print_fields, print_table
from loopbench.cli.token import Token
from loopbench.errors import LoopbenchError

if TYPE_CHECKING:
    from loopbench.hub_cache import CachedModel
    from loopbench.registry import Entry

app = typer.Typer(help="The models: the zoo's, and any other by its reference.")

MAX_CARD_BYTES = 1 << 20
FAILURE = 1

Reference = Annotated[
    str, typer.Argument(help="A registry name, a folder or hub:org/name[@revision].", show_default=False)
]


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models() -> None:
    """Every model of the registry, and every other one in the Hub client's cache."""
    from loopbench.hub_cache import cached_models
    from loopbench.registry import entries

    cached, named = cached_models(), entries()
    by_ref = {model.ref: model for model in cached}
    pinned = {entry.published for entry in named}
    print_table(
        ("model", "task", "architecture", "weights", "where", "scores"),
        [
            *(_named_row(entry, by_ref.get(entry.published or "")) for entry in named),
            *(_cached_row(model) for model in cached if model.ref not in pinned),
        ],
    )


@app.command("show")
def show_model(ref: Reference, token: Token = None) -> None:
    """One model and its card. Its weights are loaded and checked."""
    from loopbench.hub import load_source
    from loopbench.references import CARD, locate
    from loopbench.registry import entries

    source = locate(ref, token)
    info = load_source(source).info
    assert info is not None
    scores = [_scores(entry.scores) for entry in entries() if entry.name == ref]
    print_fields(
        {
            "model": info.ref,
            "files": source.place,
            "hub": source.published or "-",
            "task": info.task,
            "architecture": f"{info.architecture}, version {info.version}",
            "provider": f"{info.provider.distribution} {info.provider.version}",
            "config": json.dumps(info.config),
            "parameters": f"{info.parameters:,}",
            "layers per step": info.layers_per_step,
            "train iterations": info.train_iterations or "-",
            "weights sha256": info.weights_sha256,
            **({"scores": scores[0]} if scores else {}),
        }
    )
    try:
        card = source.read(CARD, MAX_CARD_BYTES).decode(errors="replace")
    except LoopbenchError as error:
        card = f"(no card: {error})"
    typer.echo("\n" + "".join(char if char.isprintable() or char in "\n\t" else "�" for char in card))


@app.command("fetch")
def fetch_models(
    refs: Annotated[list[str], typer.Argument(metavar="NAME...", help="Registry names or hub:org/name[@revision].")],
    token: Token = None,
) -> None:
    """Download models into the Hub client's cache, for a machine that goes offline later, and check them."""
    from loopbench.hub import load_source
    from loopbench.references import CARD, locate

    for ref in refs:
        source = locate(ref, token)
        load_source(source)
        source.find(CARD, MAX_CARD_BYTES)
        typer.echo(f"{ref}  {source.place}")


@app.command("verify")
def verify_models() -> None:
    """Hash every bundled and every cached model again. Exit code 1: a file is not what it should be."""
    from loopbench.hub_cache import cached_models
    from loopbench.registry import entries

    pinned = {entry.published: entry.sha256 for entry in entries()}
    checks = [(entry.name, "bundled", _check_bundled(entry)) for entry in entries() if entry.bundled]
    checks += [(model.ref, "cached", _check_cached(model, pinned.get(model.ref))) for model in cached_models()]
    print_table(("model", "where", "result"), [(*what, problem or "ok") for *what, problem in checks])
    if any(problem for *_, problem in checks):
        raise typer.Exit(FAILURE)


@app.command("pin")
def pin_model(
    name: Annotated[str, typer.Argument(help="In the registry.", show_default=False)],
    revision: Annotated[str, typer.Option(help="The full commit that `loopbench push` printed.", show_default=False)],
    repo: Annotated[
        str | None,
        typer.Option(metavar="ORG/NAME", help="Default: the one that the registry names.", show_default=False),
    ] = None,
    token: Token = None,
) -> None:
    """Write into the checkout's registry.yaml where on the Hub a model is. Its files there are loaded and checked."""
    from loopbench.pins import pin

    typer.echo(f"{pin(name, revision, repo, token)}: {name} is pinned")


def _named_row(entry: "Entry", held: "CachedModel | None") -> tuple[str, ...]:
    from loopbench.references import WEIGHTS

    weights = entry.folder / WEIGHTS if entry.folder else held and held.weights
    size = weights.stat().st_size if weights else entry.size
    places = ("bundled" if entry.folder else None, entry.published, "cached" if held else None)
    where = ", ".join(filter(None, places)) or "-"
    return entry.name, entry.task, entry.architecture, _megabytes(size), where, _scores(entry.scores)


def _cached_row(model: "CachedModel") -> tuple[str, ...]:
    return model.ref, model.task, model.architecture, _megabytes(model.weights.stat().st_size), "cached", "-"


def _check_bundled(entry: "Entry") -> str | None:
    """What is wrong with a bundled model, if anything."""
    from loopbench.files import file_sha256
    from loopbench.references import WEIGHTS

    path = entry.folder and entry.folder / WEIGHTS
    if path is None or not path.is_file():
        return f"{WEIGHTS} is missing"
    return None if file_sha256(path) == entry.sha256 else f"{WEIGHTS} is not the registry's: its sha256 differs"


def _check_cached(model: "CachedModel", sha256: str | None) -> str | None:
    """What is wrong with a cached model, if anything; `sha256` is the registry's, if it names the model."""
    from loopbench.downloads import is_intact
    from loopbench.files import file_sha256

    if damaged := [path.name for path in model.files if not is_intact(path)]:
        return f"{', '.join(sorted(damaged))} damaged; `loopbench models fetch {model.ref}` gets it anew"
    if sha256 not in (None, file_sha256(model.weights)):
        return f"{model.weights.name} is not the registry's: its sha256 differs"
    return None


def _megabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 1e6:.2f} MB"


def _scores(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {score:g}" for name, score in scores.items()) or "-"
