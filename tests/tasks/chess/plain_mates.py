"""Forced mates by python-chess alone, as plain as can be but for the order in which moves are tried."""

from collections import Counter

import chess

Refuters = Counter[chess.Move]


def mating_moves(board: chess.Board, n: int) -> list[chess.Move]:
    """Every first move that forces mate in at most `n` moves."""
    refuters = Refuters()
    return [move for move in board.legal_moves if _forces(board, move, n, refuters)]


def unique_squares(board: chess.Board, n: int) -> tuple[int, int] | None:
    """Where the only such move goes from and to, if there is no shorter mate."""
    if any(mating_moves(board, shorter) for shorter in range(1, n)):
        return None
    squares = {(move.from_square, move.to_square) for move in mating_moves(board, n)}
    return squares.pop() if len(squares) == 1 else None


def _forces(board: chess.Board, move: chess.Move, n: int, refuters: Refuters) -> bool:
    if n == 1 and not board.gives_check(move):
        return False
    board.push(move)
    replies = sorted(board.legal_moves, key=refuters.__getitem__, reverse=True)
    forced = all(_loses(board, reply, n - 1, refuters) for reply in replies) if replies else board.is_check()
    board.pop()
    return forced


def _loses(board: chess.Board, reply: chess.Move, n: int, refuters: Refuters) -> bool:
    if n == 0:
        return False
    board.push(reply)
    attacks = sorted(board.legal_moves, key=board.gives_check, reverse=True)
    lost = any(_forces(board, attack, n, refuters) for attack in attacks)
    board.pop()
    refuters[reply] += not lost
    return lost
