from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import chess
import pytest
import torch
from chess_games import table, write
from torch import Tensor

from loopbench.contracts import Examples
from loopbench.errors import LoopbenchError
from loopbench.evaluation.examples import load_examples
from loopbench.tasks.chess import lichess, training
from loopbench.tasks.chess.encoding import View
from loopbench.tasks.chess.puzzles import Positions, Side, examples, parse, positions
from loopbench.tasks.chess.rows import Row
from loopbench.tasks.chess.sampling import training_mates
from loopbench.tasks.chess.task import Chess, ChessSource, training_pool
from loopbench.tasks.splits import canonical_sha256

task = Chess()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("chess") / "puzzles.csv", table(games=6, seed=2))


def boards(inputs: Tensor) -> list[bytes]:
    return [board.tobytes() for board in inputs.to(torch.uint8).numpy()]


def kept(found: Positions) -> list[bytes]:
    return [cells.tobytes() for cells in found.cells]


def test_training_goes_through_the_puzzles_of_its_side(path: Path) -> None:
    source = ChessSource(puzzles=str(path), max_rating=2000)
    rows = list(lichess.rated_rows(path, range(2001)))
    expected = kept(positions(puzzle for puzzle in map(parse, rows) if puzzle.side is Side.TRAIN))
    size = len(expected)
    assert 0.6 < size / len(rows) < 0.9
    epoch = list(islice(task.batches(source, 16, seed=3), size // 16))
    seen = [board for batch in epoch for board in boards(batch.inputs)]
    assert not Counter(seen) - Counter(expected)
    assert len(seen) == size - size % 16
    for batch in epoch:
        assert (batch.targets.flatten(1).sum(1) == 2).all()
        moved = batch.inputs[batch.targets == 1].view(-1, 2)
        assert ((moved >= 1) & (moved <= 6)).any(1).all()  # one of the squares has a piece of the mover's
    again = next(task.batches(source, 16, seed=3, first=2))
    assert torch.equal(again.inputs, epoch[2].inputs)
    assert torch.equal(again.targets, epoch[2].targets)
    with pytest.raises(LoopbenchError, match=f"{size} training examples are less than one batch of 5000"):
        next(task.batches(source, 5000, seed=3))


def test_training_on_the_papers_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lichess, "TRAIN_ROWS", 50)
    batch = next(task.batches(ChessSource(puzzles=str(path), paper=True), 40, seed=0))
    assert sorted(boards(batch.inputs)) == sorted(kept(positions(lichess.paper_puzzles("train", path))))


def side_of(board: Tensor) -> Side:
    cells = bytes(board.flatten().tolist())
    return replace(parse(Row("", "", chess.STARTING_FEN, "e2e4 e7e5", 0, "")), view=View(cells, 0)).side


def test_shipped_mates_are_what_they_were_and_on_their_side() -> None:
    for split in task.splits:
        if split.source == "shipped":
            batch = task.load(split.name)
            assert len(batch) == split.count
            assert set(batch.extra["any_mate"]) == {split.difficulty == 1}
            side = Side.DEV if split.name.startswith("dev-") else Side.TEST
            assert {side_of(board) for board in batch.inputs[:50]} == {side}


def test_fresh_mates_are_like_the_shipped_ones() -> None:
    one, again, other = (task.sample(1, seed, 3) for seed in (5, 5, 6))
    assert torch.equal(one.inputs, again.inputs)
    assert not torch.equal(one.inputs, other.inputs)
    assert set(one.extra["any_mate"]) == {True}
    with pytest.raises(LoopbenchError, match="difficulty must be one of 1, 2, 3, the moves to a fresh mate, not 1600"):
        task.sample(1600, 0, 3)


def test_the_hash_of_a_split_covers_what_only_the_fen_says() -> None:
    mates = task.load("mate-1")
    fens = [fen.replace("KQkq", "KQ") for fen in mates.extra["fen"]]
    assert fens != mates.extra["fen"]
    without = replace(mates, extra={**mates.extra, "fen": fens})
    assert canonical_sha256(without) != canonical_sha256(mates)


def test_training_on_generated_mates_never_meets_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ChessSource(puzzles="generated", mates=12)
    first, second = islice(task.batches(source, 4, seed=1), 2)
    assert {side_of(board) for batch in (first, second) for board in batch.inputs} == {Side.TRAIN}
    assert not set(boards(first.inputs)) & set(boards(second.inputs))
    found = [puzzle.view.cells for puzzle in training_mates(0, 0, 100)][:12]
    assert set(boards(first.inputs)) < set(found), "the first mates of the games, in order"
    training_pool.cache_clear()
    monkeypatch.setattr(training, "ProcessPoolExecutor", None)  # nothing is made a second time
    assert torch.equal(next(task.batches(source, 4, seed=1, first=1)).inputs, second.inputs)


def test_splits_are_read_from_a_local_copy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lichess, "TRAIN_ROWS", 50)
    monkeypatch.setattr(lichess, "PAPER_ROWS", 20)
    names = [split.name for split in task.splits if split.downloaded]
    assert {f"dev-{name}" for name in names if not name.startswith("dev-")} <= set(names)
    found = {name: load_examples(task, name, path) for name in names}
    for name, (split, loaded) in found.items():
        assert (split.name, split.source, split.count) == (f"local-{name}", "local", len(loaded))
        assert set(loaded.extra) == {"fen", "answer", "any_mate"}
    for name in lichess.BANDS:
        assert not set(found[name][1].ids) & set(found[f"dev-{name}"][1].ids)
    _, everything = load_examples(task, None, path)
    assert len(everything) == len(path.read_text().splitlines()) - 1


def test_what_cannot_be_loaded(path: Path, tmp_path: Path) -> None:
    with pytest.raises(LoopbenchError, match="name a split, or a file of puzzles in its place"):
        task.load(None)
    with pytest.raises(LoopbenchError, match="task chess has no split 'mate-9'"):
        task.load("mate-9", path)
    with pytest.raises(LoopbenchError, match="split mate-1 of task chess is shipped: it is not read from a file"):
        load_examples(task, "mate-1", path)
    with pytest.raises(LoopbenchError, match="has no example"):
        load_examples(task, None, write(tmp_path / "empty.csv", []))


MATES = ("6k1/8/6K1/8/8/8/8/RR6 b - - 0 1", "g8h8 a1a8", "mateIn1")


def puzzle(fen: str, moves: str, themes: str = "") -> Examples:
    return examples([parse(Row("test", "one", fen, moves, 1500, themes))])


def logits(*cells: tuple[int, int]) -> Tensor:
    """Logits that say class 1 on some cells and class 0 on the others."""
    found = torch.zeros(1, 8, 8, 2)
    found[..., 0] = 5.0
    for row, column in cells:
        found[0, row, column] = torch.tensor([0.0, 5.0])
    return found


def marks(example: Examples, *cells: tuple[int, int]) -> dict[tuple[int, int], bool]:
    rows = task.render(example, logits(*cells), 0).rows
    return {(r, c): cell.right for r, row in enumerate(rows) for c, cell in enumerate(row) if cell.right is not None}


def test_the_picture_is_the_position_as_its_mover_sits_before_it() -> None:
    example = puzzle("4k3/8/8/8/3p4/8/8/K7 w - - 0 1", "a1a2 d4d3")
    picture = task.render(example, logits(), 0)
    assert "".join(picture.row_labels) == "12345678"
    assert "".join(picture.column_labels) == "hgfedcba"
    texts = {(r, c): cell.text for r, cells in enumerate(picture.rows) for c, cell in enumerate(cells) if cell.text}
    assert texts == {(1, 7): "♔", (3, 4): "♟", (7, 3): "♚"}


def test_the_picture_marks_the_answer_and_the_model() -> None:
    example = puzzle(*MATES)
    answer, elsewhere = ((7, 0), (0, 0)), ((7, 7), (0, 7))  # the mover's king is on g6: not mirrored
    assert marks(example, *answer) == dict.fromkeys(answer, True)
    assert marks(example, *elsewhere) == dict.fromkeys(answer, False)
    assert marks(example, answer[0], elsewhere[0]) == {answer[0]: True, answer[1]: False}
    picture = task.render(example, logits(*answer), 0)
    assert picture.rows[7][0].heat > 0.9 > 0.1 > picture.rows[4][4].heat
    assert picture.caption == "points at a1 and a8; best legal move Ra8#, right"


def test_the_caption_names_the_best_legal_move_and_the_right_one() -> None:
    example = puzzle(*MATES)
    other = task.render(example, logits((7, 1), (0, 1)), 0)
    assert other.caption == "points at b1 and b8; best legal move Rb8#, right, as is Ra8#"
    wrong = task.render(example, logits((7, 1), (6, 1)), 0)
    assert wrong.caption == "points at b1 and b2; best legal move Rb2, wrong: right is Ra8#"
    broken = logits((7, 0), (0, 0))
    broken[0, 3, 3, 0] = torch.nan
    picture = task.render(example, broken, 0)
    assert picture.caption == "the logits are not finite; right is Ra8#"
    assert [cell.right for row in picture.rows for cell in row if cell.right is not None] == [False, False]
