import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from watch_toys import Blinking, Diagonals, Sudoku, watch

from loopbench.picture import Cell, Picture
from loopbench.watch.frames import frames

POWERS = [2**i for i in range(14)]


def test_what_settles_is_shown_at_every_early_iteration_then_at_powers_of_two_and_at_the_end() -> None:
    assert [frame.t for frame in watch(Diagonals(), 100)] == [*range(1, 33), 64, 100]
    assert [frame.t for frame in watch(Diagonals(), 1)] == [1]


def test_a_late_change_is_shown_when_it_happens() -> None:
    class Slow(Diagonals):
        def readout(self, h: Tensor) -> Tensor:
            return super().readout(h / 50)

    assert [frame.t for frame in watch(Slow(200), 128)] == [*range(1, 33), 51, 64, 101, 128]


def test_what_never_settles_is_shown_within_bounds() -> None:
    shown = [frame.t for frame in watch(Blinking(), 10_000)]
    assert {*POWERS, 10_000} <= set(shown)
    assert 150 < len(shown) <= 32 * (1 + math.log(10_000 / 32)) + 14
    between = [(a, b) for a, b in pairwise(shown) if b not in {*POWERS, 10_000}]
    assert all(b - a >= b / 32 for a, b in between if b > 32)


def test_a_frame_counts_the_cells_that_count(sudoku) -> None:
    first, solved = sudoku[0], sudoku[16]
    assert (first.t, first.counted, first.solved, first.changed) == (1, 54, False, frozenset())
    assert first.right == sum(cell.right is True for row in first.picture.rows for cell in row)
    assert sudoku[1].changed == {(0, 1), (1, 0)}
    assert (solved.t, solved.right, solved.solved) == (17, 54, True)
    assert [frame.residual for frame in sudoku[:18]] == pytest.approx([*(1 / t for t in range(1, 18)), 0])


def test_the_model_runs_once_and_the_clock_is_told() -> None:
    told: list[int] = []
    steps = 0

    class Counting(Diagonals):
        def step(self, h: Tensor, e: Tensor) -> Tensor:
            nonlocal steps
            steps += 1
            return super().step(h, e)

    list(frames(Counting(), Sudoku(), Sudoku().load("only"), 200, report=told.append))
    assert steps == 200
    assert told == list(range(1, 201))


def test_a_state_that_explodes_is_said_to_be_not_finite() -> None:
    class Exploding(Diagonals):
        def step(self, h: Tensor, e: Tensor) -> Tensor:
            return h + torch.inf

    assert not any(math.isfinite(frame.residual) for frame in watch(Exploding(), 3))


@pytest.mark.parametrize(
    "arguments",
    [
        {"rows": []},
        {"rows": [[]]},
        {"rows": [[Cell()], [Cell(), Cell()]]},
        {"rows": [[Cell()]], "row_labels": ["a", "b"]},
        {"rows": [[Cell()]], "column_labels": ["a", "b"]},
    ],
)
def test_a_ragged_picture_is_refused(arguments) -> None:
    with pytest.raises(ValueError, match="picture"):
        Picture(**arguments)
