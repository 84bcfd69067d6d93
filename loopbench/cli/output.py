"""How the commands print."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

NO_TERMINAL = 10_000


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns: folded to fit a terminal, one line a row where the output goes elsewhere."""
    from rich.table import Table

    console = _console()
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(str, row))
    with console.capture() as captured:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_wide_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Like `print_table`, but what a terminal has no room for goes into further tables with the same first column."""
    first, *others = (max(len(str(cell)) for cell in column) for column in zip(columns, *rows, strict=True))
    room = max(1, (_console().width - first) // (2 + max(others)))
    tables = -(-len(others) // room)
    share = -(-len(others) // tables)
    for begin in range(1, len(columns), share):
        if begin > 1:
            typer.echo()
        part = slice(begin, begin + share)
        print_table([columns[0], *columns[part]], [[row[0], *row[part]] for row in rows])


def _console() -> "Console":
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else NO_TERMINAL)


def print_fields(fields: Mapping[str, object]) -> None:
    """One line a field, the values aligned."""
    width = max(map(len, fields))
    for name, value in fields.items():
        typer.echo(f"{name:<{width}}  {value}")


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(1, round(seconds))} s"
