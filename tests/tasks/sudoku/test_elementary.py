from itertools import combinations

import numpy as np
import pytest

from loopbench.errors import LoopbenchError
from loopbench.tasks.sudoku.elementary import count_eliminations
from loopbench.tasks.sudoku.generator import climbed_puzzles, solution_grids
from loopbench.tasks.sudoku.solver import PEERS, UNITS, solve
from loopbench.tasks.sudoku.symmetry import random_symmetries
from loopbench.tasks.sudoku.tiers import load_tier

LINES, BOXES = ([set(unit) for unit in units] for units in (UNITS[:18].tolist(), UNITS[18:].tolist()))
Grid = list[set[int]]


def after_singles(puzzle: np.ndarray) -> Grid:
    """The candidates of each cell, by the definition of singles."""
    grid: Grid = [{digit} if digit else set(range(1, 10)) for digit in puzzle.tolist()]
    while True:
        before = [set(cell) for cell in grid]
        for cell, peers in enumerate(PEERS.tolist()):
            for peer in peers:
                if len(grid[peer]) == 1:
                    grid[cell] = grid[cell] - grid[peer]
        for unit in UNITS.tolist():
            for digit in range(1, 10):
                places = [cell for cell in unit if digit in grid[cell]]
                if len(places) == 1:
                    grid[places[0]] = {digit}
        if grid == before:
            return grid


def struck_out(grid: Grid) -> set[tuple[int, int]]:
    """(cell, digit), by the definitions of pointing, claiming, naked and hidden subsets of two to four."""
    struck: set[tuple[int, int]] = set()
    open_ = {cell for cell in range(81) if len(grid[cell]) > 1}
    for line in LINES:
        for box in BOXES:
            for here, there in ((line, box), (box, line)):
                for digit in range(1, 10):
                    places = {cell for cell in here if digit in grid[cell]}
                    if places <= there:
                        struck |= {(cell, digit) for cell in there - here if digit in grid[cell]}
    for unit in UNITS.tolist():
        cells = [cell for cell in unit if cell in open_]
        digits = sorted(set().union(*(grid[cell] for cell in cells)))
        for size in range(2, 5):
            for some in combinations(cells, size):
                among = set().union(*(grid[cell] for cell in some))
                if len(among) == size:
                    struck |= {(cell, digit) for cell in cells if cell not in some for digit in grid[cell] & among}
            for few in combinations(digits, size):
                places = [cell for cell in cells if grid[cell] & set(few)]
                if len(places) == size:
                    struck |= {(cell, digit) for cell in places for digit in grid[cell] - set(few)}
    return struck


PUZZLES = np.concatenate([load_tier(name).puzzles[:12] for name in ("easy", "medium", "hard", "extreme")])


def test_what_is_counted_is_what_the_definitions_strike_out() -> None:
    found = [struck_out(after_singles(puzzle)) for puzzle in PUZZLES]
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
