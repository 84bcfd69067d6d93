import numpy as np
import pytest
from definitions import given, singles, struck_out

from loopbench.errors import LoopbenchError
from loopbench.tasks.sudoku.elementary import count_eliminations
from loopbench.tasks.sudoku.generator import climbed_puzzles, solution_grids
from loopbench.tasks.sudoku.solver import solve
from loopbench.tasks.sudoku.symmetry import random_symmetries
from loopbench.tasks.sudoku.tiers import load_tier

PUZZLES = np.concatenate([load_tier(name).puzzles[:12] for name in ("easy", "medium", "hard", "extreme")])


def test_what_is_counted_is_what_the_definitions_strike_out() -> None:
    found = [struck_out(singles(given(puzzle))) for puzzle in PUZZLES]
    assert count_eliminations(PUZZLES).tolist() == [len(struck) for struck in found]
    assert len({len(struck) for struck in found}) > 10
    for struck, solution in zip(found, solve(PUZZLES).solutions, strict=True):
        assert all(solution[cell] != digit for cell, digit in struck)


def test_symmetries_leave_the_number_as_it_is() -> None:
    for seed in range(3):
        turned = random_symmetries(PUZZLES, seed)
        assert (count_eliminations(turned) == count_eliminations(PUZZLES)).all()


def test_a_stubborn_climb_leaves_them_nothing_and_is_still_a_climb() -> None:
    numbers = np.arange(24)
    solutions = solution_grids(3, numbers, test_side=False)
    start, plain, stubborn = (
        climbed_puzzles(solutions, 3, numbers, (6.0, 6.0), steps, stubborn)
        for steps, stubborn in ((0, False), (500, False), (500, True))
    )
    assert (solve(stubborn).count == 1).all()
    assert (solve(stubborn).solutions == solutions).all()
    assert (count_eliminations(plain) == 0).mean() < 0.2
    assert (count_eliminations(stubborn) == 0).mean() > 0.7
    assert solve(stubborn).guesses.mean() > 3 * solve(start).guesses.mean()


def test_other_arrays_and_contradictions_are_refused() -> None:
    with pytest.raises(LoopbenchError, match="uint8 array of shape"):
        count_eliminations(np.zeros((1, 9, 9), np.uint8))
    twice, empty = PUZZLES[0].copy(), np.zeros(81, np.uint8)
    twice[[0, 1]] = 5
    empty[:8], empty[17] = range(1, 9), 9  # nothing is left for the last cell of the first row
    for bad in (twice, empty):
        for number, puzzles in ((0, [bad, PUZZLES[0]]), (1, [PUZZLES[0], bad])):
            with pytest.raises(LoopbenchError, match=f"puzzle number {number} contradicts itself"):
                count_eliminations(np.array(puzzles))
