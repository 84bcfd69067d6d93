"""When a filled-in board is right."""

import torch
from torch import Tensor

from loopbench.contracts import Examples


def valid(logits: Tensor, examples: Examples) -> Tensor:
    """Whether the board keeps the givens and every row, column and box has the digits 1 to 9.

    Of a puzzle with one solution that is the solution, but this does not need to know it. Non-finite logits are wrong.

    Args:
        logits: `(B, 9, 9, 10)`.

    Returns:
        `(B,)` bool.
    """
    board = logits.argmax(-1)
    kept = ((examples.inputs == 0) | (board == examples.inputs)) & logits.isfinite().all(-1)
    return kept.flatten(1).all(1) & ~breaks_a_rule(board).flatten(1).any(1)


def breaks_a_rule(board: Tensor) -> Tensor:
    """Which cells of `(B, 9, 9)` digits are blank, or hold what another cell of their row, column or box holds."""
    digits = (board[..., None] == torch.arange(10, device=board.device)).long()  # (B, row, column, digit)
    by_box = digits.view(-1, 3, 3, 3, 3, 10)
    in_row, in_column = digits.sum(2, keepdim=True), digits.sum(1, keepdim=True)
    in_box = by_box.sum((2, 4), keepdim=True).expand_as(by_box).reshape(digits.shape)
    most = torch.maximum(torch.maximum(in_row, in_column), in_box)
    return (board == 0) | (most.gather(-1, board[..., None])[..., 0] > 1)
