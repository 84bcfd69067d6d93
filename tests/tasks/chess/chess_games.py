"""Positions and puzzles from random games, the same in every run."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

import chess

HEADER = ["PuzzleId", "FEN", "Moves", "Rating", "RatingDeviation", "Popularity", "NbPlays", "Themes", "GameUrl"]


def positions(games: int, seed: int, plies: int = 120) -> Iterator[chess.Board]:
    """Every position of random games, in which captures and pawn moves are played more often than others."""
    draw = random.Random(seed)
    for _ in range(games):
        board = chess.Board()
        while not board.is_game_over() and board.ply() < plies:
            yield board.copy(stack=False)
            moves = list(board.legal_moves)
            board.push(draw.choices(moves, [1 + 3 * board.is_zeroing(move) for move in moves])[0])


def table(games: int, seed: int) -> list[list[str]]:
    """Rows of the official columns, with random moves as answers and random ratings."""
    draw = random.Random(seed)
    rows: list[list[str]] = []
    for board in positions(games, seed):
        fen, moves = board.fen(), [draw.choice(list(board.legal_moves))]
        board.push(moves[0])
        if board.is_game_over():
            continue
        moves.append(draw.choice(list(board.legal_moves)))
        themes = draw.choice(["short endgame", "mateIn1 oneMove", "long, crushing"])
        text = " ".join(move.uci() for move in moves)
        rows.append([f"p{len(rows):04}", fen, text, str(draw.randint(400, 3000)), "80", "90", "10", themes, ""])
    return rows


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path
