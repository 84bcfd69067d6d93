"""The rating of a puzzle: the wrong guesses of the reference solver, averaged over 64 symmetries.

How many wrong guesses the solver makes depends on how a puzzle is turned. The symmetries are drawn from the hash of the
canonical form and applied to that form, so that equivalent puzzles have one rating.
"""

import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.files import sha256
from loopbench.tasks.compiled import compiled
from loopbench.tasks.splits import derived_seed
from loopbench.tasks.sudoku.canonical import canonical
from loopbench.tasks.sudoku.solver import Work, search, solve, workspace
from loopbench.tasks.sudoku.symmetry import turn

SYMMETRIES = 64


def rate(puzzles: np.ndarray, seed: int = 0) -> np.ndarray:
    """The ratings of `(N, 81)` uint8 puzzles with one solution each, `(N,)` float64: multiples of 1/64, so exact.

    Args:
        seed: draws other symmetries; the rating proper has 0.

    Raises:
        LoopbenchError: not such an array, or a puzzle without exactly one solution.
    """
    solved = solve(puzzles)
    if (solved.count != 1).any():
        first = int(np.flatnonzero(solved.count != 1)[0])
        found = "no solution" if solved.count[first] == 0 else "more than one solution"
        raise LoopbenchError(f"only puzzles with exactly one solution have a rating; number {first} has {found}")
    ratings = np.zeros(len(puzzles))
    open_ = np.flatnonzero(~solved.singles)  # singles suffice under every symmetry or under none
    forms = canonical(puzzles[open_])
    seeds = [derived_seed("loopbench", "sudoku", "rating", sha256(form.tobytes()), seed) for form in forms]
    ratings[open_] = wrong_guesses(forms, np.array(seeds, np.uint64), SYMMETRIES) / SYMMETRIES
    return ratings


def wrong_guesses(puzzles: np.ndarray, seeds: np.ndarray, symmetries: int) -> np.ndarray:
    """`(N,)` int64, the wrong guesses summed over so many random symmetries of each puzzle.

    Args:
        puzzles: `(N, 81)` uint8, each with a solution.
        seeds: `(N,)` uint64, what the symmetries of each are drawn from.
    """
    total = np.zeros(len(puzzles), np.int64)
    _add_wrong_guesses(puzzles, seeds, symmetries, total)
    return total


@compiled
def _add_wrong_guesses(puzzles: np.ndarray, seeds: np.ndarray, symmetries: int, total: np.ndarray) -> None:
    work, state = workspace(), np.empty(1, np.uint64)
    for i in range(len(puzzles)):
        state[0] = seeds[i]
        total[i] = count_guesses(puzzles[i], symmetries, 1, state, work)[0]


@compiled
def count_guesses(puzzle: np.ndarray, symmetries: int, limit: int, state: np.ndarray, work: Work) -> tuple[int, int]:
    """Wrong guesses and all guesses of searches for up to `limit` solutions, summed over random symmetries."""
    turned, solution = np.empty(81, np.uint8), np.empty(81, np.uint8)
    all_wrong = all_guesses = 0
    for _ in range(symmetries):
        turn(puzzle, state, turned)
        _, wrong, guesses = search(turned, solution, limit, work)
        all_wrong += wrong
        all_guesses += guesses
    return all_wrong, all_guesses
