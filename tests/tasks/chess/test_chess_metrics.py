import chess
import pytest
import torch
from chess_games import positions
from torch import Tensor

from loopbench.contracts import Examples
from loopbench.tasks.chess.encoding import encode
from loopbench.tasks.chess.metrics import best_moves, move, squares
from loopbench.tasks.chess.puzzles import Puzzle, examples, parse
from loopbench.tasks.chess.rows import Row


def puzzle(fen: str, moves: str, themes: str = "") -> Examples:
    return examples([parse(Row("test", "one", fen, moves, 1500, themes))])


def pointing(example: Examples, *names: str) -> Tensor:
    """Logits that are highest on some squares, equally."""
    view = encode(chess.Board(example.extra["fen"][0]))
    logits = torch.zeros(1, 64, 2)
    logits[0, [view.place(chess.parse_square(name)) for name in names], 1] = 1.0
    return logits.view(1, 8, 8, 2)


def verdicts(example: Examples, *names: str) -> tuple[bool, bool]:
    logits = pointing(example, *names)
    return bool(squares(logits, example)), bool(move(logits, example))


SPECIAL = {
    "promotion": ("7k/4P3/8/8/8/8/8/K7 b - - 0 1", "h8h7 e7e8q", "e7 e8", "a1 a2"),
    "promotion to a knight": ("8/4P1k1/8/8/8/8/8/K7 b - - 0 1", "g7h7 e7e8n", "e7 e8", "a1 a2"),
    "promotion of black's, with a capture": ("k7/8/8/8/8/8/1p6/2R4K w - - 0 1", "h1h2 b2c1q", "b2 c1", "b2 b1"),
    "castling": ("4k3/8/8/8/8/8/8/4K2R b K - 0 1", "e8d7 e1g1", "e1 g1", "e1 f1"),
    "castling, written as king takes rook": ("4k3/8/8/8/8/8/8/4K2R b K - 0 1", "e8d7 e1h1", "e1 g1", "e1 f1"),
    "castling to the queen's side": ("r3k3/8/8/8/8/8/8/4K3 w q - 0 1", "e1e2 e8c8", "e8 c8", "e8 d8"),
    "en passant": ("4k3/3p4/8/4P3/8/8/8/4K3 b - - 0 1", "d7d5 e5d6", "e5 d6", "e5 e6"),
    "en passant of black's": ("k7/8/8/8/2p5/8/3P4/K7 w - - 0 1", "d2d4 c4d3", "c4 d3", "c4 c3"),
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_special_moves_are_answered(kind: str) -> None:
    fen, moves, right, wrong = SPECIAL[kind]
    example = puzzle(fen, moves)
    assert int(example.targets.sum()) == 2
    assert verdicts(example, *right.split()) == (True, True)
    assert verdicts(example, *wrong.split()) == (False, False)


def test_any_mate_counts_where_the_puzzle_is_a_mate_in_one() -> None:
    fen, moves = "6k1/8/6K1/8/8/8/8/RR6 b - - 0 1", "g8h8 a1a8"
    mate = puzzle(fen, moves, "endgame mateIn1")
    assert verdicts(mate, "a1", "a8") == (True, True)
    assert verdicts(mate, "b1", "b8") == (False, True)
    assert verdicts(mate, "b1", "b7") == (False, False)
    assert verdicts(puzzle(fen, moves, "mateIn2"), "b1", "b8") == (False, False)


def test_a_promotion_counts_as_a_mate_if_any_piece_mates() -> None:
    mate = puzzle("4k3/1PR5/4K3/8/8/8/8/8 b - - 0 1", "e8d8 c7c8", "mateIn1")
    assert verdicts(mate, "b7", "b8") == (False, True)  # a queen does, a rook does not


def test_squares_that_no_legal_move_joins_are_passed_over() -> None:
    example = puzzle("4k3/3p4/8/4P3/8/8/8/4K3 b - - 0 1", "d7d5 e5d6")
    logits = pointing(example, "e5", "a8", "h8")  # the best legal move is one of the pawn's two
    assert not squares(logits, example)
    cells, _ = best_moves(logits, example)
    assert cells[0, 0] == encode(chess.Board(example.extra["fen"][0])).place(chess.E5)


@pytest.mark.parametrize(("answer", "right"), [("a1a2", True), ("a1b1", False)])
def test_ties_go_to_the_first_move_by_uci(answer: str, right: bool) -> None:
    example = puzzle("7k/8/8/8/8/8/8/K7 b - - 0 1", f"h8g8 {answer}")
    assert verdicts(example, "a1", "b1", "a2") == (False, right)  # of the squares, a third one ties


def test_ties_go_by_the_uci_of_the_position_and_not_of_its_mirror_image() -> None:
    example = puzzle("k7/8/8/8/8/8/8/7K w - - 0 1", "h1g1 a8a7")
    logits = torch.zeros(1, 8, 8, 2)
    cells, right = best_moves(logits, example)
    view = encode(chess.Board(example.extra["fen"][0]))
    assert [chess.square_name(view.place(int(cell))) for cell in cells[0]] == ["a8", "a7"]
    assert bool(right)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_logits_that_are_not_finite_are_wrong(bad: float) -> None:
    example = puzzle("7k/4P3/8/8/8/8/8/K7 b - - 0 1", "h8h7 e7e8q")
    for symbol in (0, 1):
        logits = pointing(example, "e7", "e8")
        logits[0, 4, 4, symbol] = bad
        assert not squares(logits, example)
        assert not move(logits, example)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_batch_is_scored_as_python_chess_would_one_by_one(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    boards = [board for board in positions(games=4, seed=1) if not board.is_game_over()]
    batch = examples(
        Puzzle(str(i), board, sorted(board.legal_moves, key=str)[0], i % 2 == 0, encode(board))
        for i, board in enumerate(boards)
    )
    logits = torch.randn(len(batch), 8, 8, 2, generator=generator).to(dtype)
    logits[: len(batch) // 2, ..., 1] += 3 * batch.targets[: len(batch) // 2]
    z = logits[..., 1].flatten(1).float()
    pairs, right = squares(logits, batch), move(logits, batch)
    for i, board in enumerate(boards):
        view, answer = encode(board), chess.Move.from_uci(batch.extra["answer"][i])
        score = {
            each: float(z[i, view.place(each.from_square)] + z[i, view.place(each.to_square)])
            for each in sorted(board.legal_moves, key=chess.Move.uci)
        }
        best = max(score, key=lambda each: score[each])
        same = (best.from_square, best.to_square) == (answer.from_square, answer.to_square)
        after = board.copy()
        after.push(best)
        assert bool(right[i]) == (same or (i % 2 == 0 and after.is_checkmate()))
        ranked = z[i].sort(descending=True)
        top = set(ranked.indices[:2].tolist()) == set(view.move_cells(answer))
        assert bool(pairs[i]) == (top and bool(ranked.values[1] > ranked.values[2]))
    assert 0 < int(pairs.sum()) < len(batch)
    assert 0 < int(right.sum()) < len(batch)
