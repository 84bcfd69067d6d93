from itertools import islice
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from loopbench.errors import LoopbenchError
from loopbench.tasks.sudoku.canonical import is_test_side
from loopbench.tasks.sudoku.task import Sudoku, SudokuSource
from loopbench.tasks.sudoku.tiers import TIERS

task = Sudoku()


def grids(x: torch.Tensor):
    return x.flatten(1).numpy().astype("uint8")


def test_training_draws_puzzles_with_solutions_on_the_training_side() -> None:
    source = SudokuSource()
    batches = list(islice(task.batches(source, 16, seed=3), 3))
    for batch in batches:
        blank = batch.inputs == 0
        assert (blank | (batch.inputs == batch.targets)).all()
        assert blank.flatten(1).any(1).all()
        assert not is_test_side(grids(batch.targets)).any()
    again = next(task.batches(source, 16, seed=3, first=2))
    assert torch.equal(again.inputs, batches[2].inputs)
    assert not torch.equal(batches[0].inputs, batches[1].inputs)


def test_a_file_is_trained_on_without_its_test_side(tmp_path: Path) -> None:
    tested = task.sample(TIERS[0].difficulty, seed=0, count=3)
    trained = next(task.batches(SudokuSource(augment=False), 5, seed=0))
    lines = ["".join(map(str, puzzle)) for batch in (tested, trained) for puzzle in grids(batch.inputs)]
    path = tmp_path / "puzzles.txt"
    path.write_text("\n".join(lines))
    batch = next(task.batches(SudokuSource(puzzles=str(path), augment=False), 5, seed=0))
    found = {puzzle.tobytes() for puzzle in grids(batch.inputs)}
    assert found == {puzzle.tobytes() for puzzle in grids(trained.inputs)}
    with pytest.raises(LoopbenchError, match="5 training examples are less than one batch of 6"):
        next(task.batches(SudokuSource(puzzles=str(path)), 6, seed=0))
    assert len(task.load(None, path)) == 8
    path.with_name("tested.txt").write_text("\n".join(lines[:3]))
    with pytest.raises(LoopbenchError, match=r"tested\.txt has 3 puzzles, and none of them on the training side"):
        next(task.batches(SudokuSource(puzzles=str(path.with_name("tested.txt"))), 1, seed=0))


def test_training_puzzles_have_the_clues_asked_for() -> None:
    batch = next(task.batches(SudokuSource(clues=(35, 38)), 64, seed=0))
    clues = (batch.inputs > 0).flatten(1).sum(1)
    assert (int(clues.min()), int(clues.max())) == (35, 38)
    for clues in ((16, 30), (40, 30), (20, 81)):
        with pytest.raises(ValidationError, match="between 17 and 80"):
            SudokuSource(clues=clues)


def test_a_sample_is_of_its_tier() -> None:
    gentle = task.sample(TIERS[0].difficulty, seed=1, count=4)
    assert is_test_side(grids(gentle.targets)).all()
    assert ((gentle.inputs > 0).flatten(1).sum(1) >= 40).all()
    with pytest.raises(LoopbenchError, match=r"difficulty must be one of 0 \(gentle\)"):
        task.sample(3, seed=0, count=1)


def test_the_picture_marks_givens_and_wrong_cells() -> None:
    examples = task.sample(0, seed=0, count=1)
    answer = examples.targets.clone()
    row, column = (examples.inputs[0] == 0).nonzero()[0].tolist()
    answer[0, row, column] = answer[0, row, column] % 9 + 1
    picture = task.render(examples, torch.nn.functional.one_hot(answer, 10).float(), 0)
    wrong = [(r, c) for r in range(9) for c in range(9) if picture.rows[r][c].right is False]
    assert wrong == [(row, column)]
    assert sum(cell.given for cells in picture.rows for cell in cells) == int((examples.inputs > 0).sum())
    assert "break a rule" in picture.caption
