"""The `loopbench` command.

Its commands are imported with it and must stay cheap: torch and the plugins are imported when a command runs.
"""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer

from loopbench.cli import leaderboard, models, plugins, recipes, tasks
from loopbench.cli.diagnose import diagnose_command
from loopbench.cli.eval import evaluate_command
from loopbench.cli.push import push_command
from loopbench.cli.report import report_command
from loopbench.cli.submit import submit_command
from loopbench.cli.sweep import sweep_command
from loopbench.cli.train import train_command
from loopbench.cli.watch import watch_command
from loopbench.errors import TRACEBACK, LoopbenchError

USAGE = 2
INTERRUPTED = 130
PIPE_CLOSED = 141

app = typer.Typer(
    help="A model zoo and an extrapolation benchmark for looped transformers.",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # help and errors are plain text: brackets stay brackets
    pretty_exceptions_enable=False,
)
app.command("eval")(evaluate_command)
app.command("diagnose")(diagnose_command)
app.command("train")(train_command)
app.command("sweep")(sweep_command)
app.command("report")(report_command)
app.command("watch")(watch_command)
app.command("push")(push_command)
app.command("submit")(submit_command)
app.add_typer(leaderboard.app, name="leaderboard")
app.add_typer(models.app, name="models")
app.add_typer(tasks.app, name="tasks")
app.add_typer(recipes.app, name="recipes")
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

    Exit codes: 0 done; 1 it ran and found a failure; 2 the input is wrong, or the machine fails (one line on stderr);
    130 interrupted; 141 the reader of its output has left, as `head` does (a shell's number for SIGPIPE).

    An error inside a plugin's code is one line too, which names the plugin and the place; its author sets the
    environment variable LOOPBENCH_TRACEBACK=1 to see the traceback. An error in loopbench itself always has one.
    """
    if sys.__stdout__ is None:
        sys.exit(_fail("standard output is closed; send it to /dev/null to see none of it"))
    try:
        code = app(standalone_mode=False)
    except LoopbenchError as error:
        code = _fail(str(error))
    except typer.TyperException as error:
        code = _fail(error.format_message().replace("Value error, ", ""))  # which pydantic writes and typer passes on
    except SystemExit as error:
        if not isinstance(error.__context__, BrokenPipeError):  # from which typer makes it
            raise
        code = PIPE_CLOSED
        _drop_output()
    except Exception as error:
        code = _report(error)
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    sys.exit(code)


def _report(error: Exception) -> int:
    """Say in a line what is a plugin's fault, or the machine's, as a full disk is; raise what is neither's."""
    line = None
    if isinstance(error, OSError):
        line = str(error)
        _drop_output()
    if "loopbench.plugins" in sys.modules:
        from loopbench.plugins import blame

        line = blame(error) or line
    if line is None or os.environ.get(TRACEBACK):
        raise error
    return _fail(f"{line}; {TRACEBACK}=1 shows the traceback")


def _drop_output() -> None:
    """Send what could not be written to nowhere, or Python would try again when it ends."""
    assert sys.__stdout__ is not None
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())


def _fail(message: str) -> int:
    print("error:", " ".join(message.split()), file=sys.stderr)
    return USAGE
