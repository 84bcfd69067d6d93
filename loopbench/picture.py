"""What `loopbench watch` shows of an example: a task says what is on the board, and the drawing is done elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a board.

    Attributes:
        text: a symbol, a digit, at most a few letters; empty where there is nothing.
        given: whether it belongs to the problem; if not, it is the model's answer.
        right: whether the answer in this cell is right; `None` where a cell does not count.
        heat: how strongly the model points at it, from 0 to 1.
    """

    text: str = ""
    given: bool = False
    right: bool | None = None
    heat: float = 0.0


@dataclass(frozen=True)
class Picture:
    """A board with a model's answer on it.

    Attributes:
        rows: the cells, rows of equal length, as many of them in every picture of an example.
        caption: what else is to be said, in a line.
        box: thick lines after so many rows and columns: `(3, 3)` on a sudoku.
        checkered: dark and light squares in turn, the first one light.
        wraps: the columns are a sequence: where they are too many for one line, all rows are broken at the same places.
        row_labels: what stands to the left of each row.
        column_labels: what stands below each column.

    Raises:
        ValueError: no cell, or rows or labels of unequal length.
    """

    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    box: tuple[int, int] | None = None
    checkered: bool = False
    wraps: bool = False
    row_labels: Sequence[str] = ()
    column_labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.rows or not self.rows[0] or any(len(row) != self.columns for row in self.rows):
            raise ValueError("the rows of a picture must be of equal length and not empty")
        if len(self.row_labels) not in (0, len(self.rows)) or len(self.column_labels) not in (0, self.columns):
            raise ValueError("a picture needs a label for every row, or for none, and likewise for its columns")

    @property
    def columns(self) -> int:
        """The number of cells in a row."""
        return len(self.rows[0])

    def segments(self, columns: int) -> list[range]:
        """The columns in runs of at most `columns`: the lines of a sequence, or all at once on a board."""
        step = columns if self.wraps else self.columns
        return [range(first, min(first + step, self.columns)) for first in range(0, self.columns, step)]
