"""`loopbench train`: a recipe to a run folder."""

import os
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer


def train_command(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A shipped recipe's name (`loopbench recipes` lists them) or a file (./mine.yaml).", show_default=False
        ),
    ],
    output: Annotated[
        Path, typer.Option(help="The run folder, which is a model folder from the start.", show_default=False)
    ],
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe: optimizer.lr=3e-4.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="In place of the recipe's seed.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the folder's last checkpoint; there must be a run.")
    ] = False,
    max_minutes: Annotated[
        float, typer.Option(min=0, show_default=False, help="Stop cleanly after so many minutes.")
    ] = float("inf"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    processes: Annotated[
        int, typer.Option(min=1, max=1024, help="Of this machine, which share every batch: one a GPU, as a rule.")
    ] = 1,
) -> None:
    """Train a model. Kill it whenever you like: --resume ends with the same weights."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from loopbench.errors import LoopbenchError
    from loopbench.training.recipe import find_recipe, load_recipe
    from loopbench.training.run import LOG, open_run
    from loopbench.training.train import train
    from loopbench.training.trainer import Diverged, initial_weights
    from loopbench.training.trainer import Progress as Step

    plan = load_recipe(find_recipe(recipe), changes or [], seed)
    if processes > 1:
        from loopbench.training.launch import launch

        if "RANK" in os.environ:
            raise LoopbenchError("--processes starts them itself: leave it out under torchrun, or torchrun")
        open_run(output, plan, resume)  # what is wrong is said once
        if not resume:
            initial_weights(plan)
        options = [option for change in changes or [] for option in ("--set", change)]
        options += ["--seed", str(plan.seed), "--max-minutes", str(max_minutes), "--device", device]
        launch([recipe, "--output", str(output), *options, *(["--resume"] if resume else [])], processes)
        return
    interrupted = threading.Event()

    def interrupt(*_: object) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt  # the second time, at once
        interrupted.set()

    signal.signal(signal.SIGINT, interrupt)  # the first time, after a checkpoint
    first = os.environ.get("RANK", "0") == "0"  # under torchrun one process speaks for all
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not (first and console.is_terminal)) as bar:
        task = bar.add_task("starting", total=None)

        def report(step: Step, steps: int) -> None:
            if bar.tasks[task].total is None:
                bar.console.print(f"from step {step.step} of {steps}; the log is {output / LOG}", soft_wrap=True)
            bar.update(task, description=f"loss {step.loss:.4f}", completed=step.step, total=steps)
            if step.probe:
                found = ", ".join(f"{split} {accuracy:.1%}" for split, accuracy in step.probe.items())
                bar.console.print(f"step {step.step}: loss {step.loss:.4f}, {found}", highlight=False)

        try:
            complete = train(
                plan,
                output,
                resume=resume,
                max_minutes=max_minutes,
                stop=interrupted.is_set,
                device=device,
                report=report,
            )
        except Diverged as failure:
            typer.echo(f"diverged: {failure}; {output} keeps the last checkpoint", err=True)
            raise typer.Exit(1) from failure
    if interrupted.is_set() and not complete:
        raise KeyboardInterrupt
    if first:
        done = "trained" if complete else "stopped, --resume goes on"
        typer.echo(f"{done}: {output} (loopbench eval --model {output if output.is_absolute() else f'./{output}'})")
