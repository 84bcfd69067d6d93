"""The reference solver: singles, then guessing in the cell with the fewest candidates.

Singles: a cell with one candidate (naked), a digit with one place in a row, column or box (hidden). All are placed
until there are none; what that reaches does not depend on their order. Where cells are left open, the solver guesses:
in the first of those with the fewest candidates it tries the least. When that candidate leads nowhere it is struck out
and the solver goes on from there, singles first, so that the last candidate of a cell is never a guess.

A wrong guess is one that leads nowhere, made before the solution is found. To prove that there is no other, the solver
takes back the right guesses too and searches the rest; what it tries there is counted as a guess, but not as wrong.
"""

from dataclasses import dataclass

import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.tasks.compiled import compiled

ALL = 0x1FF


def _units() -> np.ndarray:
    """`(27, 9)`: the cells of each row, column and box."""
    cells = np.arange(81).reshape(9, 9)
    boxes = cells.reshape(3, 3, 3, 3).swapaxes(1, 2).reshape(9, 9)
    return np.concatenate([cells, cells.T, boxes]).astype(np.uint8)


def _peers(units: np.ndarray) -> np.ndarray:
    """`(81, 20)`: the cells that share a unit with each."""
    return np.array(
        [sorted({*units[np.equal(units, cell).any(1)].flat} - {cell}) for cell in range(81)], dtype=np.uint8
    )


UNITS = _units()  # indices are unsigned, so that numba need not ask whether one is negative
PEERS = _peers(UNITS)
UNITS_OF = np.array([np.flatnonzero(np.equal(UNITS, cell).any(1)) for cell in range(81)], dtype=np.uint8)
BITS = np.array([mask.bit_count() for mask in range(ALL + 1)], dtype=np.uint8)


Work = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Solved:
    """What the solver found.

    Attributes:
        solutions: `(N, 81)` uint8, the first solution, zeros where there is none.
        count: `(N,)` uint8, the number of solutions; 2 means two or more, and the search stopped at the second.
        guesses: `(N,)` int64, the wrong guesses before the first solution.
        singles: `(N,)` bool, whether singles alone decided it.
    """

    solutions: np.ndarray
    count: np.ndarray
    guesses: np.ndarray
    singles: np.ndarray


def solve(puzzles: np.ndarray) -> Solved:
    """Solve `(N, 81)` uint8 puzzles, 0 for a blank, and prove how many solutions they have up to two.

    Raises:
        LoopbenchError: not such an array.
    """
    puzzles = checked_grids(puzzles)
    solutions = np.zeros((len(puzzles), 81), np.uint8)
    numbers = np.zeros((len(puzzles), 3), np.int64)
    _solve_all(puzzles, solutions, numbers)
    found, wrong, guesses = numbers.T
    return Solved(solutions, count=found.astype(np.uint8), guesses=wrong, singles=guesses == 0)


def checked_grids(grids: np.ndarray) -> np.ndarray:
    """`(N, 81)` uint8 grids, laid out as the compiled functions expect them.

    Raises:
        LoopbenchError: not such an array, or a digit above 9.
    """
    if grids.dtype != np.uint8 or grids.ndim != 2 or grids.shape[1] != 81:
        raise LoopbenchError(f"sudoku grids are a uint8 array of shape (N, 81), not {grids.dtype} {grids.shape}")
    if grids.size and grids.max() > 9:
        raise LoopbenchError(f"sudoku grids hold digits from 0 to 9, not {grids.max()}")
    return np.require(grids, requirements=["C", "W"])


@compiled
def _solve_all(puzzles: np.ndarray, solutions: np.ndarray, numbers: np.ndarray) -> None:
    work = workspace()
    for i in range(len(puzzles)):
        numbers[i, 0], numbers[i, 1], numbers[i, 2] = search(puzzles[i], solutions[i], 2, work)


@compiled
def workspace() -> Work:
    """What a search remembers; one serves any number of searches, one at a time.

    For every depth of guessing the candidates of the cells and the digits placed in the units, both without that guess,
    and the guess (cell, candidate); then a stack of cells to place.
    """
    return (
        np.empty((82, 81), np.uint16),
        np.empty((82, 27), np.uint16),
        np.empty((82, 2), np.int64),
        np.empty(81, np.uint8),
    )


@compiled
def search(puzzle: np.ndarray, solution: np.ndarray, limit: int, work: Work) -> tuple[int, int, int]:
    """The number of solutions up to `limit`, the wrong guesses before the first, and all guesses.

    The first solution is written to `solution`.
    """
    candidates, placed, _, stack = work
    return _explore(begin(puzzle, candidates[0], placed[0], stack), solution, limit, work)


@compiled
def has_other(puzzle: np.ndarray, cell: int, digit: int, scratch: np.ndarray, work: Work) -> bool:
    """Whether a puzzle has a solution with another digit than this at a blank cell."""
    candidates, placed, _, stack = work
    if not begin(puzzle, candidates[0], placed[0], stack):
        return False
    others = candidates[0, cell] & ~(1 << (digit - 1))
    if not others:
        return False
    candidates[0, cell] = others
    stack[0] = cell
    consistent = propagate(candidates[0], placed[0], stack, BITS[others] == 1)
    return _explore(consistent, scratch, 1, work)[0] > 0


@compiled
def _explore(consistent: bool, solution: np.ndarray, limit: int, work: Work) -> tuple[int, int, int]:
    """`search` from where the givens and singles led, unless that was a contradiction."""
    candidates, placed, tried, stack = work
    found = wrong = guesses = depth = 0
    while True:
        if consistent:
            cell = fewest(candidates[depth])
            if cell >= 0:
                value = candidates[depth, cell] & -candidates[depth, cell]
                tried[depth, 0], tried[depth, 1] = cell, value
                guesses += 1
                candidates[depth + 1, :] = candidates[depth]
                placed[depth + 1, :] = placed[depth]
                depth += 1
                candidates[depth, cell] = value
                stack[0] = cell
                consistent = propagate(candidates[depth], placed[depth], stack, 1)
                continue
            if not found:
                write(candidates[depth], solution)
            found += 1
        if not depth or found == limit:
            return found, wrong, guesses
        depth -= 1
        cell, value = tried[depth, 0], tried[depth, 1]
        wrong += not found
        candidates[depth, cell] ^= value
        stack[0] = cell
        consistent = propagate(candidates[depth], placed[depth], stack, BITS[candidates[depth, cell]] == 1)


@compiled
def begin(puzzle: np.ndarray, candidates: np.ndarray, placed: np.ndarray, stack: np.ndarray) -> bool:
    """Place the givens and what follows from them; False where they contradict each other."""
    placed[:] = 0
    for cell in range(81):
        if puzzle[cell]:
            value = 1 << (puzzle[cell] - 1)
            for unit in UNITS_OF[cell]:
                if placed[unit] & value:
                    return False
                placed[unit] |= value
    top = 0
    for cell in range(81):
        if puzzle[cell]:
            candidates[cell] = 1 << (puzzle[cell] - 1)
            continue
        taken = 0
        for unit in UNITS_OF[cell]:
            taken |= placed[unit]
        value = ALL & ~taken
        candidates[cell] = value
        if not value & (value - 1):
            if not value:
                return False
            stack[top] = cell
            top += 1
    return propagate(candidates, placed, stack, top)


@compiled
def propagate(candidates: np.ndarray, placed: np.ndarray, stack: np.ndarray, top: int) -> bool:
    """Place the `top` cells on the stack, each down to one candidate, and all singles that follow.

    False on a contradiction: a cell without candidates, or a unit without a place for a digit.
    """
    while True:
        while top:
            top -= 1
            cell = stack[top]
            value = candidates[cell]
            for unit in UNITS_OF[cell]:
                placed[unit] |= value
            for peer in PEERS[cell]:
                before = candidates[peer]
                after = before & ~value
                candidates[peer] = after
                if (before != after) & (after & (after - 1) == 0):  # one branch, rarely taken
                    if not after:
                        return False
                    stack[top] = peer
                    top += 1
        for unit in range(27):
            if placed[unit] == ALL:
                continue
            once = twice = 0
            for cell in UNITS[unit]:
                twice |= once & candidates[cell]
                once |= candidates[cell]
            if once != ALL:
                return False
            single = once & ~twice & ~placed[unit]
            if single:
                for cell in UNITS[unit]:
                    value = candidates[cell] & single
                    if value:
                        if value & (value - 1):
                            return False
                        candidates[cell] = value
                        for other in UNITS_OF[cell]:  # or another unit would find it again
                            placed[other] |= value
                        stack[top] = cell
                        top += 1
        if not top:
            return True


@compiled
def fewest(candidates: np.ndarray) -> int:
    """The first of the cells with the fewest candidates above one; -1 where all cells are filled."""
    best, least = -1, 10
    for cell in range(81):
        bits = BITS[candidates[cell]]
        if 1 < bits < least:
            best, least = cell, bits
            if bits == 2:
                break
    return best


@compiled
def write(candidates: np.ndarray, solution: np.ndarray) -> None:
    """The digits of a grid whose cells have one candidate each."""
    for cell in range(81):
        solution[cell] = BITS[candidates[cell] - 1] + 1
