"""The `loopbench` command.

Its commands are imported with it and must stay cheap: torch and the plugins are imported when a command runs.
"""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer

from loopbench.cli import models, plugins, tasks
from loopbench.cli.eval import evaluate_command
from loopbench.cli.train import train_command
from loopbench.errors import LoopbenchError

USAGE = 2
INTERRUPTED = 130

app = typer.Typer(
    help="A model zoo and an extrapolation benchmark for looped transformers.",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # help and errors are plain text: brackets stay brackets
    pretty_exceptions_enable=False,
)
app.command("eval")(evaluate_command)
app.command("train")(train_command)
app.add_typer(models.app, name="models")
app.add_typer(tasks.app, name="tasks")
app.add_typer(plugins.app, name="plugins")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"loopbench {metadata.version('loopbench-zoo')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def default(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 it ran and found a failure, 2 the input is wrong (one line on stderr), 130 interrupted.
    """
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except LoopbenchError as error:
        code = _fail(str(error))
    except typer.TyperException as error:
        code = _fail(error.format_message())
    except BrokenPipeError:  # the reader has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    sys.exit(code)


def _fail(message: str) -> int:
    print("error:", " ".join(message.split()), file=sys.stderr)
    return USAGE
