"""Puzzles: a position, the move that solves it, and what a task makes of them."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import chess
import numpy as np
import torch
from torch import Tensor

from loopbench.contracts import Examples
from loopbench.errors import LoopbenchError
from loopbench.tasks.chess.encoding import View, encode, fen
from loopbench.tasks.chess.rows import Row
from loopbench.tasks.lines import Bad, refuse
from loopbench.validation import printable

MAX_FEN = 100
FEN_FIELDS = 6


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


@dataclass(frozen=True)
class Positions:
    """What a model sees of puzzles, and what it is to say.

    Attributes:
        cells: `(N, 64)` uint8 symbols.
        answers: `(N, 2)` uint8, the cells that each answer leaves and reaches.
    """

    cells: np.ndarray
    answers: np.ndarray

    def __len__(self) -> int:
        return len(self.cells)

    def select(self, rows: Sequence[int]) -> "Positions":
        """The positions at `rows`, in that order."""
        return Positions(self.cells[rows], self.answers[rows])

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The symbols and the classes, each `(N, 8, 8)` int64."""
        cells, answers = (torch.as_tensor(part.astype(np.int64)) for part in (self.cells, self.answers))
        return cells.view(-1, 8, 8), torch.zeros_like(cells).scatter_(1, answers, 1).view(-1, 8, 8)


def parse(row: Row) -> Puzzle:
    """The puzzle of a row: its position is the one after the opponent's move, the first of its moves.

    Raises:
        LoopbenchError: a FEN that is none or of no legal position, fewer than two moves, or one of the first two that
            is not legal; how the line goes on is not looked at.
    """
    if len(row.fen) > MAX_FEN:
        raise LoopbenchError(f"{row.where}: not a FEN: longer than {MAX_FEN} characters")
    if (fields := len(row.fen.split())) != FEN_FIELDS:  # python-chess would fill in the rest
        raise LoopbenchError(f"{row.where}: not a FEN: {fields} fields, not {FEN_FIELDS}")
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
    wrong = "is not legal"
    try:
        if move := board.parse_uci(uci):
            return move
    except chess.InvalidMoveError:
        wrong = "is not written in UCI, as e2e4 and e7e8q are"
    except ValueError:
        pass
    raise LoopbenchError(f"{where}: the move {printable(uci, 40)!r} {wrong}")


def positions(puzzles: Iterable[Puzzle]) -> Positions:
    """What a model learns from puzzles, of which nothing else is kept."""
    cells, answers = bytearray(), bytearray()
    for puzzle in puzzles:
        cells += puzzle.view.cells
        answers += bytes(puzzle.view.move_cells(puzzle.answer))
    return Positions(
        np.frombuffer(bytes(cells), np.uint8).reshape(-1, 64), np.frombuffer(bytes(answers), np.uint8).reshape(-1, 2)
    )


def joined(parts: Sequence[Positions]) -> Positions:
    """The positions of all parts, one part after another."""
    return Positions(
        np.concatenate([np.zeros((0, 64), np.uint8), *(part.cells for part in parts)]),
        np.concatenate([np.zeros((0, 2), np.uint8), *(part.answers for part in parts)]),
    )


def examples(puzzles: Iterable[Puzzle], bad: Bad = refuse) -> Examples:
    """The puzzles as `(B, 8, 8)` symbols, and class 1 on the two squares of each answer.

    `extra` has the `fen` of the position, the `answer` in UCI and `any_mate`, whether every mate is right.

    Args:
        bad: is told of a puzzle whose id another one before it has.
    """
    ids: dict[str, None] = {}
    extra: dict[str, list[Any]] = {"fen": [], "answer": [], "any_mate": []}

    def noted() -> Iterator[Puzzle]:
        for puzzle in puzzles:
            if puzzle.id in ids:
                bad(LoopbenchError(f"puzzle {puzzle.id} stands twice among the puzzles"))
                continue
            ids[puzzle.id] = None
            extra["fen"].append(fen(puzzle.board, puzzle.view))
            extra["answer"].append(puzzle.answer.uci())
            extra["any_mate"].append(puzzle.any_mate)
            yield puzzle

    inputs, targets = positions(noted()).tensors()
    return Examples(inputs, targets, tuple(ids), extra)
