"""loopbench models: the zoo, and what is known of a model."""

import json
from collections.abc import Mapping
from typing import Annotated

import typer

from loopbench.cli.output import print_fields, print_table
from loopbench.errors import LoopbenchError

app = typer.Typer(help="The models: the zoo's, and any other by its reference.")

MAX_CARD_BYTES = 1 << 20


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models() -> None:
    """Every model of the registry."""
    from loopbench.references import WEIGHTS
    from loopbench.registry import entries

    print_table(
        ("model", "task", "architecture", "weights", "where", "scores"),
        [
            (
                entry.name,
                entry.task,
                entry.architecture,
                f"{(entry.folder / WEIGHTS).stat().st_size / 1e6:.2f} MB" if entry.folder else "-",
                "bundled" if entry.folder else f"hub:{entry.hub}@{entry.revision}",
                _scores(entry.scores),
            )
            for entry in entries()
        ],
    )


@app.command("show")
def show_model(
    ref: Annotated[
        str, typer.Argument(help="A registry name, a folder or hub:org/name[@revision].", show_default=False)
    ],
) -> None:
    """One model and its card. Its weights are loaded and checked."""
    from loopbench.hub import load_source
    from loopbench.references import CARD, locate
    from loopbench.registry import entries

    source = locate(ref)
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


def _scores(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {score:g}" for name, score in scores.items()) or "-"
