"""loopbench plugins: what is installed, what is wrong with it, and a new one."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loopbench.cli.output import print_fields, print_table
from loopbench.errors import LoopbenchError

if TYPE_CHECKING:
    from loopbench.loading import PluginReport

app = typer.Typer(help="The installed plugins: architectures, tasks and objectives.")


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_plugins()


@app.command("list")
def list_plugins() -> None:
    """Every plugin, what it provides and what is wrong with it."""
    from loopbench.plugins import reports

    print_table(
        ("plugin", "version", "module", "API", "provides"),
        [(r.provider.distribution, r.provider.version, r.module, _api(r), _provides(r)) for r in reports()],
    )
    for report in reports():
        _print_problems(report)


@app.command("show")
def show_plugin(name: Annotated[str, typer.Argument(help="A plugin's name, as `list` prints it.")]) -> None:
    """One plugin, with a line for each thing that it provides."""
    from loopbench.plugins import reports, unknown

    found = [report for report in reports() if report.provider.distribution == name]
    if not found:
        raise LoopbenchError(unknown("plugin", name, {report.provider.distribution for report in reports()}))
    print_fields({"plugin": name, "version": found[0].provider.version})
    for report in found:
        typer.echo(f"\nmodule {report.module}, API {_api(report)}")
        if report.provides:
            print_table(("kind", "name", "summary"), [(kind, t.name, t.summary) for kind, t in report.provides])
        _print_problems(report)


@app.command("new")
def new_command(
    name: Annotated[str, typer.Argument(help="What it adds is called so; the package is loopbench-NAME.")],
    kind: Annotated[Literal["architecture", "task"], typer.Option(help="What it adds.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option(help="The folder to write. Default: loopbench-NAME.", show_default=False)
    ] = None,
) -> None:
    """A package with a small architecture or task that works, a recipe and tests: change it into your own."""
    from loopbench.new_plugin import new_plugin

    folder = new_plugin(name, kind, output)
    typer.echo(f"wrote {folder}; next: cd {shlex.quote(str(folder))} && pip install --editable '.[test]' && pytest")


def _api(report: "PluginReport") -> str:
    return "-" if report.api is None else str(report.api)


def _provides(report: "PluginReport") -> str:
    by_kind = {kind: [t.name for k, t in report.provides if k == kind] for kind, _ in report.provides}
    return "; ".join(f"{kind}s: {', '.join(names)}" for kind, names in by_kind.items()) or "-"


def _print_problems(report: "PluginReport") -> None:
    for problem in report.problems:
        typer.echo(f"\nplugin {report.provider.distribution!r} {problem}")
