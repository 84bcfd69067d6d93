"""The core's own architectures and tasks keep the contracts that plugins are held to."""

from pathlib import Path
from typing import Any

import pytest
from chess_games import table, write

from loopbench.plugins import get_architecture
from loopbench.tasks.chess.task import Chess
from loopbench.tasks.prefix_sums import PrefixSums
from loopbench.tasks.sudoku.task import Sudoku
from loopbench.testing import architecture_tests, check_architecture, check_task, task_tests

SIZE = {"width": 8, "heads": 2}

test_recall = architecture_tests(get_architecture("recall"), SIZE)
test_prefix_sums = task_tests(PrefixSums())


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("loop", {}),
        ("internal-recall", {}),
        ("loop-outer", {}),
        ("recall-outer", {}),
        ("internal-recall-outer", {}),
        ("looped-transformer", {"recall": "recall", "norm": "gru"}),
        ("fixed-depth", {}),
    ],
)
def test_the_other_architectures(name: str, config: dict[str, Any]) -> None:
    check_architecture(get_architecture(name), SIZE | config)


def test_sudoku() -> None:
    check_task(Sudoku(), samples=False)


def test_chess(tmp_path: Path) -> None:
    check_task(Chess(), {"puzzles": str(write(tmp_path / "puzzles.csv", table(games=8, seed=5)))}, samples=False)
