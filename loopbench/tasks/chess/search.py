"""Forced mates, proved by exhaustive search: every legal move of both sides, no evaluation, no selection.

Draws by the fifty-move rule and by repetition are not considered.
"""

import chess
import numpy as np

from loopbench.tasks.chess.moves import MOST, generate
from loopbench.tasks.chess.position import CHECK, WIDTH, may_check, play, read, to_chess
from loopbench.tasks.compiled import compiled

COUNT, NEXT, PLAYED, KILLER = range(4)
Work = tuple[np.ndarray, np.ndarray, np.ndarray]


def unique_mate(board: chess.Board, n: int) -> chess.Move | None:
    """The only first move that forces mate in `n` moves, where checks alone force it and there is no shorter mate.

    Promotions of a pawn to different pieces count as one move; the first of queen, rook, bishop, knight that mates
    stands for them. None if there is no such move, or several, or a shorter mate.
    """
    work, found = workspace(2 * n + 1), np.zeros(2, np.int64)
    read(board, work[0][0])
    if not mating_moves(work, n, True, found[:1]):
        return None
    for moves in range(1, n):
        if mating_moves(work, moves, False, found[:1]):
            return None
    return to_chess(int(found[0])) if mating_moves(work, n, False, found) == 1 else None


def workspace(levels: int) -> Work:
    """Room for a line of so many positions.

    The positions; the moves of each; and of these their number, which is next, how many were legal so far, and one that
    refuted a sibling and is tried first (the killer heuristic).
    """
    return np.zeros((levels, WIDTH), np.int16), np.zeros((levels, MOST), np.int64), np.zeros((levels, 4), np.int64)


@compiled
def begin(work: Work, level: int) -> None:
    """Generate the moves of a position."""
    positions, moves, counters = work
    count = generate(positions[level], moves[level])
    counters[level, COUNT], counters[level, NEXT], counters[level, PLAYED] = count, 0, 0
    for i in range(count):
        if moves[level, i] == counters[level, KILLER]:
            moves[level, 0], moves[level, i] = moves[level, i], moves[level, 0]
            break


@compiled
def advance(work: Work, level: int, checks: bool) -> bool:
    """Play the next legal move of a position, or the next that may give check; False if none is left."""
    positions, moves, counters = work
    while counters[level, NEXT] < counters[level, COUNT]:
        move = moves[level, counters[level, NEXT]]
        counters[level, NEXT] += 1
        if (not checks or may_check(positions[level], move)) and play(positions, level, move):
            counters[level, PLAYED] += 1
            return True
    return False


@compiled
def mating_moves(work: Work, n: int, checks: bool, found: np.ndarray) -> int:
    """The number of first moves of position 0 that force mate in at most `n` moves, up to the length of `found`.

    They are written to `found`; of promotions on the same squares only the first.

    Args:
        checks: whether the side that mates may do nothing but check, which is searched far faster, and proves less.
    """
    positions, moves, counters = work
    known = 0
    begin(work, 0)
    while known < len(found) and advance(work, 0, checks or n == 1):
        move = moves[0, counters[0, NEXT] - 1]
        again = known > 0 and (found[known - 1] ^ move) & 0x3FFF == 0
        if (not checks or positions[1, CHECK]) and not again and forced(work, 1, 2 * n - 1, checks):
            found[known] = move
            known += 1
    return known


@compiled
def forced(work: Work, first: int, last: int, checks: bool) -> bool:
    """Whether the side to move in position `first` is mated in position `last` at the latest, whatever it plays.

    Either side succeeds where one of its moves makes the other fail; but the defender in position `last` succeeds by
    any move, and everywhere else by stalemate.
    """
    positions, moves, counters = work
    level, entered = first, True
    while True:
        defends = (level - first) % 2 == 0
        if entered and (level < last or positions[level, CHECK]):
            begin(work, level)
        entered = False
        if level == last:
            succeeds = not positions[level, CHECK] or advance(work, level, False)
        elif advance(work, level, level == last - 1 or (checks and not defends)):
            level, entered = level + 1, True
            continue
        else:
            succeeds = defends and not counters[level, PLAYED] and not positions[level, CHECK]
        if succeeds and level > first:
            level -= 1
        elif succeeds or level == first:
            return not succeeds
        else:
            level -= 1
            counters[level, KILLER] = moves[level, counters[level, NEXT] - 1]
            if level == first:
                return False
            level -= 1
