"""Minimal puzzles: clues are taken away as long as the solution stays the only one.

Where two solutions differ is an unavoidable set of the first: every puzzle that has the first as its only solution has
a clue there. The sets met are remembered, and tell of most clues without a search that they must stay.
"""

import numpy as np

from loopbench.tasks.compiled import compiled
from loopbench.tasks.random_numbers import shuffle
from loopbench.tasks.sudoku.solver import Work, has_other, search

AT_ONCE = 32
"""Clues taken from a full grid in the first try."""

REMEMBERED = 512
ONE = np.uint64(1)

Memory = tuple[np.ndarray, np.ndarray]


@compiled
def memory() -> Memory:
    """Room for unavoidable sets of one solution, cells 0 to 40 and 41 to 80 as bits, and their number so far."""
    return np.zeros((REMEMBERED, 2), np.uint64), np.zeros(1, np.int64)


@compiled
def forget(known: Memory) -> None:
    """Begin with another solution."""
    known[1][0] = 0


@compiled
def make_minimal(
    puzzle: np.ndarray, solution: np.ndarray, state: np.ndarray, order: np.ndarray, known: Memory, work: Work
) -> None:
    """Write a random minimal puzzle of a solution to `puzzle`."""
    puzzle[:] = solution
    shuffle(state, order)
    minimize(puzzle, solution, order, AT_ONCE, known, work)


@compiled
def minimize(puzzle: np.ndarray, solution: np.ndarray, cells: np.ndarray, size: int, known: Memory, work: Work) -> None:
    """Take away the clues at `cells`, in that order, wherever the solution stays the only one.

    Args:
        size: so many at once at first, and half as many whenever that is too many.
    """
    scratch = np.empty(81, np.uint8)
    i = 0
    while i < len(cells):
        some = cells[i : i + size]
        for cell in some:
            puzzle[cell] = 0
        if _is_unique(puzzle, solution, some, scratch, known, work):
            i += size
            continue
        for cell in some:
            puzzle[cell] = solution[cell]
        if size == 1:
            i += 1
        else:
            size //= 2


@compiled
def _is_unique(
    puzzle: np.ndarray, solution: np.ndarray, taken: np.ndarray, scratch: np.ndarray, known: Memory, work: Work
) -> bool:
    """Whether the solution is still the only one without the clues just taken."""
    sets, count = known
    low, high = _bits(puzzle)
    for i in range(count[0]):
        if not (sets[i, 0] & low) | (sets[i, 1] & high):
            for half in range(2):  # what has just told something is asked sooner next time
                sets[i, half], sets[i // 2, half] = sets[i // 2, half], sets[i, half]
            return False
    if len(taken) > 1:
        return search(puzzle, scratch, 2, work)[0] == 1
    cell = int(taken[0])
    if not has_other(puzzle, cell, int(solution[cell]), scratch, work):
        return True
    last = min(count[0], REMEMBERED - 1)
    sets[last, 0], sets[last, 1] = _bits(solution != scratch)
    count[0] = last + 1
    return False


@compiled
def _bits(cells: np.ndarray) -> tuple[np.uint64, np.uint64]:
    """Which of 81 cells are not zero."""
    low = high = np.uint64(0)
    for cell in range(41):
        if cells[cell]:
            low |= ONE << np.uint64(cell)
    for cell in range(41, 81):
        if cells[cell]:
            high |= ONE << np.uint64(cell - 41)
    return low, high
