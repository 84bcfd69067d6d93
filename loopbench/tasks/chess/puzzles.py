"""Puzzles: a position, the move that solves it, and what a task makes of them."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import chess
import numpy as np
import torch

from loopbench.contracts import Examples
from loopbench.errors import LoopbenchError
from loopbench.tasks.chess.encoding import View, encode
from loopbench.tasks.chess.rows import Row
from loopbench.validation import printable

MAX_FEN = 100


class Side(Enum):
    """Who may see a position: training, or the splits that measure."""

    TEST = "test"
    DEV = "dev"
    TRAIN = "train"


@dataclass(frozen=True, slots=True)
class Puzzle:
    """A puzzle that has been checked.

    Attributes:
        board: the position to be solved.
        answer: the best move.
        any_mate: whether every mate is right, as in a mate in 1.
        view: the position as a model sees it.
    """

    id: str
    board: chess.Board
    answer: chess.Move
    any_mate: bool
    view: View

    @property
    def side(self) -> Side:
        """By a hash of what a model sees, so that no position is on two sides, nor is its mirror image."""
        match hashlib.sha256(self.view.cells).digest()[0] % 8:
            case 0:
                return Side.TEST
            case 1:
                return Side.DEV
            case _:
                return Side.TRAIN


def parse(row: Row) -> Puzzle:
    """The puzzle of a row: its position is the one after the opponent's move, the first of its moves.

    Raises:
        LoopbenchError: a FEN that is none or of no legal position, fewer than two moves, or one that is not legal.
    """
    if len(row.fen) > MAX_FEN:
        raise LoopbenchError(f"{row.where}: not a FEN: longer than {MAX_FEN} characters")
    try:
        board = chess.Board(row.fen)
    except ValueError as error:
        raise LoopbenchError(f"{row.where}: not a FEN: {printable(str(error))}") from error
    if status := board.status():
        problem = str(status.name).lower().replace("_", " ").replace("|", ", ")
        raise LoopbenchError(f"{row.where}: the position is not legal: {problem}")
    moves = row.moves.split(maxsplit=2)
    if len(moves) < 2:
        raise LoopbenchError(f"{row.where}: the moves are {printable(row.moves, 40)!r}, not two at least")
    board.push(_legal(board, moves[0], row.where))
    answer = _legal(board, moves[1], row.where)
    return Puzzle(row.id, board, answer, "mateIn1" in row.themes.split(), encode(board))


def _legal(board: chess.Board, uci: str, where: str) -> chess.Move:
    try:
        if move := board.parse_uci(uci):
            return move
    except ValueError:
        pass
    raise LoopbenchError(f"{where}: the move {printable(uci, 40)!r} is not legal")


def examples(puzzles: Iterable[Puzzle]) -> Examples:
    """The puzzles as `(B, 8, 8)` symbols, and class 1 on the two squares of each answer.

    `extra` has the `fen` of the position, the `answer` in UCI and `any_mate`, whether every mate is right.

    Raises:
        LoopbenchError: two of them have the same id.
    """
    ids: dict[str, None] = {}
    extra: dict[str, list[Any]] = {"fen": [], "answer": [], "any_mate": []}

    def noted() -> Iterator[Puzzle]:
        for puzzle in puzzles:
            if puzzle.id in ids:
                raise LoopbenchError(f"puzzle {puzzle.id} stands twice among the puzzles")
            ids[puzzle.id] = None
            extra["fen"].append(puzzle.board.fen())
            extra["answer"].append(puzzle.answer.uci())
            extra["any_mate"].append(puzzle.any_mate)
            yield puzzle

    inputs, targets = (torch.as_tensor(part.astype(np.int64)) for part in grids(noted()))
    return Examples(inputs, targets, tuple(ids), extra)


def grids(puzzles: Iterable[Puzzle]) -> tuple[np.ndarray, np.ndarray]:
    """The symbols and the classes of puzzles, each `(N, 8, 8)` uint8; of the puzzles nothing else is kept."""
    cells, marked = bytearray(), bytearray()
    for puzzle in puzzles:
        cells += puzzle.view.cells
        marked += bytes(puzzle.view.move_cells(puzzle.answer))
    inputs, pairs = np.frombuffer(cells, np.uint8).reshape(-1, 8, 8), np.frombuffer(marked, np.uint8).reshape(-1, 2)
    targets = np.zeros((len(pairs), 64), np.uint8)
    np.put_along_axis(targets, pairs, 1, axis=1)
    return inputs, targets.reshape(-1, 8, 8)
