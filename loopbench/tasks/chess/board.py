"""What `loopbench watch` shows of a puzzle."""

import chess
from torch import Tensor

from loopbench.contracts import Examples
from loopbench.picture import Cell, Picture
from loopbench.tasks.chess.encoding import encode
from loopbench.tasks.chess.metrics import best_moves


def picture(examples: Examples, logits: Tensor, i: int) -> Picture:
    """The board of example `i`, not mirrored, with the mover below.

    A square is as hot as class 1 is likely on it. The answer's two squares alone count: right where they are among the
    model's two highest.
    """
    one = examples.select([i])
    board, answer = chess.Board(one.extra["fen"][0]), chess.Move.from_uci(one.extra["answer"][0])
    view = encode(board)
    heat: list[float] = logits[i].float().softmax(-1)[..., 1].flatten().numpy().tolist()
    finite = bool(logits[i].isfinite().all())
    highest = set(logits[i, ..., 1].flatten().topk(2).indices.numpy().tolist()) if finite else set[int]()
    wanted = set(view.move_cells(answer))

    def cell(square: chess.Square) -> Cell:
        piece, at = board.piece_at(square), view.place(square)
        right = at in highest if at in wanted else None
        return Cell(piece.unicode_symbol() if piece else "", given=piece is not None, right=right, heat=heat[at])

    below = board.turn == chess.WHITE
    ranks = range(7, -1, -1) if below else range(8)
    files = range(8) if below else range(7, -1, -1)
    return Picture(
        rows=[[cell(chess.square(file, rank)) for file in files] for rank in ranks],
        caption=_caption(board, answer, one, logits[i : i + 1], highest),
        checkered=True,
        row_labels=[chess.RANK_NAMES[rank] for rank in ranks],
        column_labels=[chess.FILE_NAMES[file] for file in files],
    )


def _caption(board: chess.Board, answer: chess.Move, one: Examples, logits: Tensor, highest: set[int]) -> str:
    right_move = board.san(answer)
    if not logits.isfinite().all():
        return f"the logits are not finite; right is {right_move}"
    cells, right = best_moves(logits, one)
    view = encode(board)
    pointed = " and ".join(sorted(chess.square_name(view.place(cell)) for cell in highest))
    start, end = (view.place(cell) for cell in cells[0].numpy().tolist())
    is_answer = (start, end) == (answer.from_square, answer.to_square)
    best = right_move if is_answer else board.san(board.find_move(start, end))
    if right.item():
        return f"points at {pointed}; best legal move {best}, right" + ("" if is_answer else f", as is {right_move}")
    return f"points at {pointed}; best legal move {best}, wrong: right is {right_move}"
