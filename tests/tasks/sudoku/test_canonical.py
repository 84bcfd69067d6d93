import hashlib
import itertools

import numpy as np

from loopbench.tasks.sudoku.canonical import canonical, is_test_side
from loopbench.tasks.sudoku.generator import climbed_puzzles, eased_puzzles, solution_grids
from loopbench.tasks.sudoku.rating import rate
from loopbench.tasks.sudoku.solver import solve
from loopbench.tasks.sudoku.symmetry import random_symmetries

NUMBERS = np.arange(150)
SOLUTIONS = solution_grids(1, NUMBERS, test_side=False)
MINIMAL = climbed_puzzles(SOLUTIONS, 1, NUMBERS, (0.0, 6.0), steps=10)
EASED = eased_puzzles(SOLUTIONS, 1, NUMBERS, (17, 60))


def relabelled(rows: list[list[int]]) -> list[int]:
    """The rows in a row, digits renamed in the order of their first appearance."""
    labels = {0: 0}
    return [labels.setdefault(digit, len(labels)) for row in rows for digit in row]


def plain_canonical(grid: np.ndarray) -> list[int]:
    """The definition for one grid: the least over all 2 × 6⁸ arrangements, for each the digits renamed at their best.

    Bands are tried one after the other, so that not all of it need be gone through: the least begins with the least.
    """
    lines = list(itertools.permutations(range(3)))
    orders = [
        [3 * band + line for band, inner in zip(outer, inners, strict=True) for line in inner]
        for outer in lines
        for inners in itertools.product(lines, repeat=3)
    ]
    candidates = [
        (side[:, columns].tolist(), [row])
        for side in (grid.reshape(9, 9), grid.reshape(9, 9).T)
        for columns in orders
        for row in range(9)
    ]
    while True:
        keyed = [(relabelled([turned[row] for row in order]), turned, order) for turned, order in candidates]
        least = min(key for key, _, _ in keyed)
        if len(least) == 81:
            return least
        best = [(turned, order) for key, turned, order in keyed if key == least]
        candidates = [(turned, [*order, row]) for turned, order in best for row in followers(order)]


def followers(order: list[int]) -> list[int]:
    """The rows that can come next: of the band begun, or of any new one."""
    unused = [row for row in range(9) if row not in order]
    if len(order) % 3:
        return [row for row in unused if row // 3 == order[-1] // 3]
    return [row for row in unused if row // 3 not in {other // 3 for other in order}]


def test_the_canonical_form_is_the_least_of_the_orbit() -> None:
    grids = np.concatenate([SOLUTIONS[:1], MINIMAL[:2], EASED[:1]])
    assert [plain_canonical(grid) for grid in grids] == canonical(grids).tolist()


def test_symmetries_leave_form_side_and_rating_unchanged() -> None:
    for seed, grids in enumerate((SOLUTIONS, MINIMAL, EASED)):
        turned = random_symmetries(grids, seed)
        assert (turned != grids).any(1).all()
        assert (canonical(turned) == canonical(grids)).all()
    some = solution_grids(1, NUMBERS[:20], test_side=True)
    grids = np.concatenate([some, SOLUTIONS[:20]])
    assert (
        is_test_side(grids).tolist() == is_test_side(random_symmetries(grids, 9)).tolist() == [True] * 20 + [False] * 20
    )
    assert (rate(MINIMAL) == rate(random_symmetries(MINIMAL, 3))).all()


def test_the_canonical_form_is_one_of_the_orbit() -> None:
    """It keeps what symmetries keep, and is its own canonical form."""
    forms = canonical(MINIMAL)
    assert (canonical(forms) == forms).all()
    assert ((forms > 0).sum(1) == (MINIMAL > 0).sum(1)).all()
    assert (canonical(solve(forms).solutions) == canonical(SOLUTIONS)).all()


def test_different_puzzles_have_different_forms() -> None:
    assert len(np.unique(canonical(np.concatenate([MINIMAL, SOLUTIONS])), axis=0)) == 300
    other = SOLUTIONS[0].copy()
    other[[0, 40]] = 0
    another = SOLUTIONS[0].copy()
    another[[0, 1]] = 0
    assert (canonical(other[None]) != canonical(another[None])).any()


def test_the_side_is_the_hash_of_the_canonical_grid_modulo_64() -> None:
    grids = np.concatenate([solution_grids(4, NUMBERS[:20], test_side=side) for side in (False, True)])
    hashes = [int.from_bytes(hashlib.sha256(form.tobytes()).digest()) for form in canonical(grids)]
    assert is_test_side(grids).tolist() == [number % 64 == 0 for number in hashes] == [False] * 20 + [True] * 20
