"""When the two squares of a move are right."""

from functools import lru_cache
from typing import NamedTuple

import chess
import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from loopbench.contracts import Examples
from loopbench.tasks.chess.encoding import encode

_NOWHERE = 64  # a 65th cell, of logit −∞


class LegalMoves(NamedTuple):
    """The legal moves of a position by their UCI, those that differ only in what a pawn becomes taken as one.

    Attributes:
        cells: `(M, 2)` int64, the cells that each leaves and reaches.
        right: `(M,)` bool, whether it solves the puzzle.
    """

    cells: Tensor
    right: Tensor


def squares(logits: Tensor, examples: Examples) -> Tensor:
    """Whether the answer's two squares have the highest logits of class 1, `(B, 8, 8, 2)` logits to `(B,)` bool.

    A third square that ties with them, and logits that are not finite, are wrong.
    """
    z, wanted = logits[..., 1].flatten(1), examples.targets.flatten(1) == 1
    lowest = z.masked_fill(~wanted, torch.inf).amin(1)
    highest_other = z.masked_fill(wanted, -torch.inf).amax(1)
    return (lowest > highest_other) & _finite(logits)


def move(logits: Tensor, examples: Examples) -> Tensor:
    """Whether the best legal move is right: `(B, 8, 8, 2)` logits to `(B,)` bool.

    It is the one whose two squares have the highest sum of class-1 logits, the first by UCI if several have. It is
    right if it leaves and reaches the answer's squares, whatever a pawn becomes, or if it mates where any mate will do.
    Logits that are not finite are wrong.
    """
    _, right = best_moves(logits, examples)
    return right & _finite(logits)


def best_moves(logits: Tensor, examples: Examples) -> tuple[Tensor, Tensor]:
    """The best legal moves' cells, `(B, 2)`, and whether they are right, `(B,)` bool."""
    extra = examples.extra
    legal = [legal_moves(*key) for key in zip(extra["fen"], extra["answer"], extra["any_mate"], strict=True)]
    cells = pad_sequence([moves.cells for moves in legal], True, _NOWHERE).to(logits.device)
    right = pad_sequence([moves.right for moves in legal], True).to(logits.device)
    z = logits[..., 1].flatten(1).to(torch.promote_types(logits.dtype, torch.float32))  # sums of bfloat16 often tie
    z = pad(z, (0, 1), value=-torch.inf)
    best = z.gather(1, cells.flatten(1)).view(cells.shape).sum(-1).argmax(1)
    rows = torch.arange(len(best), device=best.device)
    return cells[rows, best], right[rows, best]


@lru_cache(maxsize=16_384)
def legal_moves(fen: str, answer: str, any_mate: bool) -> LegalMoves:
    """The legal moves of a position and which of them solve it; remembered, since a curve asks at every iteration."""
    board = chess.Board(fen)
    view = encode(board)
    answer_cells = view.move_cells(chess.Move.from_uci(answer))
    solved: dict[tuple[int, int], bool] = {}
    for each in sorted(board.legal_moves, key=chess.Move.uci):
        cells = view.move_cells(each)
        right = cells == answer_cells or (any_mate and _mates(board, each))
        solved[cells] = solved.get(cells, False) or right
    return LegalMoves(torch.tensor(list(solved)), torch.tensor(list(solved.values())))


def _mates(board: chess.Board, each: chess.Move) -> bool:
    board.push(each)
    mate = board.is_checkmate()
    board.pop()
    return mate


def _finite(logits: Tensor) -> Tensor:
    return logits.isfinite().flatten(1).all(1)
