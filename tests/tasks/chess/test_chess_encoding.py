import chess
import pytest
from chess_games import positions

from loopbench.tasks.chess.encoding import SYMBOLS, View, decode, encode, fen
from loopbench.tasks.chess.mates import DEPTHS, load_mates


@pytest.fixture(scope="module")
def boards() -> list[chess.Board]:
    """From random games, and from games that were played to win and lost by a blunder."""
    found = list(positions(games=40, seed=0))
    found += [puzzle.board for depth in DEPTHS for puzzle in load_mates(f"mate-{depth}")]
    assert len(found) > 6000
    kinds = {(board.turn, chess.square_file(board.king(board.turn) or 0) < 4) for board in found}
    assert len(kinds) == 4  # every way to turn the board
    return found


def as_white(view: View) -> chess.Board:
    """The view as a position of its own, white to move."""
    board = chess.Board(None)
    board.set_board_fen(decode(View(view.cells, 56)))
    return board


def test_the_view_is_invertible(boards: list[chess.Board]) -> None:
    for board in boards:
        view = encode(board)
        assert decode(view) == board.board_fen()
        assert fen(board, view) == board.fen()
        for square in chess.SQUARES:
            piece = board.piece_at(square)
            expected = "." if piece is None else piece.symbol() if board.turn else piece.symbol().swapcase()
            assert SYMBOLS[view.cells[view.place(square)]] == expected
            assert view.place(view.place(square)) == square


def test_the_mover_is_white_with_the_king_on_files_e_to_h(boards: list[chess.Board]) -> None:
    for board in boards:
        cells = encode(board).cells
        assert cells.count(SYMBOLS.index("K")) == 1
        assert cells.index(SYMBOLS.index("K")) % 8 >= 4


def test_its_legal_moves_are_the_positions_mirrored(boards: list[chess.Board]) -> None:
    en_passant = 0
    for each in boards:
        board = each.copy(stack=False)
        board.castling_rights = chess.BB_EMPTY  # a mirrored board has the king on another file
        view = encode(board)
        mirrored = as_white(view)
        if board.ep_square is not None:
            mirrored.ep_square = view.place(board.ep_square) ^ 56
            en_passant += board.has_legal_en_passant()
        plain = View(view.cells, 56)
        expected = sorted((*plain.move_cells(move), move.promotion or 0) for move in mirrored.legal_moves)
        assert sorted((*view.move_cells(move), move.promotion or 0) for move in board.legal_moves) == expected
    assert en_passant > 5


def test_mirror_images_have_one_view(boards: list[chess.Board]) -> None:
    for each in boards[::10]:
        board, cells = each.copy(stack=False), encode(each).cells
        assert encode(board.mirror()).cells == cells
        board.castling_rights = chess.BB_EMPTY
        assert encode(board.transform(chess.flip_horizontal)).cells == cells


def test_the_first_row_is_the_eighth_rank() -> None:
    rows = ["".join(SYMBOLS[number] for number in encode(chess.Board()).cells[r * 8 : r * 8 + 8]) for r in range(8)]
    assert rows == ["rnbqkbnr", "pppppppp", *["........"] * 4, "PPPPPPPP", "RNBQKBNR"]


def test_castling_moves_the_king_by_two_cells() -> None:
    white = chess.Board("4k3/8/8/8/8/8/8/4K2R w K - 0 1")
    assert encode(white).move_cells(white.parse_san("O-O")) == (60, 62)
    black = chess.Board("r3k3/8/8/8/8/8/8/4K3 b q - 0 1")
    assert encode(black).move_cells(black.parse_san("O-O-O")) == (60, 58)
