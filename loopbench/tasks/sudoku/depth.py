"""Whether guesses must stand inside guesses: the T&E-depth of a puzzle, trial and error with singles.

Depth 1 supposes one candidate at a time. Where the singles that follow contradict each other, the candidate is struck
out; and so on, until nothing more goes. However many guesses a search makes, what this solves needs none inside
another one. (D. Berthier's T&E(1), http://forum.enjoysudoku.com/t-e-2-patterns-and-puzzles-t40596.html)
"""

import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.tasks.compiled import compiled
from loopbench.tasks.sudoku.solver import BITS, Work, begin, checked_grids, propagate, workspace


def is_shallow(puzzles: np.ndarray) -> np.ndarray:
    """Which of `(N, 81)` uint8 puzzles have a T&E-depth of at most 1: `(N,)` bool, the same for all symmetries of one.

    Raises:
        LoopbenchError: not such an array, or a puzzle whose candidates contradict each other.
    """
    puzzles = checked_grids(puzzles)
    left = np.empty(len(puzzles), np.int64)
    _suppose_all(puzzles, left)
    if (left < 0).any():
        raise LoopbenchError(f"puzzle number {np.flatnonzero(left < 0)[0]} contradicts itself")
    return left == 0


@compiled
def _suppose_all(puzzles: np.ndarray, left: np.ndarray) -> None:
    work = workspace()
    for i in range(len(puzzles)):
        left[i] = _candidates_left(puzzles[i], work)


@compiled
def _candidates_left(puzzle: np.ndarray, work: Work) -> int:
    """How many candidates too many there are when no supposition strikes one out any more; -1: a contradiction."""
    candidates, placed, _, stack = work
    if not begin(puzzle, candidates[0], placed[0], stack):
        return -1
    struck = True
    while struck:
        struck = False
        for cell in range(81):
            for digit in range(9):
                value = 1 << digit
                if BITS[candidates[0, cell]] == 1 or not candidates[0, cell] & value:
                    continue
                candidates[1, :] = candidates[0]
                placed[1, :] = placed[0]
                candidates[1, cell] = value
                stack[0] = cell
                if propagate(candidates[1], placed[1], stack, 1):
                    continue
                struck = True
                candidates[0, cell] ^= value
                stack[0] = cell
                if not propagate(candidates[0], placed[0], stack, BITS[candidates[0, cell]] == 1):
                    return -1
    left = 0
    for cell in range(81):
        left += int(BITS[candidates[0, cell]]) - 1
    return left
