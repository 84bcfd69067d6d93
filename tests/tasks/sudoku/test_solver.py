import numpy as np
import pytest
from pysat.solvers import Minisat22

from loopbench.errors import LoopbenchError
from loopbench.tasks.sudoku.generator import climbed_puzzles, solution_grids
from loopbench.tasks.sudoku.solver import UNITS, solve


class SatOracle:
    """Sudoku as clauses: variable 9 × cell + digit says that the cell holds the digit."""

    def __init__(self) -> None:
        groups = [[9 * cell + digit for digit in range(1, 10)] for cell in range(81)]
        rules = [*groups]
        groups += [[9 * int(cell) + digit for cell in unit] for unit in UNITS for digit in range(1, 10)]
        rules += [[-a, -b] for group in groups for i, a in enumerate(group) for b in group[:i]]
        self.solver = Minisat22(bootstrap_with=rules)
        self.switch = 729

    def solve(self, puzzle: np.ndarray) -> tuple[int, list[int]]:
        """The number of solutions up to two, and the first."""
        self.switch += 1
        assumed = [9 * cell + int(digit) for cell, digit in enumerate(puzzle) if digit] + [self.switch]
        if not self.solver.solve(assumptions=assumed):
            return 0, [0] * 81
        chosen = [literal for literal in self.solver.get_model()[:729] if literal > 0]
        self.solver.add_clause([-self.switch] + [-literal for literal in chosen])
        return 1 + self.solver.solve(assumptions=assumed), [(literal - 1) % 9 + 1 for literal in chosen]


def some_puzzles(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Minimal puzzles with their solutions, from those that singles decide to some with a few wrong guesses."""
    numbers = np.arange(count)
    solutions = solution_grids(5, numbers, test_side=False)
    return climbed_puzzles(solutions, 5, numbers, (0.0, 15.0), steps=4), solutions


def test_a_sat_solver_finds_the_same_in_puzzles_with_no_one_and_more_solutions() -> None:
    """Minimal puzzles as they are, with a clue changed, with a clue less and with three less."""
    minimal, _ = some_puzzles(500)
    rng = np.random.default_rng(0)
    changed, less, three_less = minimal.copy(), minimal.copy(), minimal.copy()
    for row in range(len(minimal)):
        clues = rng.permutation(np.flatnonzero(minimal[row]))
        changed[row, clues[0]] = changed[row, clues[0]] % 9 + 1
        less[row, clues[0]] = 0
        three_less[row, clues[:3]] = 0
    puzzles = np.concatenate([minimal, changed, less, three_less])
    solved, oracle = solve(puzzles), SatOracle()
    for row, puzzle in enumerate(puzzles):
        count, solution = oracle.solve(puzzle)
        assert solved.count[row] == count
        if count == 1:
            assert solved.solutions[row].tolist() == solution
    assert np.bincount(solved.count).min() >= 200
    assert (solved.count[:500] == 1).all()
    assert (solved.count[1000:] == 2).all(), "a minimal puzzle loses its uniqueness with any clue"


def test_a_first_solution_is_given_where_there_are_more() -> None:
    solved = solve(np.zeros((1, 81), np.uint8))
    assert solved.count.tolist() == [2]
    assert all(sorted(solved.solutions[0][unit]) == list(range(1, 10)) for unit in UNITS)


def test_contradictory_givens_have_no_solution_and_need_no_guess() -> None:
    puzzles = np.zeros((4, 81), np.uint8)
    puzzles[0, [0, 8]] = 5  # twice in a row
    puzzles[1, :9] = [1, 2, 3, 4, 5, 6, 7, 8, 0]
    puzzles[1, 17] = 9  # no digit for the last cell of the first row
    puzzles[2, :9] = [1, 2, 3, 4, 5, 6, 0, 0, 0]
    puzzles[2, 15] = 9  # no cell for the 9 of the first row, though each has candidates
    puzzles[3, :9] = [1, 2, 3, 4, 5, 6, 0, 0, 0]
    puzzles[3, [33, 61]] = 9  # one cell is left for it
    solved = solve(puzzles)
    assert solved.count.tolist() == [0, 0, 0, 2]
    assert solved.singles.tolist() == [True, True, True, False]
    assert not solved.guesses[:3].any()
    assert not solved.solutions[:3].any()
    assert solved.solutions[3, 8] == 9


def plain_search(puzzle: list[int]) -> tuple[int, int, bool]:
    """The definition, written out a second time: solutions up to two, wrong guesses, whether singles sufficed."""
    found, wrong, guessed = 0, 0, False

    def closure(cells: list[set[int]]) -> bool:
        changed = True
        while changed:
            changed = False
            for unit in UNITS.tolist():
                for cell in unit:
                    if len(cells[cell]) == 1:
                        for other in unit:
                            if other != cell and cells[cell] <= cells[other]:
                                cells[other] -= cells[cell]
                                changed = True
                for digit in range(1, 10):
                    places = [cell for cell in unit if digit in cells[cell]]
                    if not places:
                        return False
                    if len(places) == 1 and len(cells[places[0]]) > 1:
                        cells[places[0]] = {digit}
                        changed = True
            if not all(cells):
                return False
        return True

    def search(cells: list[set[int]]) -> None:
        nonlocal found, wrong, guessed
        while closure(cells) and found < 2:
            open_cells = [cell for cell in range(81) if len(cells[cell]) > 1]
            if not open_cells:
                found += 1
                return
            guessed = True
            cell = min(open_cells, key=lambda cell: len(cells[cell]))
            value = min(cells[cell])
            below = [set(values) for values in cells]
            below[cell] = {value}
            search(below)
            wrong += not found
            cells[cell].discard(value)

    search([{digit} if digit else set(range(1, 10)) for digit in puzzle])
    return found, wrong, not guessed


def test_guesses_are_counted_by_the_definition() -> None:
    puzzles, _ = some_puzzles(40)
    solved = solve(puzzles)
    for row, puzzle in enumerate(puzzles.tolist()):
        assert (solved.count[row], solved.guesses[row], solved.singles[row]) == plain_search(puzzle)
    assert solved.singles.any()
    assert solved.guesses.max() > 3


@pytest.mark.parametrize(
    ("grids", "message"),
    [
        (np.zeros((2, 9, 9), np.uint8), r"shape \(N, 81\), not uint8 \(2, 9, 9\)"),
        (np.zeros((2, 81), np.int64), "not int64"),
        (np.full((2, 81), 10, np.uint8), "digits from 0 to 9, not 10"),
    ],
)
def test_other_arrays_are_refused(grids: np.ndarray, message: str) -> None:
    with pytest.raises(LoopbenchError, match=message):
        solve(grids)


def test_any_layout_is_solved_and_left_as_it_is() -> None:
    puzzles, solutions = some_puzzles(3)
    awkward = np.asfortranarray(puzzles)
    awkward.setflags(write=False)
    assert (solve(awkward).solutions == solutions).all()
    assert (awkward == puzzles).all()
    assert len(solve(puzzles[:0]).count) == 0
