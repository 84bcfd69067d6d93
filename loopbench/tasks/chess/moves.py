"""The moves of a position, pseudo-legal: whether they leave the king to be taken is seen when they are played."""

import numpy as np

from loopbench.tasks.chess.position import (
    BISHOP,
    CASTLING,
    CHECK,
    DIAGONAL,
    EN_PASSANT,
    JUMPS,
    KING,
    KNIGHT,
    OFF,
    PAWN,
    QUEEN,
    ROOK,
    SIDE,
    SQUARES,
    STRAIGHT,
    attacked,
)
from loopbench.tasks.compiled import compiled

MOST = 256
"""Room for the moves of a position; none has more than 218."""

STEPS = np.array([*DIAGONAL, *STRAIGHT, *JUMPS])
FIRST = np.array([0, 0, 8, 0, 4, 0, 0], np.uint8)
LAST = np.array([0, 0, 16, 4, 8, 8, 8], np.uint8)
"""By kind, the part of `STEPS` that it takes."""


@compiled
def generate(position: np.ndarray, moves: np.ndarray) -> int:
    """Write the pseudo-legal moves to `moves` and return their number; a promotion to a queen precedes the others."""
    side, count = int(position[SIDE]), 0
    for square in SQUARES:
        start = int(square)
        kind = position[start] * side
        if kind == PAWN:
            count = _pawn_moves(position, start, moves, count)
        elif kind > 0:
            for step in STEPS[FIRST[kind] : LAST[kind]]:
                end = start + step
                while not end & OFF:
                    target = position[end] * side
                    if target > 0:
                        break
                    moves[count] = start | end << 7
                    count += 1
                    if target < 0 or kind in (KING, KNIGHT):
                        break
                    end += step
            if kind == KING and position[CASTLING] and not position[CHECK]:
                count = _castling(position, start, moves, count)
    return count


@compiled
def _pawn_moves(position: np.ndarray, start: int, moves: np.ndarray, count: int) -> int:
    side = int(position[SIDE])
    end = start + 16 * side
    if not position[end]:
        count = _pawn_move(start, end, moves, count)
        if start >> 4 == (1 if side > 0 else 6) and not position[end + 16 * side]:
            moves[count] = start | (end + 16 * side) << 7
            count += 1
    for end in (start + 15 * side, start + 17 * side):
        if not end & OFF and (position[end] * side < 0 or end == position[EN_PASSANT]):
            count = _pawn_move(start, end, moves, count)
    return count


@compiled
def _pawn_move(start: int, end: int, moves: np.ndarray, count: int) -> int:
    if 0 < end >> 4 < 7:
        moves[count] = start | end << 7
        return count + 1
    for kind in (QUEEN, ROOK, BISHOP, KNIGHT):
        moves[count] = start | end << 7 | kind << 14
        count += 1
    return count


@compiled
def _castling(position: np.ndarray, king: int, moves: np.ndarray, count: int) -> int:
    side = int(position[SIDE])
    rights = position[CASTLING] if side > 0 else position[CASTLING] >> 2
    if rights & 1 and not (position[king + 1] or position[king + 2] or attacked(position, king + 1, -side)):
        moves[count] = king | (king + 2) << 7
        count += 1
    if (
        rights & 2
        and not (position[king - 1] or position[king - 2] or position[king - 3])
        and not attacked(position, king - 1, -side)
    ):
        moves[count] = king | (king - 2) << 7
        count += 1
    return count
