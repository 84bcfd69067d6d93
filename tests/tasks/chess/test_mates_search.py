"""The compiled rules and search against python-chess, which knows nothing of them."""

from collections import Counter
from itertools import islice

import chess
import numpy as np
import pytest
from chess_games import positions
from plain_mates import mating_moves as plain_mating_moves
from plain_mates import unique_squares

from loopbench.tasks.chess.moves import MOST, generate
from loopbench.tasks.chess.position import WIDTH, play, read, to_chess
from loopbench.tasks.chess.search import mating_moves, unique_mate, workspace
from loopbench.tasks.compiled import compiled


@compiled
def perft(stack: np.ndarray, moves: np.ndarray, level: int, depth: int) -> int:
    if depth == 0:
        return 1
    total = 0
    for i in range(generate(stack[level], moves[level])):
        if play(stack, level, moves[level, i]):
            total += perft(stack, moves, level + 1, depth - 1)
    return total


@pytest.mark.parametrize(
    ("fen", "depth", "leaves"),
    [  # https://www.chessprogramming.org/Perft_Results
        (chess.STARTING_FEN, 4, 197_281),
        ("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", 4, 4_085_603),
        ("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", 5, 674_624),
        ("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", 4, 422_333),
        ("rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", 4, 2_103_487),
        ("r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10", 3, 89_890),
    ],
)
def test_games_of_so_many_moves_are_counted_as_published(fen: str, depth: int, leaves: int) -> None:
    for board in (chess.Board(fen), chess.Board(fen).mirror()):
        stack, moves = np.zeros((depth + 1, WIDTH), np.int16), np.zeros((depth, MOST), np.int64)
        read(board, stack[0])
        assert perft(stack, moves, 0, depth) == leaves


def test_legal_moves_and_what_they_lead_to_are_python_chesss() -> None:
    stack, moves, expected, count = (
        np.zeros((2, WIDTH), np.int16),
        np.zeros(MOST, np.int64),
        np.zeros(WIDTH, np.int16),
        0,
    )
    for board in positions(games=40, seed=1):
        read(board, stack[0])
        played = {
            to_chess(move).uci(): stack[1].copy()
            for move in moves[: generate(stack[0], moves)].tolist()
            if play(stack, 0, move)
        }
        assert sorted(played) == sorted(move.uci() for move in board.legal_moves)
        if count % 8 == 0:
            for uci, position in played.items():
                board.push_uci(uci)
                read(board, expected)
                assert (position == expected).all(), (board.fen(), uci)
                board.pop()
        count += 1
    assert count > 3000


def forcing(board: chess.Board, n: int) -> list[chess.Move]:
    work, moves = workspace(2 * n + 1), np.zeros(MOST, np.int64)
    read(board, work[0][0])
    return [to_chess(move) for move in moves[: mating_moves(work, n, False, moves)].tolist()]


def test_mates_are_those_that_plain_search_finds() -> None:
    found = Counter[int]()
    for board in islice(positions(games=60, seed=2, plies=400), 0, None, 7):
        for n in (1, 2) if chess.popcount(board.occupied) < 6 else (1,):  # plain search is slow
            actual = forcing(board, n)
            expected = {(move.from_square, move.to_square) for move in plain_mating_moves(board, n)}
            assert {(move.from_square, move.to_square) for move in actual} == expected, board.fen()
            assert len(actual) == len(expected)
            found[n] += bool(expected)
    assert min(found[1], found[2]) > 3


def test_stalemate_is_no_mate() -> None:
    board = chess.Board("7k/5K2/8/6Q1/8/8/8/8 w - - 0 1")
    assert chess.Move.from_uci("g5g6") not in forcing(board, 2)
    assert sorted(map(chess.Move.uci, forcing(board, 2))) == sorted(map(chess.Move.uci, plain_mating_moves(board, 2)))


SPECIAL = {
    "a queen, or a rook": ("7k/P7/6K1/8/8/8/8/8 w - - 0 1", 1, "a7a8q"),
    "a knight alone": ("8/5P1k/6pp/4B3/2B5/8/8/K7 w - - 0 1", 1, "f7f8n"),
    "castling": ("8/8/8/6N1/8/8/7Q/k3K2R w K - 0 1", 1, "e1g1"),
    "castling long": ("8/6N1/8/8/8/8/2Q5/R3K2k w Q - 0 1", 1, "e1c1"),
    "no right to castle": ("8/8/8/6N1/8/8/7Q/k3K2R w - - 0 1", 1, None),
    "en passant": ("8/1K6/8/k2pPQ2/3R4/8/8/8 w - d6 0 1", 1, "e5d6"),
    "too late for en passant": ("8/1K6/8/k2pPQ2/3R4/8/8/8 w - - 0 1", 1, None),
    "a pawn taken en passant gives no mate": ("8/4R3/1Q1N4/3k4/3p4/K7/4P3/8 w - - 0 1", 1, None),
    "two mates": ("k7/8/1K6/8/8/8/8/6RR w - - 0 1", 1, None),
    "stalemate": ("k7/8/1K6/2Q5/8/8/8/8 b - - 0 1", 1, None),
    "shorter than asked": ("k7/8/1K6/8/8/8/8/7R w - - 0 1", 2, None),
    "a rook behind the other": ("6k1/5ppp/8/8/8/8/3R4/K2R1r2 w - - 0 1", 2, None),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_mates(name: str) -> None:
    fen, n, answer = SPECIAL[name]
    for board in (chess.Board(fen), chess.Board(fen).mirror()):
        move, plain = unique_mate(board, n), unique_squares(board, n)
        assert (move and (move.from_square, move.to_square)) == plain
    expected = unique_mate(chess.Board(fen), n)
    assert (expected and expected.uci()) == answer
