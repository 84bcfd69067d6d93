"""What a position is worth to a careless player: pieces, their places, and what can be taken.

Values are in centipawns, all of them integers. A player's zeal is how much it likes its pieces near the other king.
"""

import numpy as np

from loopbench.tasks.chess.position import KINGS, QUEEN, SHIFT, SIDE, SQUARES
from loopbench.tasks.chess.search import COUNT, Work, advance, begin
from loopbench.tasks.compiled import compiled

LEVELS = 8
"""Positions in a row that a player looks at, the one on the board included."""
MATE = 30_000

MATERIAL = np.array([0, 100, 320, 330, 500, 900, 0])
ATTACK = np.array([0, 0, 4, 2, 3, 6, 0])
"""By kind, what a step nearer to the other king is worth to a player with a zeal of 1."""


def _values() -> np.ndarray:
    """`(7, 128)`: by kind and square, what a piece of white is worth there."""
    values = np.zeros((7, 128), np.int64)
    for square in SQUARES.tolist():
        rank, file = square >> 4, square & 7
        ring = max(abs(2 * rank - 7), abs(2 * file - 7)) // 2  # 0 in the middle to 3 at the edge
        central = file in (3, 4)
        bonus = [
            0,
            6 * (rank - 1) + (12 * (rank - 1) if central and rank < 4 else 0),
            16 - 14 * ring,
            12 - 8 * ring,
            4 * central + 15 * (rank == 6),
            2 - ring,
            -14 * min(rank, 4) + (18 if file in (1, 2, 6) else -4 * central),
        ]
        values[:, square] = MATERIAL + np.array(bonus)
    return values


VALUES = _values()
DISTANCE = np.array([max(abs(d + 8 >> 4), abs(((d + 8) & 15) - 8)) for d in range(-SHIFT, SHIFT + 1)])
"""Steps of a king between two squares, by their difference."""


@compiled
def evaluate(position: np.ndarray, zeal: int) -> int:
    """The value of a position for the side to move."""
    value = 0
    for square in SQUARES:
        piece = int(position[square])
        if piece > 0:
            away = DISTANCE[square - position[KINGS - 1] + SHIFT]
            value += VALUES[piece, square] - zeal * ATTACK[piece] * away
        elif piece < 0:
            away = DISTANCE[square - position[KINGS + 1] + SHIFT]
            value -= VALUES[-piece, square ^ 0x70] - zeal * ATTACK[-piece] * away
    return value * position[SIDE]


@compiled
def exchange(work: Work, bound: int, zeal: int) -> int:
    """The value of position 1 for the side that is not to move, if from now on either only captures, or stops.

    Quiescence search with alpha and beta; where the value is not above `bound`, no more than that is said of it.
    """
    positions, moves, counters = work
    bounds = np.empty(LEVELS + 1, np.int64)  # what either side has, by level; the last stands before the first
    bounds[-1], bounds[0], level, entered = -MATE, bound, 1, True
    while level:
        if entered:
            bounds[level] = max(bounds[level - 2], evaluate(positions[level], zeal))
            counters[level, COUNT] = 0
            if level < LEVELS - 1 and bounds[level] < -bounds[level - 1]:
                begin(work, level)
                counters[level, COUNT] = _captures(positions[level], moves[level], counters[level, COUNT])
        entered = bounds[level] < -bounds[level - 1] and advance(work, level, False)
        if entered:
            level += 1
        else:
            level -= 1
            bounds[level] = max(bounds[level], -bounds[level + 1])
    return -bounds[1]


@compiled
def _captures(position: np.ndarray, moves: np.ndarray, count: int) -> int:
    """Put the captures first, those of the greatest victims before others, and return their number."""
    captures = 0
    for i in range(count):
        move = moves[i]
        victim = _gain(position, move)
        if victim:
            place = captures
            moves[i] = moves[captures]
            while place and _gain(position, moves[place - 1]) < victim:
                moves[place] = moves[place - 1]
                place -= 1
            moves[place] = move
            captures += 1
    return captures


@compiled
def _gain(position: np.ndarray, move: int) -> int:
    """The kind of piece that a move captures, a queen if a pawn becomes one, or 0."""
    return QUEEN if move >> 14 == QUEEN else abs(int(position[move >> 7 & 127]))
