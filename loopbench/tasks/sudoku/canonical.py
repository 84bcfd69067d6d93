"""The canonical form: the least grid, read as 81 digits, that the symmetry group turns a grid into.

The first row of the least grid is known from the clues in each stack of a row: fewest first, blanks before clues, and
digits in the order 1, 2, 3, …. Every way to get it is followed, row by row, as long as it is not above the best grid
so far.
"""

import hashlib
from itertools import permutations

import numpy as np

from loopbench.tasks.compiled import compiled
from loopbench.tasks.sudoku.solver import checked_grids

TEST_SHARE = 64
"""One in so many solution grids is on the test side."""


def _column_orders() -> np.ndarray:
    """`(1296, 9)`: the column at every place, for each order of stacks and of columns in a stack."""
    triples = np.array(list(permutations(range(3))))
    stacks, *inner = np.indices((6, 6, 6, 6)).reshape(4, -1)
    within = np.stack([triples[i] for i in inner], axis=1)
    return (3 * triples[stacks][:, :, None] + within).reshape(-1, 9).astype(np.uint8)


COLUMNS = _column_orders()
PLACES = COLUMNS.argsort(1).astype(np.uint8)


def canonical(grids: np.ndarray) -> np.ndarray:
    """The least forms of `(N, 81)` uint8 grids, full or with blanks (0), no digit twice in a unit.

    Raises:
        LoopbenchError: not such an array.
    """
    grids = checked_grids(grids)
    least = np.empty_like(grids)
    _canonical_all(grids, least)
    return least


def is_test_side(solutions: np.ndarray) -> np.ndarray:
    """Which of `(N, 81)` solution grids belong to the test side: SHA-256 of the canonical form is 0 modulo 64.

    Raises:
        LoopbenchError: not such an array.
    """
    hashes = (hashlib.sha256(grid.tobytes()).digest() for grid in canonical(solutions))
    return np.array([digest[-1] % TEST_SHARE == 0 for digest in hashes], dtype=bool)


@compiled
def _canonical_all(grids: np.ndarray, least: np.ndarray) -> None:
    for i in range(len(grids)):
        _canonical_one(grids[i], least[i])


@compiled
def _canonical_one(grid: np.ndarray, least: np.ndarray) -> None:
    """Write the least form of one grid to `least`."""
    sides = np.empty((2, 9, 9), np.uint8)
    sides[0] = grid.reshape(9, 9)
    sides[1] = sides[0].T
    keys = np.empty((2, 9), np.int64)
    for side in range(2):
        for row in range(9):
            keys[side, row] = _key(sides[side, row])
    key = keys.min()
    first = _first_row(key)
    least[:] = 255
    least[:9] = first
    labels = np.zeros((10, 11), np.uint8)
    order = np.empty(9, np.int64)
    for side in range(2):
        for row in range(9):
            for second in range(row - row % 3, row - row % 3 + 3):
                if keys[side, row] == key and second != row:
                    order[0], order[1] = row, second
                    _begin(sides[side], order, first, labels, least)


@compiled
def _key(row: np.ndarray) -> int:
    """Orders rows by the least first row they can become: the clues in each stack, fewest first, in base 4."""
    clues = np.zeros(3, np.int64)
    for column in range(9):
        clues[column // 3] += row[column] > 0
    clues.sort()
    return 16 * clues[0] + 4 * clues[1] + clues[2]


@compiled
def _first_row(key: int) -> np.ndarray:
    """The least first row of that key: in each stack blanks and then digits, in ascending order throughout."""
    first = np.zeros(9, np.uint8)
    digit = 0
    for place in range(9):
        if place % 3 >= 3 - key // 4 ** (2 - place // 3) % 4:
            digit += 1
            first[place] = digit
    return first


@compiled
def _begin(lines: np.ndarray, order: np.ndarray, first: np.ndarray, labels: np.ndarray, least: np.ndarray) -> None:
    """Begin with rows `order[0]` and `order[1]`, in every order of columns that makes `first` of the first row.

    Most second rows are too much in one of their first places: so this loop looks at nothing else.
    """
    column_of = np.full(10, 9, np.uint8)  # 9 where a digit is not in the first row
    for column in range(9):
        column_of[lines[order[0], column]] = column
    used = np.int64(first.max())
    for k in range(len(COLUMNS)):
        fits = True
        if used < 9:
            for place in range(9):
                fits &= (lines[order[0], COLUMNS[k, place]] > 0) == (first[place] > 0)
        new = used
        for place in range(9):
            digit = lines[order[1], COLUMNS[k, place]]
            label = 0
            if digit and column_of[digit] < 9:
                label = np.int64(first[PLACES[k, column_of[digit]]])
            elif digit:
                new += 1
                label = new
            if label != least[9 + place]:
                fits &= label < least[9 + place]
                break
        if fits:
            for digit in range(1, 10):
                labels[1, digit] = first[PLACES[k, column_of[digit]]] if column_of[digit] < 9 else 0
            labels[1, 10] = used
            _descend(lines, k, order, labels, least)


@compiled
def _descend(lines: np.ndarray, k: int, order: np.ndarray, labels: np.ndarray, least: np.ndarray) -> None:
    """Write row `order[1]` under the first, and all that can follow, wherever that makes less.

    Args:
        labels: `(10, 11)`, for every depth the new digit of each old one in the rows above, 0 where it has none yet,
            and last the number of new digits in use.
    """
    if not _write_row(lines, k, order, 1, labels, least):
        return
    depth = 2
    order[depth] = -1
    while depth > 1:
        order[depth] += 1
        if order[depth] == 9:
            depth -= 1
        elif _may_follow(order, depth) and _write_row(lines, k, order, depth, labels, least) and depth < 8:
            depth += 1
            order[depth] = -1


@compiled
def _may_follow(order: np.ndarray, depth: int) -> bool:
    """Whether row `order[depth]` is a new row of the band begun or the first of a new band."""
    row, begun, may = order[depth], depth - depth % 3, True
    for above in range(depth):
        same_band = order[above] // 3 == row // 3
        may &= same_band == (above >= begun) and order[above] != row
    return may


@compiled
def _write_row(lines: np.ndarray, k: int, order: np.ndarray, depth: int, labels: np.ndarray, least: np.ndarray) -> bool:
    """Write row `order[depth]` under the rows above it if that makes less; False if it makes more."""
    label = labels[depth + 1]
    label[:] = labels[depth]
    less = False
    for place in range(9):
        digit = lines[order[depth], COLUMNS[k, place]]
        if digit and not label[digit]:
            label[10] += 1
            label[digit] = label[10]
        best = least[9 * depth + place]
        if not less and label[digit] > best:
            return False
        if not less and label[digit] < best:
            least[9 * depth + place :] = 255
            less = True
        least[9 * depth + place] = label[digit]
    return True
