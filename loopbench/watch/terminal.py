"""A frame in a terminal: wrong cells red, bold and marked, changed ones in reverse video."""

from collections.abc import Generator

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from loopbench.picture import Cell, Picture
from loopbench.validation import printable
from loopbench.watch.frames import Frame
from loopbench.watch.words import movement, verdict

WRONG = "×"
EMPTY = "·"
GROUP = 8  # a sequence is broken after a multiple of so many columns
LIT = 0.1  # the least heat that shows


def draw(frame: Frame, width: int) -> Text:
    """The frame in lines of at most `width` characters, or however many a board needs that does not wrap."""
    heading = Text.assemble((f"t = {frame.t:,}", "bold"), "   ", _colored(frame), "   ", (movement(frame), "dim"))
    caption = [Text(printable(frame.picture.caption))] if frame.picture.caption else []
    return Text("\n").join([heading, Text(), *_board(frame.picture, frame.changed, width), *caption])


def _colored(frame: Frame) -> tuple[str, str]:
    return verdict(frame), "bold green" if frame.solved else ""


def _board(picture: Picture, changed: frozenset[tuple[int, int]], width: int) -> Generator[Text]:
    """The lines of the board, with an empty one after each segment."""
    labels = [printable(label) for label in picture.row_labels or [""] * len(picture.rows)]
    gutter = max(map(cell_len, labels))
    symbol = max(cell_len(_symbol(cell)) for row in picture.rows for cell in row)
    fitting = (width - gutter - 1) // (symbol + 1)
    high, wide = picture.box or (0, 0)
    for columns in picture.segments(max(GROUP, fitting - fitting % GROUP)):
        for i, row in enumerate(picture.rows):
            if high and i and i % high == 0:
                yield Text(" " * (gutter + 1) + _rule(columns, wide, symbol), "dim")
            line = Text.assemble((f"{labels[i]:>{gutter}} ", "dim"))
            for j in columns:
                if wide and j and j % wide == 0:
                    line.append("│ ", "dim")
                cell = row[j]
                line.append(f"{_symbol(cell):>{symbol}}", _style(cell, (i, j) in changed))
                line.append(WRONG if cell.right is False else " ", "bold red")
            line.rstrip()
            yield line
        if picture.column_labels:
            names = "".join(f"{printable(picture.column_labels[j]):<{symbol + 1}}" for j in columns)
            yield Text(" " * (gutter + 1) + names.rstrip(), "dim")
        yield Text()


def _symbol(cell: Cell) -> str:
    return printable(cell.text) or EMPTY


def _style(cell: Cell, changed: bool) -> Style:
    bold = cell.given or cell.right is False
    heat = max(0.0, min(cell.heat, 1.0))  # in this order NaN is 0
    if heat < LIT:
        return Style(bold=bold, reverse=changed, color="red" if cell.right is False else None)
    light = (1 + heat) / 2
    amber = f"rgb({round(230 * light)},{round(159 * light)},0)"
    return Style(bold=bold, underline=changed, color="black", bgcolor=amber)


def _rule(columns: range, wide: int, symbol: int) -> str:
    """A horizontal line that crosses the vertical ones."""
    parts = ["┼─" if wide and j and j % wide == 0 else "" for j in columns]
    return "".join(part + "─" * (symbol + 1) for part in parts)
