from pathlib import Path

import pytest
from plain_mates import unique_squares

from loopbench.errors import LoopbenchError
from loopbench.tasks.chess.mates import FOLDER, SPLITS, format_line, load_mates, read_mates
from loopbench.tasks.chess.puzzles import Puzzle, Side
from loopbench.tasks.chess.sampling import sample_mates, shipped_mates, training_mates

PROVED = {1: 200, 2: 50, 3: 4}
"""Shipped mates that a plain search proves again; those of the fewest moves, where it takes long."""


def check(puzzle: Puzzle, depth: int) -> None:
    assert unique_squares(puzzle.board, depth) == (puzzle.answer.from_square, puzzle.answer.to_square), puzzle.id


@pytest.mark.parametrize("split", SPLITS)
def test_what_is_shipped_is_what_it_promises_and_can_be_made_again(split: str) -> None:
    puzzles, depth = load_mates(split), SPLITS[split]
    assert len(puzzles) >= 1000
    assert len({puzzle.id for puzzle in puzzles}) == len(puzzles)
    assert {puzzle.side for puzzle in puzzles} == {Side.DEV if split.startswith("dev-") else Side.TEST}
    assert all(puzzle.any_mate == (depth == 1) for puzzle in puzzles)
    for puzzle in sorted(puzzles, key=lambda puzzle: puzzle.board.legal_moves.count())[: PROVED[depth]]:
        check(puzzle, depth)
    lines = (FOLDER / f"{split}.txt").read_text().splitlines()
    assert [format_line(puzzle) for puzzle in shipped_mates(split, 2)] == lines[:2]


def test_no_position_is_shipped_twice() -> None:
    seen = [puzzle.view.cells for split in SPLITS for puzzle in load_mates(split)]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("depth", [1, 2])
def test_fresh_mates_are_of_the_same_kind(depth: int) -> None:
    puzzles = sample_mates(depth, seed=1, count=3)
    assert [puzzle.side for puzzle in puzzles] == [Side.TEST] * 3
    for puzzle in puzzles:
        check(puzzle, depth)
    shipped = {puzzle.view.cells for split in SPLITS for puzzle in load_mates(split)}
    assert not shipped & {puzzle.view.cells for puzzle in puzzles}
    assert [puzzle.answer for puzzle in sample_mates(depth, seed=2, count=3)] != [p.answer for p in puzzles]


def test_training_mates_are_on_their_own_side_whatever_part_of_them_is_made() -> None:
    puzzles = list(training_mates(seed=0, first=0, count=30))
    assert len(puzzles) > 2
    assert {puzzle.side for puzzle in puzzles} == {Side.TRAIN}
    for puzzle in puzzles:
        check(puzzle, 1)
    parts = [puzzle for first in (0, 10, 20) for puzzle in training_mates(seed=0, first=first, count=10)]
    assert [format_line(puzzle) for puzzle in parts] == [format_line(puzzle) for puzzle in puzzles]
    assert [puzzle.id for puzzle in parts] == [puzzle.id for puzzle in puzzles]


def test_what_cannot_be_sampled_is_refused() -> None:
    with pytest.raises(LoopbenchError, match="mates are in 1, 2, 3 moves, not in 4"):
        sample_mates(4, 0, 1)
    with pytest.raises(LoopbenchError, match="count is 0 or more, not -1"):
        sample_mates(1, 0, -1)


BAD = {
    "": "not the six fields of a FEN and two moves",
    "8/8/8/8/8/8/8/8 w - - 0 1 e2e4": "not the six fields of a FEN and two moves",
    "8/8/8/8/8/8/8/9 w - - 0 1 e2e4 e7e5": "not a FEN",
    "8/8/8/8/8/8/8/8 w - - 0 1 e2e4 e7e5": "the position is not legal",
    "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1 e2e5 e7e5": "the move 'e2e5' is not legal",
    "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1 e2e4 e2e4": "the move 'e2e4' is not legal",
    "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1 e2e4 0000": "the move '0000' is not legal",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_lines_are_refused_in_one_line(line: str, tmp_path: Path) -> None:
    good = (FOLDER / "mate-2.txt").read_text().splitlines()[0]
    path = tmp_path / "mates.txt"
    path.write_text(f"{good}\n{line}\n")
    with pytest.raises(LoopbenchError) as error:
        read_mates(path, 2, "mates")
    assert str(error.value).startswith(f"{path}, line 2: {BAD[line]}")
    assert "\n" not in str(error.value)
