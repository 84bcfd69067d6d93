import numpy as np
import pytest
from definitions import Grid, contradicts, given, singles, struck_out

from loopbench.errors import LoopbenchError
from loopbench.tasks.sudoku.suppositions import reach
from loopbench.tasks.sudoku.symmetry import random_symmetries
from loopbench.tasks.sudoku.tiers import load_tier

EXTREME = load_tier("extreme").puzzles[:40]
LITTLE = "001000008000600020090300400005800070000200001200076300109002050007080000040009000"
"""Of less reach than any of the tier, as the hardest known are."""


def defined_reach(puzzle: np.ndarray) -> float:
    """By the definition."""
    start = singles(given(puzzle))
    total = count_open(start)
    shares: list[float] = []
    for cell in range(81):
        for digit in start[cell] if len(start[cell]) > 1 else ():
            grid: Grid = singles([*start[:cell], {digit}, *start[cell + 1 :]])
            while not contradicts(grid) and (struck := struck_out(grid)):
                grid = singles([grid[at] - {other for place, other in struck if place == at} for at in range(81)])
            shares.append(1 if contradicts(grid) else 1 - count_open(grid) / total)
    return float(np.mean(shares)) if shares else 1.0


def count_open(grid: Grid) -> int:
    return sum(len(cell) - 1 for cell in grid)


def test_it_is_what_the_definition_says() -> None:
    least, middle = (EXTREME[reach(EXTREME).argsort()[rank]] for rank in (0, 20))
    little = np.array([int(cell) for cell in LITTLE], np.uint8)
    puzzles = np.array([little, least, middle, load_tier("hard").puzzles[0], load_tier("easy").puzzles[0]])
    found = reach(puzzles)
    assert found == pytest.approx([defined_reach(puzzle) for puzzle in puzzles], abs=1e-12)
    assert found[0] < 0.2 < found[1] < found[2] < found[3] < found[4] == 1  # singles leave nothing open of the last


def test_symmetries_leave_it_as_it_is() -> None:
    assert len(set(reach(EXTREME).tolist())) == len(EXTREME)
    for seed in range(3):
        assert (reach(random_symmetries(EXTREME, seed)) == reach(EXTREME)).all()


def test_other_arrays_and_contradictions_are_refused() -> None:
    twice = EXTREME[0].copy()
    twice[[0, 1]] = 5
    with pytest.raises(LoopbenchError, match="puzzle number 1 contradicts itself"):
        reach(np.array([EXTREME[0], twice]))
    with pytest.raises(LoopbenchError, match=r"shape \(N, 81\)"):
        reach(np.zeros((1, 80), np.uint8))
