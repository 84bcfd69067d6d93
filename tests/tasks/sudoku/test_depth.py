"""T&E-depth against its definition, written down with sets."""

import numpy as np
import pytest

from loopbench.errors import LoopbenchError
from loopbench.tasks.sudoku.depth import is_shallow
from loopbench.tasks.sudoku.solver import PEERS, UNITS
from loopbench.tasks.sudoku.symmetry import random_symmetries
from loopbench.tasks.sudoku.tiers import load_tier

DEEP = (
    "850000060007000005403080900200030000304100000080490000000008300500000070931000040",
    "800000400650070020000080030000003080000000000009040673010060090006000800308094000",
)
"""Found by a search for puzzles in which few suppositions are refuted."""

Grid = list[set[int]]


def grids(*puzzles: str) -> np.ndarray:
    return np.array([[int(cell) for cell in puzzle] for puzzle in puzzles], np.uint8)


def singles(grid: Grid) -> Grid | None:
    """What singles lead to; `None` where that is a contradiction."""
    grid = [set(cell) for cell in grid]
    while True:
        before = [set(cell) for cell in grid]
        for cell, peers in enumerate(PEERS.tolist()):
            for peer in peers:
                if len(grid[peer]) == 1:
                    grid[cell] -= grid[peer]
        for unit in UNITS.tolist():
            for digit in range(1, 10):
                places = [cell for cell in unit if digit in grid[cell]]
                if not places:
                    return None
                if len(places) == 1:
                    grid[places[0]] = {digit}
        if not all(grid):
            return None
        if grid == before:
            return grid


def falls(puzzle: np.ndarray) -> bool:
    grid = singles([{digit} if digit else set(range(1, 10)) for digit in puzzle.tolist()])
    while grid is not None:
        candidates = [(cell, digit) for cell in range(81) if len(grid[cell]) > 1 for digit in sorted(grid[cell])]
        for at, digit in candidates:
            if singles([*grid[:at], {digit}, *grid[at + 1 :]]) is None:
                grid = singles([*grid[:at], grid[at] - {digit}, *grid[at + 1 :]])
                break
        else:
            return all(len(cell) == 1 for cell in grid)
    raise AssertionError("a contradiction")


def test_depth_is_that_of_the_definition() -> None:
    shallow = [load_tier(tier).puzzles[i] for tier in ("easy", "hard", "extreme") for i in range(2)]
    puzzles = np.concatenate([np.array(shallow), grids(*DEEP)])
    found = is_shallow(puzzles)
    assert found.tolist() == [falls(puzzle) for puzzle in puzzles] == [True] * 6 + [False] * 2


def test_all_symmetries_of_a_puzzle_have_one_depth() -> None:
    puzzles = np.concatenate([load_tier("extreme").puzzles[:20], grids(*DEEP)])
    turned = random_symmetries(puzzles, 7)
    assert (turned != puzzles).any(1).all()
    assert (is_shallow(turned) == is_shallow(puzzles)).all()


def test_what_has_no_depth_is_refused() -> None:
    twice = grids("55" + "0" * 79)
    with pytest.raises(LoopbenchError, match="puzzle number 1 contradicts itself"):
        is_shallow(np.concatenate([grids(DEEP[0]), twice]))
    with pytest.raises(LoopbenchError, match=r"shape \(N, 81\)"):
        is_shallow(np.zeros((1, 80), np.uint8))
