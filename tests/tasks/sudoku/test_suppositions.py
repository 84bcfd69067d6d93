import numpy as np
import pytest
from definitions import Grid, contradicts, given, singles, struck_out

from loopbench.errors import LoopbenchError
from loopbench.tasks.sudoku.solver import solve
from loopbench.tasks.sudoku.suppositions import count_refuted
from loopbench.tasks.sudoku.symmetry import random_symmetries
from loopbench.tasks.sudoku.tiers import load_tier

EXTREME = load_tier("extreme").puzzles[:40]


def refuted(puzzle: np.ndarray) -> set[tuple[int, int]]:
    """(cell, digit), by the definition."""
    start = singles(given(puzzle))
    found: set[tuple[int, int]] = set()
    for cell in range(81):
        for digit in start[cell] if len(start[cell]) > 1 else ():
            grid: Grid = singles([*start[:cell], {digit}, *start[cell + 1 :]])
            while not contradicts(grid) and (struck := struck_out(grid)):
                grid = singles([grid[at] - {other for place, other in struck if place == at} for at in range(81)])
            if contradicts(grid):
                found.add((cell, digit))
    return found


def test_what_is_counted_is_what_the_definition_refutes() -> None:
    few, some = (EXTREME[count_refuted(EXTREME).argsort()[rank]] for rank in (0, 20))
    hard = load_tier("hard").puzzles[0]
    puzzles = np.array([few, some, hard, load_tier("easy").puzzles[0]])
    found = [refuted(puzzle) for puzzle in puzzles]
    assert count_refuted(puzzles).tolist() == [len(wrong) for wrong in found]
    assert [bool(wrong) for wrong in found] == [True, True, True, False]  # singles leave no candidate of the last
    for wrong, solution in zip(found, solve(puzzles).solutions, strict=True):
        assert all(solution[cell] != digit for cell, digit in wrong)


def test_symmetries_leave_the_number_as_it_is() -> None:
    assert len(set(count_refuted(EXTREME).tolist())) > 20
    for seed in range(3):
        assert (count_refuted(random_symmetries(EXTREME, seed)) == count_refuted(EXTREME)).all()


def test_other_arrays_and_contradictions_are_refused() -> None:
    twice = EXTREME[0].copy()
    twice[[0, 1]] = 5
    with pytest.raises(LoopbenchError, match="puzzle number 1 contradicts itself"):
        count_refuted(np.array([EXTREME[0], twice]))
    with pytest.raises(LoopbenchError, match=r"shape \(N, 81\)"):
        count_refuted(np.zeros((1, 80), np.uint8))
