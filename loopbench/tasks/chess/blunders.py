"""Mates that a blunder allows.

A puzzle is one move away from a simulated game: at a random point of it, the side to move makes a random move that
allows the mate, be it the move that the game went on with or another. Points are looked at where that side is in check,
or where checks alone would mate it if it passed. As with Lichess, whose puzzles leave out what was won before the
blunder, the other side is not far ahead; and as few of those come from openings, the first moves are left out.
"""

from collections.abc import Iterator

import chess
import numpy as np

from loopbench.tasks.chess.encoding import encode
from loopbench.tasks.chess.evaluation import LEVELS
from loopbench.tasks.chess.games import game, tempting_moves
from loopbench.tasks.chess.moves import MOST
from loopbench.tasks.chess.position import CHECK, EN_PASSANT, SIDE, SQUARES, play, read, to_chess
from loopbench.tasks.chess.puzzles import Puzzle, Side
from loopbench.tasks.chess.search import Work, mating_moves, unique_mate, workspace
from loopbench.tasks.compiled import compiled
from loopbench.tasks.random_numbers import shuffle, start

OPENING = 24
"""Moves of a game, of both sides, before the first that a blunder is looked for in place of."""
AHEAD = 1
"""What the other side may be ahead, in pawns."""
PAWNS = np.array([0, 1, 3, 3, 5, 9, 0])


def blunders(seed: np.uint64, number: int, n: int, side: Side) -> Iterator[tuple[chess.Board, chess.Move]]:
    """Positions with a unique mate in `n` on a side that blunders in game `number` of a seed lead to, and the mates.

    One for each point of the game that has any, the points in a random order. The blunder is on the board's stack.
    """
    moves, work, state = game(seed, number), workspace(max(LEVELS, 2 * n + 1)), np.empty(1, np.uint64)
    read(chess.Board(), work[0][0])
    plies, replies = np.zeros(len(moves), np.int64), np.zeros(MOST, np.int64)
    plies = plies[: _dangers(work, moves, n, plies)]
    if not len(plies):
        return
    boards = _boards(moves)
    start(state, ~seed, number)
    shuffle(state, plies)
    order: list[int] = plies.tolist()
    for ply in order:
        board = boards[ply]
        read(board, work[0][0])
        tempting = replies[: tempting_moves(work, replies)]
        shuffle(state, tempting)
        for reply in tempting.tolist():
            board.push(to_chess(reply))
            if _side(board) is side and (answer := unique_mate(board, n)):
                yield board, answer
                break
            board.pop()


def _boards(moves: np.ndarray) -> list[chess.Board]:
    """The position before each move of a game."""
    board, boards = chess.Board(), list[chess.Board]()
    for move in moves.tolist():
        boards.append(board.copy(stack=False))
        board.push(to_chess(move))
    return boards


def _side(board: chess.Board) -> Side:
    return Puzzle("", board, chess.Move.null(), False, encode(board)).side


@compiled
def _dangers(work: Work, moves: np.ndarray, n: int, plies: np.ndarray) -> int:
    """Write before which moves of a game from position 0 a blunder is looked for, and return their number."""
    positions, _, _ = work
    here, found, count = positions[0].copy(), np.empty(1, np.int64), 0
    for ply in range(len(moves)):
        positions[0] = here
        positions[0, SIDE], positions[0, EN_PASSANT] = -here[SIDE], -1
        if ply >= OPENING and _lead(positions[0]) <= AHEAD and (here[CHECK] or mating_moves(work, n, True, found)):
            plies[count] = ply
            count += 1
        positions[0] = here
        play(positions, 0, moves[ply])
        here[:] = positions[1]
    return count


@compiled
def _lead(position: np.ndarray) -> int:
    """What the side to move is ahead, in pawns."""
    lead = 0
    for square in SQUARES:
        piece = int(position[square])
        lead += PAWNS[piece] if piece > 0 else -PAWNS[-piece]
    return lead * position[SIDE]
