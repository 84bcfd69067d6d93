"""Positions for compiled search: what attacks a square, and what a move makes of a position.

A position is a row of `WIDTH` int16. Square 16 · rank + file holds a piece's kind as in python-chess, negative where it
is black's, or 0; what is off the board has a bit of `OFF` set, and the difference of two squares tells the way between
them (https://www.chessprogramming.org/0x88). Behind the squares stand the fields named below. Searches keep a stack of
positions, one a level, so that no move is ever taken back. A move is `start | end << 7 | promotion << 14`.

The fifty-move rule and repetitions are not known here.
"""

import chess
import numpy as np

from loopbench.tasks.compiled import compiled

PAWN, KNIGHT, BISHOP, ROOK, QUEEN, KING = chess.PIECE_TYPES
OFF = 0x88
SIDE, CHECK, CASTLING, EN_PASSANT, KINGS, WIDTH = 128, 129, 130, 131, 133, 136
"""The side to move, 1 or −1; whether it is in check; castling rights, a bit each; the square behind a pawn that has
just gone two squares, or −1; and at `KINGS` ± 1 the kings' squares."""

DIAGONAL, STRAIGHT = (-17, -15, 15, 17), (-16, -1, 1, 16)
JUMPS = np.array([-33, -31, -18, -14, 14, 18, 31, 33])
SQUARES = np.array([16 * rank + file for rank in range(8) for file in range(8)], np.uint8)
RIGHTS = {chess.H1: 1, chess.A1: 2, chess.H8: 4, chess.A8: 8}
SHIFT = 119
"""Added to a difference of squares, the index of the tables of differences."""


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """By difference, the step along the line between two squares, or 0, and the kinds that reach one from the other.

    The kinds are a bit each, pieces in between taken away; pawns are left out, since they have a direction.
    """
    steps, reach = np.zeros(2 * SHIFT + 1, np.int16), np.zeros(2 * SHIFT + 1, np.uint8)
    for kind, ways in ((BISHOP, DIAGONAL), (ROOK, STRAIGHT)):
        for step in ways:
            reach[SHIFT + step] |= 1 << KING
            for distance in range(1, 8):
                steps[SHIFT + distance * step] = step
                reach[SHIFT + distance * step] |= 1 << kind | 1 << QUEEN
    reach[SHIFT + JUMPS] |= 1 << KNIGHT
    return steps, reach


STEP, REACH = _tables()


def _kept_rights() -> np.ndarray:
    """By square, the castling rights that are left when a piece leaves or reaches it."""
    kept = np.full(128, 15, np.int16)
    for rook, right in RIGHTS.items():
        for square in (rook, chess.square(4, chess.square_rank(rook))):
            kept[wide(square)] &= ~right
    return kept


def wide(square: chess.Square) -> int:
    """The number of one of python-chess's squares here."""
    return square + (square & ~7)


def narrow(square: int) -> chess.Square:
    """The number of a square in python-chess."""
    return (square + (square & 7)) >> 1


KEPT = _kept_rights()


def read(board: chess.Board, position: np.ndarray) -> None:
    """Write a valid position of python-chess to a row."""
    position[:] = 0
    for square, piece in board.piece_map().items():
        sign = 1 if piece.color == chess.WHITE else -1
        position[wide(square)] = sign * piece.piece_type
        if piece.piece_type == KING:
            position[KINGS + sign] = wide(square)
    position[SIDE] = 1 if board.turn == chess.WHITE else -1
    position[CHECK] = board.is_check()
    rights = board.clean_castling_rights()
    position[CASTLING] = sum(right for rook, right in RIGHTS.items() if rights & chess.BB_SQUARES[rook])
    position[EN_PASSANT] = -1 if board.ep_square is None else wide(board.ep_square)


def to_chess(move: int) -> chess.Move:
    """The move as python-chess knows it."""
    return chess.Move(narrow(move & 127), narrow(move >> 7 & 127), move >> 14 or None)


@compiled
def attacked(position: np.ndarray, square: int, by: int) -> bool:
    """Whether a piece of side `by` attacks a square."""
    for step in JUMPS:
        at = square + step
        if not at & OFF and position[at] * by == KNIGHT:
            return True
    for step in (-17, -16, -15, -1, 1, 15, 16, 17):
        at = square + step
        while not at & OFF:
            piece = position[at] * by
            if piece:
                difference = square - at
                if piece == PAWN:
                    if difference == 15 * by or difference == 17 * by:
                        return True
                elif piece > 0 and REACH[difference + SHIFT] >> piece & 1:
                    return True
                break
            at += step
    return False


@compiled
def opens(position: np.ndarray, king: int, start: int, end: int, by: int) -> bool:
    """Whether a piece that goes from `start` to `end` bares the king to a slider of side `by`."""
    step = STEP[start - king + SHIFT]
    if step == 0 or step == STEP[end - king + SHIFT]:
        return False
    at = king + step
    while at != start:
        if position[at]:
            return False
        at += step
    at += step
    while not at & OFF:
        piece = position[at] * by
        if piece:
            return bool(BISHOP <= piece <= QUEEN and REACH[at - king + SHIFT] >> piece & 1)
        at += step
    return False


@compiled
def may_check(position: np.ndarray, move: int) -> bool:
    """Whether a move could give check, pieces in between taken away."""
    start, end, kind = move & 127, move >> 7 & 127, move >> 14
    side = int(position[SIDE])
    king = int(position[KINGS - side])
    if not kind:
        kind = position[start] * side
    if kind == PAWN:
        difference = king - end
        if difference == 15 * side or difference == 17 * side or end == position[EN_PASSANT]:
            return True
    elif REACH[end - king + SHIFT] >> kind & 1 or (kind == KING and abs(end - start) == 2):
        return True
    return opens(position, king, start, end, side)


@compiled
def play(positions: np.ndarray, level: int, move: int) -> bool:
    """Write what a pseudo-legal move makes of position `level` to `level + 1`; False if the mover's king can be taken.

    In that case what was written is not to be used.
    """
    here, there = positions[level], positions[level + 1]
    start, end, promotion = move & 127, move >> 7 & 127, move >> 14
    side = int(here[SIDE])
    kind = here[start] * side
    there[:] = here
    there[start] = 0
    there[end] = side * promotion if promotion else here[start]
    there[CASTLING] &= KEPT[start] & KEPT[end]
    there[EN_PASSANT] = -1
    there[SIDE] = -side
    exposed = here[CHECK] or kind == KING
    if kind == PAWN:
        if abs(end - start) == 32:
            there[EN_PASSANT] = start + 16 * side
        elif end == here[EN_PASSANT]:
            there[end - 16 * side] = 0
            exposed = True
    elif kind == KING:
        there[KINGS + side] = end
        if end - start == 2:
            there[start + 1], there[start + 3] = there[start + 3], 0
        elif end - start == -2:
            there[start - 1], there[start - 4] = there[start - 4], 0
    king = int(there[KINGS + side])
    if attacked(there, king, -side) if exposed else opens(here, king, start, end, -side):
        return False
    there[CHECK] = may_check(here, move) and attacked(there, int(there[KINGS - side]), side)
    return True
