"""The cells of a board as SVG, and where they lie."""

from collections.abc import Iterator
from html import escape
from math import ceil, log2

from loopbench.picture import Cell, Picture
from loopbench.validation import printable

SIDE = 432  # what a board is as wide as, where its cells allow it
SMALLEST, LARGEST = 10, 48  # sides of a cell
WRAP = 16  # no sequence is broken into shorter lines
GAP = 14  # between the lines of a sequence


class Board:
    """The geometry of a picture, in pixels from the top left corner of the board with its labels."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        cells = len(picture.rows) * picture.columns
        self.segments = picture.segments(max(WRAP, 2 ** ceil(log2(cells) / 2)))  # about as wide as high
        self.side = max(SMALLEST, min(LARGEST, SIDE // len(self.segments[0])))
        longest = max((len(printable(label)) for label in picture.row_labels), default=0)
        self.gutter = 8 * longest + 8 if longest else 0
        self.pitch = self.side * len(picture.rows) + (16 if picture.column_labels else 0) + GAP
        self.width = self.gutter + self.side * len(self.segments[0])
        self._names: dict[str, str] = {}  # of the markup of each kind of cell, drawn once and referred to
        self.height = self.pitch * len(self.segments) - GAP

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """The top left corner of a cell."""
        segment, place = divmod(column, len(self.segments[0]))
        return self.gutter + place * self.side, segment * self.pitch + row * self.side

    def cell_at(self, picture: Picture, row: int, column: int) -> str:
        """A cell of a picture of this shape, opaque, so that it covers what was there before."""
        return self._place(self._draw(picture.rows[row][column], (row + column) % 2), row, column)

    def outline_at(self, row: int, column: int) -> str:
        """A frame just within a cell."""
        stroke = max(1, self.side / 20)
        size = f'x="{stroke:g}" y="{stroke:g}" width="{self.side - 2 * stroke:g}" height="{self.side - 2 * stroke:g}"'
        return self._place(f'<rect class="changed" stroke-width="{stroke:g}" {size}/>', row, column)

    def symbols(self) -> Iterator[str]:
        """What the cells and outlines so far refer to."""
        for markup, name in self._names.items():
            yield f'<g id="{name}">{markup}</g>'

    def lines(self) -> Iterator[str]:
        """The border, the thick lines and the labels, which lie over the cells."""
        picture, side = self.picture, self.side
        rows = len(picture.rows)
        high, wide = picture.box or (rows, picture.columns)
        for columns in self.segments:
            left, top = self.corner(0, columns[0])
            right, bottom = left + side * len(columns), top + side * rows
            path = f"M{left},{top}H{right}V{bottom}H{left}Z"
            path += "".join(f"M{left},{top + side * i}H{right}" for i in range(high, rows, high))
            path += "".join(f"M{left + side * j},{top}V{bottom}" for j in range(wide, len(columns), wide))
            yield f'<path class="box" d="{path}"/>'
            for i, label in enumerate(picture.row_labels):
                yield _label(label, "end", left - 8, top + side * (i + 0.5) + 4)
            for j in columns if picture.column_labels else ():
                yield _label(picture.column_labels[j], "middle", self.corner(0, j)[0] + side / 2, bottom + 14)

    def _place(self, markup: str, row: int, column: int) -> str:
        x, y = self.corner(row, column)
        return f'<use href="#{self._names.setdefault(markup, f"x{len(self._names)}")}" x="{x}" y="{y}"/>'

    def _draw(self, cell: Cell, odd: int) -> str:
        """The square, its light, its symbol, and a mark in the corner, so that colour alone tells nothing."""
        side, checkered = self.side, self.picture.checkered
        wrong = " wrong" if cell.right is False and not checkered else ""
        ground = ("even", "odd")[odd] if checkered else "given" if cell.given else "free"
        parts = [f'<rect class="square {ground}{wrong}" width="{side}" height="{side}"/>']
        if (heat := max(0.0, min(cell.heat, 1.0))) >= 0.005:  # in this order NaN is 0
            parts.append(f'<rect class="heat" fill-opacity="{heat:.2f}" width="{side}" height="{side}"/>')
        if text := printable(cell.text):
            size = side * min(0.6, 1.2 / len(text))
            style = "piece" if checkered else "fixed" if cell.given else "answer"
            place = f'x="{side / 2:g}" y="{side / 2 + 0.36 * size:.1f}" font-size="{size:.1f}"'
            parts.append(f'<text class="symbol {style}{wrong}" {place}>{escape(text)}</text>')
        mark = f"{0.3 * side:g}"
        if cell.right is False:
            parts.append(f'<path class="bad" d="M{side},0v{mark}l-{mark},-{mark}z"/>')
        elif cell.right and checkered:
            parts.append(f'<path class="good" d="M{side},0v{mark}h-{mark}v-{mark}z"/>')
        return "".join(parts)


def _label(text: str, anchor: str, x: float, y: float) -> str:
    return f'<text class="faint" text-anchor="{anchor}" x="{x:g}" y="{y:g}">{escape(printable(text))}</text>'
