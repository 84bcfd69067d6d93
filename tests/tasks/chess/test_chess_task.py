from itertools import islice
from pathlib import Path

import pytest
import torch
from chess_games import table, write
from torch import Tensor

from loopbench.contracts import Examples
from loopbench.errors import LoopbenchError
from loopbench.evaluation.examples import load_examples
from loopbench.tasks.chess import lichess
from loopbench.tasks.chess.puzzles import examples, grids, parse
from loopbench.tasks.chess.rows import Row
from loopbench.tasks.chess.task import Chess, ChessSource

task = Chess()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("chess") / "puzzles.csv", table(games=6, seed=2))


def boards(inputs: Tensor) -> set[bytes]:
    return {board.tobytes() for board in inputs.to(torch.uint8).numpy()}


def test_training_goes_through_the_puzzles_of_its_side(path: Path) -> None:
    source = ChessSource(puzzles=str(path), max_rating=2000)
    expected = grids(lichess.training_puzzles(path, 2000))[0]
    size = len(expected)
    epoch = list(islice(task.batches(source, 16, seed=3), size // 16))
    seen = [board for batch in epoch for board in batch.inputs.to(torch.uint8).numpy()]
    assert {board.tobytes() for board in seen} <= {board.tobytes() for board in expected}
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
    assert boards(batch.inputs) == boards(torch.as_tensor(grids(lichess.paper_puzzles("train", path))[0]))


def test_splits_are_read_from_a_local_copy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lichess, "TRAIN_ROWS", 50)
    monkeypatch.setattr(lichess, "PAPER_ROWS", 20)
    names = [split.name for split in task.splits]
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
    with pytest.raises(LoopbenchError, match=r"a local copy of the Lichess puzzles: --data lichess=FILE"):
        task.load("lichess-0-1600")
    with pytest.raises(LoopbenchError, match="task chess has no split 'mate-9'"):
        task.load("mate-9", path)
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
    assert marks(example, *elsewhere) == dict.fromkeys(answer + elsewhere, False)
    picture = task.render(example, logits(*answer), 0)
    assert picture.rows[7][0].heat > 0.9 > 0.1 > picture.rows[4][4].heat
    assert picture.caption == "best legal move Ra8#, right"


def test_the_caption_names_the_best_legal_move_and_the_right_one() -> None:
    example = puzzle(*MATES)
    other = task.render(example, logits((7, 1), (0, 1)), 0)
    assert other.caption == "best legal move Rb8#, right, as is Ra8#"
    wrong = task.render(example, logits((7, 1), (6, 1)), 0)
    assert wrong.caption == "best legal move Rb2, wrong: right is Ra8#"
    broken = logits((7, 0), (0, 0))
    broken[0, 3, 3, 0] = torch.nan
    picture = task.render(example, broken, 0)
    assert picture.caption == "the logits are not finite; right is Ra8#"
    assert [cell.right for row in picture.rows for cell in row if cell.right is not None] == [False, False]
