"""The shipped mates beside those of Lichess: `python benchmarks/mates.py FILE`, a file of Lichess puzzles.

Numbers are the 10, 25, 50, 75 and 90 % quantiles; material is in pawns, of the side that mates.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import chess
import numpy as np
from presets import print_table

from loopbench.tasks.chess.mates import DEPTHS, load_mates
from loopbench.tasks.chess.puzzles import Puzzle, parse
from loopbench.tasks.chess.rows import read_rows

MATERIAL = {chess.PAWN: 1, chess.KNIGHT: 3, chess.BISHOP: 3, chess.ROOK: 5, chess.QUEEN: 9, chess.KING: 0}


def ahead(puzzle: Puzzle) -> int:
    return sum(
        MATERIAL[piece.piece_type] * (1 if piece.color == puzzle.board.turn else -1)
        for piece in puzzle.board.piece_map().values()
    )


def kind(piece: chess.PieceType) -> Callable[[Puzzle], bool]:
    return lambda puzzle: puzzle.board.piece_type_at(puzzle.answer.from_square) == piece


NUMBERS: dict[str, Callable[[Puzzle], int]] = {
    "pieces": lambda puzzle: chess.popcount(puzzle.board.occupied),
    "move of the game": lambda puzzle: puzzle.board.fullmove_number,
    "legal moves": lambda puzzle: puzzle.board.legal_moves.count(),
    "material ahead": ahead,
}
SHARES: dict[str, Callable[[Puzzle], bool]] = {
    "in check": lambda puzzle: puzzle.board.is_check(),
    "checks": lambda puzzle: puzzle.board.gives_check(puzzle.answer),
    "captures": lambda puzzle: puzzle.board.is_capture(puzzle.answer),
    "quiet": lambda puzzle: not puzzle.board.gives_check(puzzle.answer) and not puzzle.board.is_capture(puzzle.answer),
    "promotes": lambda puzzle: puzzle.answer.promotion is not None,
    "castling rights": lambda puzzle: bool(puzzle.board.castling_rights),
    "queens on the board": lambda puzzle: bool(puzzle.board.queens),
} | {f"moves the {chess.piece_name(piece)}": kind(piece) for piece in chess.PIECE_TYPES}


def row(puzzles: list[Puzzle], name: str) -> str:
    if name in SHARES:
        return f"{100 * np.mean([SHARES[name](puzzle) for puzzle in puzzles]):.1f} %"
    quantiles = np.quantile([NUMBERS[name](puzzle) for puzzle in puzzles], (0.1, 0.25, 0.5, 0.75, 0.9))
    return " ".join(f"{quantile:.0f}" for quantile in quantiles)


def main() -> None:
    for depth in DEPTHS:
        theme, split = f"mateIn{depth}", f"mate-{depth}"
        lichess = [parse(each) for each in read_rows(Path(sys.argv[1])) if theme in each.themes.split()]
        shipped = load_mates(split)
        columns = ("", f"{split} ({len(shipped)})", f"Lichess {theme} ({len(lichess)})")
        print_table(columns, [[name, row(shipped, name), row(lichess, name)] for name in [*NUMBERS, *SHARES]])


if __name__ == "__main__":
    main()
