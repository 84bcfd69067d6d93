"""How much one supposition tells: the candidates that the elementary techniques refute when they are supposed.

A candidate is put into its cell, and singles and the elementary techniques go on from there as far as they can. Where
they end in a contradiction, the candidate is refuted. Puzzles of which few are refuted need suppositions inside
suppositions, or more than these techniques, however many guesses a search makes.
"""

import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.tasks.compiled import compiled
from loopbench.tasks.sudoku.elementary import Scratch, count_struck, elementary_scratch
from loopbench.tasks.sudoku.solver import BITS, Work, begin, checked_grids, propagate, workspace


def count_refuted(puzzles: np.ndarray) -> np.ndarray:
    """`(N,)` int64: how many candidates are refuted that stand after the last single; symmetries leave it as it is.

    Args:
        puzzles: `(N, 81)` uint8.

    Raises:
        LoopbenchError: not such an array, or a puzzle in which singles lead to a contradiction.
    """
    puzzles = checked_grids(puzzles)
    counts = np.empty(len(puzzles), np.int64)
    _count_all(puzzles, counts)
    if (counts < 0).any():
        raise LoopbenchError(f"puzzle number {np.flatnonzero(counts < 0)[0]} contradicts itself")
    return counts


@compiled
def _count_all(puzzles: np.ndarray, counts: np.ndarray) -> None:
    work, scratch = workspace(), elementary_scratch()
    for i in range(len(puzzles)):
        counts[i] = _count(puzzles[i], work, scratch)


@compiled
def _count(puzzle: np.ndarray, work: Work, scratch: Scratch) -> int:
    candidates, placed, _, stack = work
    if not begin(puzzle, candidates[0], placed[0], stack):
        return -1
    count = 0
    for cell in range(81):
        for digit in range(9):
            value = 1 << digit
            if BITS[candidates[0, cell]] > 1 and candidates[0, cell] & value:
                candidates[1, :] = candidates[0]
                placed[1, :] = placed[0]
                candidates[1, cell] = value
                stack[0] = cell
                count += not _follow(candidates[1], placed[1], stack, scratch)
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
