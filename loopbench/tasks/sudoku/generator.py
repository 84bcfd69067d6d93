"""Puzzles made from random solution grids, each with one solution: they depend on a seed and a number alone.

A minimal puzzle is what is left when clues are taken from a grid, in a random order, as long as the solution stays the
only one. Easier ones get clues back; harder ones are found by climbing: put some clues back, take others away, and keep
what needs more guesses, or what is more stubborn.
"""

from dataclasses import dataclass

import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.tasks.compiled import compiled
from loopbench.tasks.random_numbers import below, shuffle, start
from loopbench.tasks.splits import derived_seed
from loopbench.tasks.sudoku.canonical import is_test_side
from loopbench.tasks.sudoku.elementary import Scratch, count_struck, elementary_scratch
from loopbench.tasks.sudoku.minimal import Memory, forget, make_minimal, memory, minimize
from loopbench.tasks.sudoku.rating import count_guesses
from loopbench.tasks.sudoku.solver import ALL, BITS, Work, begin, propagate, search, workspace, write

PUZZLES_PER_GRID = 8
"""Training puzzles in a row that share their solution."""

TRAINING_SYMMETRIES = 8
"""Symmetries under which a training puzzle is measured."""

ADDED = 5
"""Clues that a step of a climb puts back."""

GLANCE, LOOK = 2, 32
"""Symmetries under which a climb measures a puzzle, and measures it anew if it seems good: or luck would be kept."""

HALVING = 3
"""So many candidates struck out halve the worth of a puzzle on the way to a stubborn one."""

SLACK = 8
"""A climb goes on from what is worth at least 7/8 as much, since it would be stuck soon if it only went up."""


@dataclass(frozen=True)
class Puzzles:
    """Puzzles with their only solutions, `(N, 81)` uint8 each, 0 for a blank."""

    puzzles: np.ndarray
    solutions: np.ndarray


def training_puzzles(
    count: int, seed: int, first: int = 0, clues: tuple[int, int] = (20, 45), max_rating: float = 0.0
) -> Puzzles:
    """Puzzles number `first`, `first + 1`, … of a seed, none with its solution on the test side.

    Args:
        clues: as for `eased_puzzles`.
        max_rating: the most wrong guesses, averaged over 8 symmetries drawn for the puzzle, a quick stand-in for the
            rating; 0 means that singles alone suffice.

    Raises:
        LoopbenchError: a negative count, number or rating.
    """
    if min(count, first, max_rating) < 0:
        raise LoopbenchError(f"count, first and max_rating are 0 or more, not {count}, {first} and {max_rating}")
    numbers = np.arange(first, first + count)
    groups, grid_of = np.unique(numbers // PUZZLES_PER_GRID, return_inverse=True)
    solutions = solution_grids(seed, groups, test_side=False)[grid_of]
    return Puzzles(eased_puzzles(solutions, seed, numbers, clues, max_rating), solutions)


def solution_grids(seed: int, numbers: np.ndarray, test_side: bool) -> np.ndarray:
    """`(N, 81)` uint8 random solution grids on the wanted side of the split, one for each number."""
    grids = np.empty((len(numbers), 81), np.uint8)
    todo, attempt = np.arange(len(numbers)), 0
    while len(todo):
        drawn = np.empty((len(todo), 81), np.uint8)
        _make_grids(stream_seed("grids", seed, attempt), numbers[todo], drawn)
        grids[todo] = drawn
        todo = todo[is_test_side(drawn) != test_side]
        attempt += 1
    return grids


def eased_puzzles(
    solutions: np.ndarray, seed: int, numbers: np.ndarray, clues: tuple[int, int], max_rating: float = 0.0
) -> np.ndarray:
    """`(N, 81)` uint8 minimal puzzles of these solutions, with clues given back.

    Args:
        clues: the range that the number of clues is drawn from; a puzzle that has more as it is keeps them, and one
            that is too hard gets more.
        max_rating: as for `training_puzzles`.
    """
    puzzles = np.empty_like(solutions)
    _ease_all(solutions, stream_seed("ease", seed), numbers, *clues, int(TRAINING_SYMMETRIES * max_rating), puzzles)
    return puzzles


def climbed_puzzles(
    solutions: np.ndarray,
    seed: int,
    numbers: np.ndarray,
    guesses: tuple[float, float],
    steps: int,
    stubborn: bool = False,
) -> np.ndarray:
    """`(N, 81)` uint8 minimal puzzles of these solutions, the hardest that climbs of at most so many steps find.

    Args:
        guesses: the range that the number of guesses is drawn from at which a climb stops: all guesses of the proof,
            averaged over symmetries. Wrong guesses by the rating's count are somewhat less than half of them.
        stubborn: climb to puzzles in which the elementary techniques strike nothing out, too.
    """
    puzzles = np.empty_like(solutions)
    low, high = (int(LOOK * bound) for bound in guesses)
    _climb_all(solutions, stream_seed("climb", seed), numbers, low, high, steps, stubborn, puzzles)
    return puzzles


def stream_seed(*key: str | int) -> np.uint64:
    """The seed of streams of random numbers for one purpose."""
    return np.uint64(derived_seed("loopbench", "sudoku", *key))


@compiled
def _make_grids(seed: np.uint64, numbers: np.ndarray, grids: np.ndarray) -> None:
    work, state = workspace(), np.empty(1, np.uint64)
    for i in range(len(numbers)):
        start(state, seed, numbers[i])
        order = np.arange(81)
        while not _fill(state, order, grids[i], work):
            pass


@compiled
def _fill(state: np.ndarray, order: np.ndarray, grid: np.ndarray, work: Work) -> bool:
    """Go through the cells in a random order, giving each open one a random candidate; False on a contradiction."""
    candidates, placed, _, stack = work
    candidates[0, :] = ALL
    placed[0, :] = 0
    shuffle(state, order)
    for cell in order:
        value = np.int64(candidates[0, cell])
        if value & (value - 1):
            for _ in range(below(state, np.int64(BITS[value]))):
                value &= value - 1
            candidates[0, cell] = value & -value
            stack[0] = cell
            if not propagate(candidates[0], placed[0], stack, 1):
                return False
    write(candidates[0], grid)
    return True


@compiled
def _ease_all(
    solutions: np.ndarray, seed: np.uint64, numbers: np.ndarray, low: int, high: int, most: int, puzzles: np.ndarray
) -> None:
    work, known, state = workspace(), memory(), np.empty(1, np.uint64)
    for i in range(len(numbers)):
        puzzle, solution, order = puzzles[i], solutions[i], np.arange(81)
        start(state, seed, numbers[i])
        forget(known)
        make_minimal(puzzle, solution, state, order, known, work)
        missing = low + below(state, high - low + 1)
        for cell in range(81):
            missing -= puzzle[cell] > 0
        shuffle(state, order)
        for cell in order:
            if not puzzle[cell]:
                if missing <= 0 and _is_easy(puzzle, most, state, work):
                    break
                puzzle[cell] = solution[cell]
                missing -= 1


@compiled
def _is_easy(puzzle: np.ndarray, most: int, state: np.ndarray, work: Work) -> bool:
    """Whether singles suffice, or so many wrong guesses in all under 8 symmetries."""
    if search(puzzle, np.empty(81, np.uint8), 1, work)[2] == 0:
        return True
    return most > 0 and count_guesses(puzzle, TRAINING_SYMMETRIES, 1, state, work)[0] <= most


@compiled
def _climb_all(
    solutions: np.ndarray,
    seed: np.uint64,
    numbers: np.ndarray,
    low: int,
    high: int,
    steps: int,
    stubborn: bool,
    puzzles: np.ndarray,
) -> None:
    work, scratch, known, state = workspace(), elementary_scratch(), memory(), np.empty(1, np.uint64)
    puzzle, trial = np.empty(81, np.uint8), np.empty(81, np.uint8)
    for i in range(len(numbers)):
        start(state, seed, numbers[i])
        order = np.arange(81)
        target = low + below(state, high - low + 1)
        forget(known)
        make_minimal(puzzle, solutions[i], state, order, known, work)
        struck = _struck_after_singles(puzzle, scratch, work) if stubborn else 0
        here = top = _worth(count_guesses(puzzle, LOOK, 2, state, work)[1], target, struck)
        puzzles[i] = puzzle
        for _ in range(steps):
            if top >= target:
                break
            _vary(puzzle, solutions[i], trial, state, order, known, work)
            struck = _struck_after_singles(trial, scratch, work) if stubborn else 0
            enough = here - here // SLACK
            if _worth(target, target, struck) < enough:
                continue
            if _worth(count_guesses(trial, GLANCE, 2, state, work)[1] * LOOK // GLANCE, target, struck) < enough:
                continue
            found = _worth(count_guesses(trial, LOOK, 2, state, work)[1], target, struck)
            if found >= enough:
                here = found
                puzzle[:] = trial
                if found > top:
                    top = found
                    puzzles[i] = trial


@compiled
def _struck_after_singles(puzzle: np.ndarray, scratch: Scratch, work: Work) -> int:
    candidates, placed, _, stack = work
    begin(puzzle, candidates[0], placed[0], stack)  # no contradiction: the puzzle has a solution
    return count_struck(candidates[0], scratch)


@compiled
def _worth(guesses: int, target: int, struck: int) -> int:
    """Guesses up to the target, worth less for every candidate that the elementary techniques strike out."""
    return min(guesses, target) * HALVING // (HALVING + struck)


@compiled
def _vary(
    puzzle: np.ndarray,
    solution: np.ndarray,
    trial: np.ndarray,
    state: np.ndarray,
    order: np.ndarray,
    known: Memory,
    work: Work,
) -> None:
    """Write another minimal puzzle to `trial`: with some clues back, and then without others."""
    shuffle(state, order)
    cells, count = np.empty(81, np.int64), 0
    for cell in order:  # old clues go before new ones, or it would be the same puzzle again
        if puzzle[cell]:
            cells[count] = cell
            count += 1
    most = count + ADDED
    trial[:] = puzzle
    for cell in order:
        if count < most and not puzzle[cell]:
            trial[cell] = solution[cell]
            cells[count] = cell
            count += 1
    minimize(trial, solution, cells[:count], 1, known, work)
