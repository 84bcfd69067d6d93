"""The statistics of a verification, against what can be counted by hand."""

import pytest
import torch

from loopbench.contracts import IGNORED, Examples, Metric
from loopbench.leaderboard.agreement import (
    above_chance,
    better_than_fresh,
    chance,
    device_explains,
)
from loopbench.plugins import get_task
from loopbench.tasks.metrics import exact_accuracy


@pytest.mark.parametrize(
    ("flips", "n", "agrees"),
    [
        (0, 25, True),
        (3, 25, True),
        (4, 25, False),
        (25, 25, False),
        (4, 50, True),
        (5, 50, False),
        (20, 500, False),
        (100, 10_000, True),
        (200, 10_000, False),
    ],
)
def test_flips_that_a_device_explains(flips: int, n: int, agrees: bool) -> None:
    assert device_explains([0, flips, 0], n) == agrees


@pytest.mark.parametrize(
    ("public", "fresh", "low"),
    [
        (500, 25, False),
        (500, 24, False),
        (500, 20, True),
        (250, 12, False),
        (250, 1, True),
        (0, 0, False),
        (0, 25, False),
    ],
)
def test_fresh_against_public(public: int, fresh: int, low: bool) -> None:
    assert (better_than_fresh([0, public], 500, [0, fresh], 25) < 0.01) == low


def test_a_solver_is_far_above_chance() -> None:
    assert above_chance([0, 20], 25, 0.008)
    assert not above_chance([3, 3], 25, 0.008)


def test_chance_is_what_the_commonest_answer_solves() -> None:
    inputs = torch.zeros(100, 2, dtype=torch.int64)
    targets = torch.tensor([[1, 0]] * 60 + [[0, 1]] * 30 + [[1, IGNORED]] * 10)
    examples = Examples(inputs, targets, tuple(map(str, range(100))))
    found = chance(Metric("exact", exact_accuracy), examples, 3)
    assert 0.7 < found < 0.8  # 70 of 100, and the interval above it


@pytest.mark.parametrize(("task", "split"), [("prefix-sums", "bits-64"), ("sudoku", "hard"), ("chess", "mate-1")])
def test_chance_is_small_on_the_benchmarks(task: str, split: str) -> None:
    found = get_task(task)
    assert chance(found.metrics[0], found.load(split), found.shape.num_classes) < 0.02
