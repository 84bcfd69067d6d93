import numpy as np
import pytest

from loopbench.errors import LoopbenchError
from loopbench.tasks.sudoku.canonical import is_test_side
from loopbench.tasks.sudoku.generator import climbed_puzzles, eased_puzzles, solution_grids, training_puzzles
from loopbench.tasks.sudoku.rating import rate
from loopbench.tasks.sudoku.solver import UNITS, solve

NUMBERS = np.arange(40)
SOLUTIONS = solution_grids(3, NUMBERS, test_side=False)


def check(puzzles: np.ndarray, solutions: np.ndarray) -> None:
    solved = solve(puzzles)
    assert (solved.count == 1).all()
    assert (solved.solutions == solutions).all()


@pytest.mark.parametrize("test_side", [False, True])
def test_solution_grids_are_valid_all_different_and_on_the_side_asked_for(test_side: bool) -> None:
    grids = solution_grids(3, NUMBERS, test_side)
    assert (np.sort(grids[:, UNITS], axis=2) == np.arange(1, 10)).all()
    assert len(np.unique(grids, axis=0)) == len(NUMBERS)
    assert (is_test_side(grids) == test_side).all()


def test_training_puzzles_have_one_solution_off_the_test_side_and_are_as_easy_as_asked_for() -> None:
    for max_rating in (0.0, 2.0):
        made = training_puzzles(400, seed=1, max_rating=max_rating)
        check(made.puzzles, made.solutions)
        assert not is_test_side(made.solutions).any()
        solved = solve(made.puzzles)
        assert solved.singles.all() == (max_rating == 0)
        assert solved.guesses.mean() <= max_rating
        clues = (made.puzzles > 0).sum(1)
        assert clues.min() < 27
        assert clues.max() > 40
        assert len(np.unique(made.puzzles, axis=0)) == 400


def test_a_puzzle_depends_on_its_seed_and_number_alone() -> None:
    whole, part = training_puzzles(30, seed=4), training_puzzles(7, seed=4, first=13)
    assert (part.puzzles == whole.puzzles[13:20]).all()
    assert (part.solutions == whole.solutions[13:20]).all()
    assert (training_puzzles(30, seed=5).solutions != whole.solutions).any(1).all()
    assert (
        eased_puzzles(SOLUTIONS[5:], 3, NUMBERS[5:], (17, 40)) == eased_puzzles(SOLUTIONS, 3, NUMBERS, (17, 40))[5:]
    ).all()
    for stubborn in (False, True):
        climbs = [climbed_puzzles(SOLUTIONS[i:], 3, NUMBERS[i:], (0.0, 20.0), 10, stubborn) for i in (0, 5)]
        assert (climbs[0][5:] == climbs[1]).all()
    assert training_puzzles(0, seed=4).puzzles.shape == (0, 81)


@pytest.mark.parametrize("arguments", [{"count": -1}, {"first": -1}, {"max_rating": -0.5}])
def test_impossible_training_puzzles_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(LoopbenchError, match="0 or more"):
        training_puzzles(**{"count": 1, "seed": 0, **arguments})


def test_climbing_makes_minimal_puzzles_that_are_harder() -> None:
    start, top = (climbed_puzzles(SOLUTIONS, 3, NUMBERS, (100.0, 100.0), steps) for steps in (0, 100))
    for puzzles in (start, top):
        check(puzzles, SOLUTIONS)
    assert solve(top).guesses.mean() > 3 * solve(start).guesses.mean()
    for puzzle in top[:5]:
        less = np.repeat(puzzle[None], 81, axis=0)
        less[np.arange(81), np.arange(81)] = 0
        assert (solve(less).count[puzzle > 0] == 2).all()


def test_a_climb_stops_at_its_target() -> None:
    low, longer, high = (
        climbed_puzzles(SOLUTIONS, 3, NUMBERS, (target, target), steps)
        for target, steps in ((4.0, 60), (4.0, 120), (20.0, 120))
    )
    assert (low == longer).all(1).mean() > 0.8
    assert rate(low).mean() < rate(high).mean() < 20


def test_eased_puzzles_get_the_clues_asked_for() -> None:
    eased = eased_puzzles(SOLUTIONS, 3, NUMBERS, (40, 50))
    check(eased, SOLUTIONS)
    clues = (eased > 0).sum(1)
    assert clues.min() >= 40
    assert clues.max() <= 50
    assert solve(eased).singles.all()
