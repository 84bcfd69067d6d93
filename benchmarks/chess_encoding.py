"""What chess puzzles cost on one core, and where the time goes: `python benchmarks/chess_encoding.py FILE`.

FILE has Lichess puzzles; its first 5,000 are taken. Medians of five in processor time. The parts are timed one by one
on the same puzzles; together they are faster than the totals, since each stays in the processor's caches.
"""

import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import chess
import torch

from loopbench.tasks.chess.encoding import encode, fen
from loopbench.tasks.chess.metrics import legal_moves, move, squares
from loopbench.tasks.chess.puzzles import Side, examples, parse, positions
from loopbench.tasks.chess.rows import read_rows

COUNT = 5_000
BATCH = 64  # boards of an evaluation batch


def show(what: str, count: int, work: Callable[[], object], prepare: Callable[[], object] = lambda: None) -> None:
    seconds: list[float] = []
    for _ in range(5):
        prepare()
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    median = sorted(seconds)[2] / count
    print(f"{what:<60} {median * 1e6:>7.1f} µs {1 / median:>10,.0f} a second", flush=True)


def reading(path: Path) -> None:
    """The totals: what training keeps of a puzzle, and what a split does."""

    def puzzles():
        return map(parse, islice(read_rows(path), COUNT))

    def trained():
        return positions(puzzle for puzzle in puzzles() if puzzle.side is Side.TRAIN)

    count = len(list(puzzles()))
    show("training: read, checked, encoded", count, trained)
    show("a split: the same, and the FEN of every position", count, lambda: examples(puzzles()))


def parts(path: Path) -> None:
    rows = list(islice(read_rows(path), COUNT))
    puzzles = list(map(parse, rows))
    fens, moves = [row.fen for row in rows], [row.moves.split()[:2] for row in rows]
    boards: list[chess.Board] = []

    def to_boards() -> None:
        boards[:] = map(chess.Board, fens)

    def play(number: int) -> None:
        for board, ucis in zip(boards, moves, strict=True):
            board.push(chess.Move.from_uci(ucis[number]))

    def check(number: int) -> None:
        for board, ucis in zip(boards, moves, strict=True):
            board.parse_uci(ucis[number])

    show("  reading the rows", len(rows), lambda: list(islice(read_rows(path), COUNT)))
    show("  python-chess: FEN to board", len(rows), to_boards)
    show("  python-chess: is the position legal", len(rows), lambda: [board.status() for board in boards])
    show("  python-chess: is the opponent's move legal", len(rows), lambda: check(0))
    show("  python-chess: playing it", len(rows), lambda: play(0), prepare=to_boards)
    show("  python-chess: is the answer legal", len(rows), lambda: check(1))
    show("  the canonical view", len(rows), lambda: [encode(board) for board in boards])
    show("  its side", len(rows), lambda: [puzzle.side for puzzle in puzzles])
    show("  into arrays", len(rows), lambda: positions(puzzles))
    show("  the FEN, for a split", len(rows), lambda: [fen(puzzle.board, puzzle.view) for puzzle in puzzles])
    show("  the same by python-chess", len(rows), lambda: [puzzle.board.fen() for puzzle in puzzles])


def scoring(path: Path) -> None:
    """The verdicts on one batch, as at every iteration of a curve."""
    batch = examples(map(parse, islice(read_rows(path), BATCH)))
    logits = torch.randn(len(batch), 8, 8, 2)
    show("metric squares", len(batch), lambda: squares(logits, batch))
    show(
        "metric move, at the first iteration", len(batch), lambda: move(logits, batch), prepare=legal_moves.cache_clear
    )
    show("metric move, at any other", len(batch), lambda: move(logits, batch))


if __name__ == "__main__":
    for section in (reading, parts, scoring):
        section(Path(sys.argv[1]))
