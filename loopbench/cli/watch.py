"""`loopbench watch`: one example, iteration by iteration."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loopbench.cli.splits import choose_splits
from loopbench.cli.token import Token
from loopbench.errors import LoopbenchError

if TYPE_CHECKING:
    from rich.progress import Progress

    from loopbench.watch.frames import Frame

WIDTH = 80  # of lines where the output goes elsewhere


def watch_command(
    model: Annotated[str, typer.Option(help="A registry name, a folder (./runs/x) or hub:org/name[@revision].")],
    task: Annotated[str | None, typer.Option(help="Default: the model's own.", show_default=False)] = None,
    split: Annotated[
        str | None, typer.Option(help="Default: the benchmark's first scored split.", show_default=False)
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="[NAME=]FILE",
            help="A file to take the example from, or the local copy of the data set NAME that the split is read from.",
            show_default=False,
        ),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out the bad rows of --data.")] = False,
    example: Annotated[int, typer.Option(help="Its number in the split, from 0.")] = 0,
    iterations: Annotated[int | None, typer.Option(help="T. Default: the last scored one.", show_default=False)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[
        Literal["float64", "float32", "tf32", "bf16-autocast"], typer.Option(help="Of matrix products.")
    ] = "float32",
    save: Annotated[
        Path | None,
        typer.Option(help="Not in the terminal but as .svg (animated) or .html (a page).", show_default=False),
    ] = None,
    token: Token = None,
) -> None:
    """Watch a model at work on one example.

    Wrong cells are red and marked, changed ones stand out, the residual stands beside them. Every iteration up to 32 is
    shown, then powers of two and those at which the board changes, at most one in t / 32. Where the output is no
    terminal: powers of two and the last.
    """
    import torch
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from loopbench.devices import computing
    from loopbench.evaluation.cell import prepare
    from loopbench.evaluation.protocol import Settings
    from loopbench.hub import load_model
    from loopbench.plugins import get_task
    from loopbench.validation import printable, validate
    from loopbench.watch.frames import frames
    from loopbench.watch.save import check_save
    from loopbench.watch.save import save as save_frames

    if save is not None:
        check_save(save)
    asked = {"iterations": iterations, "device": device, "precision": precision, "batch_size": 1, "skip_bad": skip_bad}
    settings = validate(Settings, asked, "cannot watch")
    loaded = load_model(model, token=token)
    assert loaded.info is not None  # loading sets it
    chosen = get_task(task or loaded.info.task)
    name, file = choose_splits(chosen, [split] if split else [], data)[0]
    cell = prepare(loaded, chosen, name, settings.model_copy(update={"data": file}))
    if not 0 <= example < len(cell.examples):
        last = len(cell.examples) - 1
        raise LoopbenchError(f"example must be between 0 and {last} on {cell.split.name}, not {example}")
    shown = cell.examples.select([example])
    generator = torch.Generator(cell.device).manual_seed(cell.protocol.seed)
    progress = Progress(
        TextColumn("iteration"), MofNCompleteColumn(), BarColumn(), console=Console(stderr=save is not None)
    )
    bar = progress.add_task("", total=cell.protocol.iterations)
    watched = frames(
        cell.placed_model(),
        chosen,
        shown.to(cell.device),
        cell.protocol.iterations,
        generator,
        lambda t: progress.update(bar, completed=t),
    )
    with computing(cell.protocol.precision, cell.device):
        if save is not None:
            with progress:
                kept = list(watched)
            save_frames(save, kept, loaded.info.ref, shown.ids[0])
            typer.echo(f"saved {save}: {len(kept)} frames to t = {kept[-1].t}")
        else:
            typer.echo(f"{printable(loaded.info.ref)} on {printable(shown.ids[0])}\n")
            if sys.stdout.isatty():
                _animate(watched, progress)
            else:
                _print(watched, cell.protocol.iterations)


def _animate(watched: "Iterator[Frame]", progress: "Progress") -> None:
    from rich.console import Group
    from rich.live import Live

    from loopbench.watch.svg import FRAME_SECONDS
    from loopbench.watch.terminal import draw

    with Live(console=progress.console) as live:
        for frame in watched:
            began = time.monotonic()
            live.update(Group(draw(frame, progress.console.width), progress), refresh=True)
            time.sleep(max(0.0, FRAME_SECONDS - (time.monotonic() - began)))


def _print(watched: "Iterator[Frame]", last: int) -> None:
    from loopbench.watch.terminal import draw

    for frame in watched:
        if frame.t == last or frame.t.bit_count() == 1:
            typer.echo(f"{draw(frame, WIDTH).plain}\n")
