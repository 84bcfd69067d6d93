"""What `loopbench watch` shows of a sudoku."""

from torch import Tensor

from loopbench.contracts import Examples
from loopbench.picture import Cell, Picture
from loopbench.tasks.sudoku.metrics import breaks_a_rule


def picture(examples: Examples, logits: Tensor, i: int) -> Picture:
    """The board of example `i`: its givens, and the answers in the other cells, right where the solution has them."""
    answer, finite = logits[i].argmax(-1), logits[i].isfinite().all(-1)
    right = (answer == examples.targets[i]) & finite
    broken = int(breaks_a_rule(answer[None]).sum())
    given = examples.inputs[i]
    rows = [[_cell(*(int(x[r, c]) for x in (given, answer, right))) for c in range(9)] for r in range(9)]
    return Picture(rows, caption=f"{broken} cells break a rule" if broken else "every rule is kept", box=(3, 3))


def _cell(given: int, answer: int, right: int) -> Cell:
    if given and right:
        return Cell(str(given), given=True, right=True)
    return Cell(str(answer) if answer else "", given=False, right=bool(right))
