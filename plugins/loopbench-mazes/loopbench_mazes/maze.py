"""Perfect mazes: every two squares that are free are joined by exactly one path.

A maze of odd side n has ((n + 1)/2)² rooms, on the even rows and columns; the squares between two rooms are a wall or a
door. Rooms are numbered row by row. Many mazes are made at once, each step being one step of all.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

WALL, FREE, START, GOAL = range(4)

Grid = NDArray[np.int64]
Flags = NDArray[np.bool_]
MOVES: Grid = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])  # up, down, left, right


def random_numbers_needed(side: int) -> int:
    """How many random numbers one maze of that side is made of."""
    return 2 * ((side + 1) // 2) ** 2


def make_mazes(side: int, random: Grid) -> tuple[Grid, Flags]:
    """Mazes and their shortest paths.

    A depth-first walk from a random room opens a door to a random new room beside it, and goes back where there is
    none. Start and goal are two random rooms.

    Args:
        side: odd, at least 3.
        random: `(B, random_numbers_needed(side))` numbers from 0 to 65535; each row makes a maze, whatever the others.

    Returns:
        `(B, side, side)` symbols, and whether each square is on the path from start to goal, both ends included.
    """
    per_side = (side + 1) // 2
    rooms = per_side**2
    root, start, goal = (_scaled(random[:, i], bound) for i, bound in enumerate((rooms, rooms, rooms - 1)))
    goal += goal >= start
    entered = _walk(per_side, root, random[:, 3:])
    boards = np.full((len(root), side, side), WALL)
    boards[:, ::2, ::2] = FREE
    _draw(boards, entered, entered >= 0, FREE)
    on_path = np.zeros(boards.shape, dtype=bool)
    _draw(on_path, entered, _way(entered, start) ^ _way(entered, goal), True)
    for room, symbol in ((start, START), (goal, GOAL)):
        row, column = np.divmod(room, per_side)
        boards[np.arange(len(boards)), 2 * row, 2 * column] = symbol
    return boards, on_path


def _walk(per_side: int, root: Grid, random: Grid) -> Grid:
    """`(B, rooms)`: the room that each room was entered from, the root from itself."""
    rooms = per_side**2
    everyone = np.arange(len(root))
    entered = np.full((len(root), rooms), -1)
    entered[everyone, root] = root
    here = root
    for step in range(2 * rooms - 3):  # into each room but the root, and back from each but root and last
        row, column = (place[:, None] + move for place, move in zip(np.divmod(here, per_side), MOVES.T, strict=True))
        inside = (row >= 0) & (row < per_side) & (column >= 0) & (column < per_side)
        beside = np.where(inside, row * per_side + column, 0)
        new = inside & (np.take_along_axis(entered, beside, 1) < 0)
        drawn = _scaled(random[:, step], new.sum(1))
        there = beside[everyone, (new.cumsum(1) > drawn[:, None]).argmax(1)]  # new number `drawn`
        on = new.any(1)
        entered[everyone[on], there[on]] = here[on]
        here = np.where(on, there, entered[everyone, here])
    return entered


def _way(entered: Grid, room: Grid) -> Flags:
    """`(B, rooms)`: whether the way from a room back to the root leads through each, both ends included."""
    everyone = np.arange(len(entered))
    way = np.zeros(entered.shape, dtype=bool)
    while not way[everyone, room].all():
        way[everyone, room] = True
        room = entered[everyone, room]
    return way


def _draw(boards: NDArray[Any], entered: Grid, rooms: Flags, value: int | bool) -> None:
    """Set the squares of some `(B, rooms)`, of those they were entered from, and of the doors between."""
    maze, room = rooms.nonzero()
    here, there = (np.divmod(place, (boards.shape[1] + 1) // 2) for place in (room, entered[maze, room]))
    for one, other in ((here, here), (here, there), (there, there)):
        boards[maze, one[0] + other[0], one[1] + other[1]] = value


def _scaled(random: Grid, bound: int | Grid) -> Grid:
    """Numbers from 0 to `bound` − 1, of numbers from 0 to 65535."""
    return random * bound >> 16
