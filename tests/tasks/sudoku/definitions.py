"""Singles and the elementary techniques by their definitions, with sets."""

from itertools import combinations

import numpy as np

from loopbench.tasks.sudoku.solver import PEERS, UNITS

LINES, BOXES = ([set(unit) for unit in units] for units in (UNITS[:18].tolist(), UNITS[18:].tolist()))
Grid = list[set[int]]


def given(puzzle: np.ndarray) -> Grid:
    """The candidates of each cell before anything follows."""
    return [{digit} if digit else set(range(1, 10)) for digit in puzzle.tolist()]


def singles(grid: Grid) -> Grid:
    """What singles lead to; where it is a contradiction, some cell has no candidate left, or a digit no place."""
    grid = [set(cell) for cell in grid]
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


def contradicts(grid: Grid) -> bool:
    return not all(grid) or any(set().union(*(grid[cell] for cell in unit)) != set(range(1, 10)) for unit in UNITS)


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
