"""The canonical view: a position as its mover sees it, who has the white pieces and the king on files e to h.

Black's positions are turned upside down with their colours swapped, and where the mover's king is on files a to d the
board is mirrored left to right. The (8, 8) grid is a diagram with the mover below: row 0 is the eighth rank, column 0
the a-file. Castling rights and en passant are not seen; they are in the FEN alone.
"""

from typing import NamedTuple

import chess

SYMBOLS = ".PNBRQKpnbrqk"
"""What a cell holds, by its number: nothing, the mover's pawn to king, the other side's pawn to king."""

_UPSIDE_DOWN, _LEFT_TO_RIGHT = 0b111000, 0b000111  # a square is 8 · rank + file, a cell is 8 · row + column


class View(NamedTuple):
    """A position in the canonical view.

    Attributes:
        cells: the 64 numbers, row by row.
        mask: a square and its cell are one another's exclusive or with it.
    """

    cells: bytes
    mask: int

    def place(self, at: int) -> int:
        """The cell of a square of the position, and the square of a cell."""
        return at ^ self.mask

    def move_cells(self, move: chess.Move) -> tuple[int, int]:
        """The cells that a move leaves and reaches; castling is a move of the king."""
        return self.place(move.from_square), self.place(move.to_square)


def encode(board: chess.Board) -> View:
    """The view of a valid position."""
    own = board.occupied_co[board.turn]
    mask = _UPSIDE_DOWN if board.turn == chess.WHITE else 0  # rows are counted from the eighth rank
    if own & board.kings & (chess.BB_FILE_A | chess.BB_FILE_B | chess.BB_FILE_C | chess.BB_FILE_D):
        mask ^= _LEFT_TO_RIGHT
    cells = bytearray(64)
    kinds = (board.pawns, board.knights, board.bishops, board.rooks, board.queens, board.kings)
    for number, pieces in enumerate(kinds, start=1):
        for square in chess.scan_forward(pieces):
            cells[square ^ mask] = number if own & chess.BB_SQUARES[square] else number + 6
    return View(bytes(cells), mask)


def decode(view: View) -> chess.BaseBoard:
    """The pieces of the position that a view is of, where they stood and in their own colours."""
    board = chess.BaseBoard.empty()
    mover = chess.WHITE if view.mask & _UPSIDE_DOWN else chess.BLACK
    for cell, number in enumerate(view.cells):
        if number:
            piece = chess.Piece.from_symbol(SYMBOLS[number])
            board.set_piece_at(view.place(cell), chess.Piece(piece.piece_type, piece.color == mover))
    return board
