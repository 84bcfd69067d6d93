"""How far one supposition reaches: what singles and the elementary techniques make of a candidate that is supposed.

A candidate is put into its cell, and singles and the elementary techniques go on from there as far as they can. The
reach of a supposition is the share of all that is open, which is every candidate but one of each cell, that is then
gone; where they end in a contradiction it is all. The reach of a puzzle is the mean over its open candidates. Where it
is small, a supposition tells little, and it may take suppositions inside suppositions, or more than these techniques,
however many guesses a search makes.
"""

import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.tasks.compiled import compiled
from loopbench.tasks.sudoku.elementary import Scratch, count_struck, elementary_scratch
from loopbench.tasks.sudoku.solver import BITS, Work, begin, checked_grids, propagate, workspace


def reach(puzzles: np.ndarray) -> np.ndarray:
    """`(N,)` float64 from 0 to 1, and 1 where singles leave nothing open; symmetries leave it as it is.

    Args:
        puzzles: `(N, 81)` uint8.

    Raises:
        LoopbenchError: not such an array, or a puzzle in which singles lead to a contradiction.
    """
    puzzles = checked_grids(puzzles)
    counts = np.empty((len(puzzles), 2), np.int64)
    _count_all(puzzles, counts)
    gone, most = counts.T
    if (gone < 0).any():
        raise LoopbenchError(f"puzzle number {np.flatnonzero(gone < 0)[0]} contradicts itself")
    return np.divide(gone, most, out=np.ones(len(puzzles)), where=most > 0)


@compiled
def _count_all(puzzles: np.ndarray, counts: np.ndarray) -> None:
    work, scratch = workspace(), elementary_scratch()
    for i in range(len(puzzles)):
        counts[i, 0], counts[i, 1] = _count(puzzles[i], work, scratch)


@compiled
def _count(puzzle: np.ndarray, work: Work, scratch: Scratch) -> tuple[int, int]:
    """What is gone, summed over all suppositions, and what it would be if each told all; -1 on a contradiction."""
    candidates, placed, _, stack = work
    if not begin(puzzle, candidates[0], placed[0], stack):
        return -1, 0
    total = _count_open(candidates[0])
    gone = most = 0
    for cell in range(81):
        for digit in range(9):
            value = 1 << digit
            if BITS[candidates[0, cell]] > 1 and candidates[0, cell] & value:
                candidates[1, :] = candidates[0]
                placed[1, :] = placed[0]
                candidates[1, cell] = value
                stack[0] = cell
                most += total
                gone += total
                if _follow(candidates[1], placed[1], stack, scratch):
                    gone -= _count_open(candidates[1])
    return gone, most


@compiled
def _count_open(candidates: np.ndarray) -> int:
    """The candidates but one of each cell."""
    count = 0
    for cell in range(81):
        count += int(BITS[candidates[cell]]) - 1
    return count


@compiled
def _follow(candidates: np.ndarray, placed: np.ndarray, stack: np.ndarray, scratch: Scratch) -> bool:
    """Go on from the one cell on the stack; False on a contradiction."""
    if not propagate(candidates, placed, stack, 1):
        return False
    while count_struck(candidates, scratch):
        top = 0
        for cell in range(81):
            before = candidates[cell]
            after = before & ~scratch[0][cell]
            candidates[cell] = after
            if before != after and not after & (after - 1):
                if not after:
                    return False
                stack[top] = cell
                top += 1
        if not propagate(candidates, placed, stack, top):
            return False
    return True
