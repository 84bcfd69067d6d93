"""The elementary techniques that come after singles, and what they strike out where singles find nothing more.

Locked candidates: a digit whose places in a box are all on one line goes from the rest of that line (pointing), and one
whose places on a line are all in one box goes from the rest of that box (claiming). Subsets: where k cells of a unit
have k candidates among them (naked), these go from its other open cells; where k digits have k places left (hidden),
the other open cells are such a subset, so that going through all sizes finds both.
(https://hodoku.sourceforge.net/en/tech_intersections.php, …/tech_naked.php, …/tech_hidden.php)
"""

import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.tasks.compiled import compiled
from loopbench.tasks.sudoku.solver import BITS, UNITS, begin, checked_grids, workspace

Scratch = tuple[np.ndarray, np.ndarray, np.ndarray]


def _crossings() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cells that a line and a box share, `(54, 3)`, and the others of the line and of the box, `(54, 6)` each."""
    pairs = [(set(line), set(box)) for line in UNITS[:18].tolist() for box in UNITS[18:].tolist()]
    pairs = [(line, box) for line, box in pairs if line & box]
    parts = zip(*((sorted(line & box), sorted(line - box), sorted(box - line)) for line, box in pairs), strict=True)
    shared, in_line, in_box = (np.array(part, np.uint8) for part in parts)
    return shared, in_line, in_box


SHARED, IN_LINE, IN_BOX = _crossings()


def count_eliminations(puzzles: np.ndarray) -> np.ndarray:
    """`(N,)` int64: how many candidates one round of the elementary techniques strikes out after the last single.

    A puzzle that singles do not solve is stubborn where it is 0. All symmetries of a puzzle have the same number.

    Args:
        puzzles: `(N, 81)` uint8.

    Raises:
        LoopbenchError: not such an array, or a puzzle in which singles lead to a contradiction.
    """
    puzzles = checked_grids(puzzles)
    counts = np.full(len(puzzles), -1)
    _count_all(puzzles, counts)
    if (counts < 0).any():
        raise LoopbenchError(f"puzzle number {np.flatnonzero(counts < 0)[0]} contradicts itself")
    return counts


@compiled
def _count_all(puzzles: np.ndarray, counts: np.ndarray) -> None:
    (candidates, placed, _, stack), scratch = workspace(), elementary_scratch()
    for i in range(len(puzzles)):
        if begin(puzzles[i], candidates[0], placed[0], stack):
            counts[i] = count_struck(candidates[0], scratch)


@compiled
def elementary_scratch() -> Scratch:
    """Room for what is struck out of each cell, a unit's open cells, and the candidates of each of their sets."""
    return np.empty(81, np.uint16), np.empty(9, np.uint8), np.empty(512, np.uint16)


@compiled
def count_struck(candidates: np.ndarray, scratch: Scratch) -> int:
    """How many of the candidates of the cells, `(81,)` uint16, one round strikes out; it leaves them as they are."""
    struck = scratch[0]
    struck[:] = 0
    _lock(candidates, struck)
    for unit in UNITS:
        _find_subsets(candidates, unit, scratch)
    count = 0
    for cell in range(81):
        count += int(BITS[candidates[cell] & struck[cell]])
    return count


@compiled
def _lock(candidates: np.ndarray, struck: np.ndarray) -> None:
    for i in range(len(SHARED)):
        shared = line = box = 0
        for cell in SHARED[i]:
            shared |= candidates[cell]
        for cell in IN_LINE[i]:
            line |= candidates[cell]
        for cell in IN_BOX[i]:
            box |= candidates[cell]
        for cell in IN_LINE[i]:
            struck[cell] |= shared & ~box
        for cell in IN_BOX[i]:
            struck[cell] |= shared & ~line


@compiled
def _find_subsets(candidates: np.ndarray, unit: np.ndarray, scratch: Scratch) -> None:
    struck, open_, among = scratch
    count = 0
    for cell in unit:
        if BITS[candidates[cell]] > 1:
            open_[count] = cell
            count += 1
    among[0] = 0
    for i in range(count):
        for cells in range(1 << i):
            among[1 << i | cells] = among[cells] | candidates[open_[i]]
    for cells in range(1, (1 << count) - 1):
        if BITS[among[cells]] == BITS[cells]:
            for i in range(count):
                if not cells >> i & 1:
                    struck[open_[i]] |= among[cells]
