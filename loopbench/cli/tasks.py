"""loopbench tasks: what can be trained on and evaluated."""

from typing import TYPE_CHECKING, Annotated

import typer

from loopbench.cli.output import print_fields, print_table

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

app = typer.Typer(help="The tasks: their splits, metrics and training data.")


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_tasks()


@app.command("list")
def list_tasks() -> None:
    """Every task."""
    from loopbench.plugins import clashes, get_task, names

    tasks = [get_task(name) for name in names("task")]
    print_table(
        ("task", "version", "splits", "summary"),
        [(task.name, task.version, len(task.splits), task.summary) for task in tasks],
    )
    for clash in clashes("task"):
        typer.echo(f"\n{clash}")


@app.command("show")
def show_task(name: Annotated[str, typer.Argument(help="A task's name, as `list` prints it.")]) -> None:
    """One task: its splits, metrics and the settings of its training data."""
    from loopbench.plugins import get_task

    task = get_task(name)
    scored = task.benchmark
    print_fields(
        {
            "task": task.name,
            "version": task.version,
            "summary": task.summary,
            "grid": " × ".join("any length" if n is None else str(n) for n in task.shape.grid),
            "symbols": task.shape.vocab_size,
            "classes": task.shape.num_classes,
            "metrics": ", ".join(metric.name for metric in task.metrics),
            "benchmark": f"version {scored.version}: {', '.join(scored.splits)}" if scored else "none",
        }
    )
    typer.echo()
    print_table(
        ("split", "difficulty", "D", "examples", "source", "sha256"),
        [
            (
                s.name,
                f"{s.difficulty:g}",
                s.depth,
                s.count,
                s.source,
                f"{s.sha256} (of the file)" if s.downloaded else s.sha256,
            )
            for s in task.splits
        ],
    )
    typer.echo()
    print_table(
        ("data setting", "default", "meaning"),
        [(key, _default(field), field.description or "") for key, field in task.source.model_fields.items()],
    )


def _default(field: "FieldInfo") -> object:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True, validated_data={})
    return "-" if default is None else default
