import csv
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from loopbench.errors import LoopbenchError
from loopbench.tasks.lines import refuse
from loopbench.tasks.sudoku import extreme
from loopbench.tasks.sudoku.task import Sudoku

ROW = np.arange(9)
SOLUTION = np.stack([(ROW + 3 * i + i // 3) % 9 + 1 for i in range(9)]).ravel()
Row = tuple[str, str, int]


def rows(count: int, seed: int) -> list[Row]:
    """Puzzles, answers and ratings: every puzzle has other blanks."""
    draw = random.Random(seed)
    made: list[Row] = []
    for _ in range(count):
        puzzle = "".join("." if draw.random() < 0.5 else str(digit) for digit in SOLUTION)
        made.append((puzzle, "".join(map(str, SOLUTION)), draw.randrange(40)))
    return made


def write(path: Path, data: list[Row]) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["source", "question", "answer", "rating"])
        table.writerows(("here", *row) for row in data)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[Row], list[Row]]:
    monkeypatch.setattr(extreme, "TRAIN_ROWS", 50)
    monkeypatch.setattr(extreme, "ROWS", 10)
    train, test = rows(120, 0), rows(200, 1)
    write(tmp_path / "train.csv", train)
    write(tmp_path / "test.csv", test)
    return tmp_path, train, test


def texts(grids: np.ndarray) -> list[str]:
    return ["".join(map(str, grid)).replace("0", ".") for grid in grids]


def test_the_parts_are_those_of_the_paper(copy: tuple[Path, list[Row], list[Row]]) -> None:
    folder, train, test = copy
    ratings = sorted(rating for *_, rating in train)
    place = 0.8 * (len(ratings) - 1)
    low = int(place)
    threshold = ratings[low] + (place - low) * (ratings[low + 1] - ratings[low])
    below = [puzzle for puzzle, _, rating in train if rating < threshold]
    hard = [puzzle for puzzle, _, rating in test if rating >= threshold]
    torch.manual_seed(42)
    order = torch.randperm(50).tolist()
    assert texts(extreme.paper_rows("train", folder)[0]) == [below[i] for i in order[:40]]
    assert texts(extreme.paper_rows("val", folder)[0]) == [below[i] for i in order[40:]]
    assert texts(extreme.paper_rows("dev-val", folder)[0]) == below[50:60]
    assert texts(extreme.paper_rows("hard", folder)[0]) == hard[:10]
    assert texts(extreme.paper_rows("dev-hard", folder)[0]) == hard[10:20]
    assert (extreme.paper_rows("hard", folder)[1] == SOLUTION).all()


def test_a_copy_that_is_not_what_it_should_be(copy: tuple[Path, list[Row], list[Row]]) -> None:
    folder, _, test = copy
    puzzle, answer, _ = test[0]
    for bad, message in (
        ((puzzle, answer, "many"), r"test\.csv, line 2: the rating 'many' is not a whole number"),
        ((puzzle, answer[::-1], 39), r"test\.csv, line 2: the answer does not keep the givens"),
        ((puzzle, answer[:-1], 39), r"test\.csv, line 2: 80 cells, not 81"),
        ((81 * ".", 81 * ".", 39), r"test\.csv, line 2: the answer is no completed grid"),
        ((81 * ".", 81 * "1", 39), r"test\.csv, line 2: the answer is no completed grid"),
    ):
        write(folder / "test.csv", [bad])  # pyright: ignore
        with pytest.raises(LoopbenchError, match=message):
            extreme.paper_rows("hard", folder)
    with pytest.raises(LoopbenchError, match=r"elsewhere does not exist: name the folder"):
        Sudoku().load("paper-hard", folder / "elsewhere")
    with pytest.raises(LoopbenchError, match=r"test\.csv is a file: name the folder"):
        Sudoku().load("paper-hard", folder / "test.csv")
    with pytest.raises(LoopbenchError, match="paper-hard counts the rows of Sudoku-Extreme, so none can be skipped"):
        Sudoku().load_good("paper-hard", folder, refuse)
    (folder / "test.csv").unlink()
    with pytest.raises(LoopbenchError, match=r"has no test\.csv \(nor test\.csv\.gz or test\.csv\.zst\)"):
        extreme.paper_rows("hard", folder)
