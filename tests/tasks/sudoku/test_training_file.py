"""The files of puzzles that a training reads."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from loopbench.tasks.sudoku.canonical import is_test_side
from loopbench.tasks.sudoku.elementary import count_eliminations
from loopbench.tasks.sudoku.files import read_puzzles
from loopbench.tasks.sudoku.generator import training_puzzles
from loopbench.tasks.sudoku.rating import rate
from loopbench.tasks.sudoku.solver import solve
from loopbench.tasks.sudoku.training_file import training_file


def share_stubborn(puzzles: np.ndarray) -> float:
    return float((~solve(puzzles).singles & (count_eliminations(puzzles) == 0)).mean())


def test_its_puzzles_are_within_the_benchmarks_limit_and_far_more_stubborn_than_chance_makes_them(
    tmp_path: Path,
) -> None:
    training_file(tmp_path / "stubborn.txt.gz", 300)
    puzzles, solutions = read_puzzles(tmp_path / "stubborn.txt.gz")  # and each has one solution
    assert len(puzzles) == 300
    assert rate(puzzles).max() <= 5
    assert not is_test_side(solutions).any()
    by_chance = training_puzzles(2000, 0, clues=(20, 36), max_rating=5).puzzles
    assert share_stubborn(puzzles) > 0.25 > 0.05 > share_stubborn(by_chance)
    assert solve(puzzles).singles.any()  # some are easy


def test_hard_ones_are_above_the_limit_and_most_are_stubborn(tmp_path: Path) -> None:
    training_file(tmp_path / "hard.txt.gz", 60, hard=True)  # of 64 climbs one stays below
    puzzles, solutions = read_puzzles(tmp_path / "hard.txt.gz")
    assert len(puzzles) == 60
    assert rate(puzzles).min() > 5
    assert not is_test_side(solutions).any()
    assert share_stubborn(puzzles) > 0.5


def test_a_shorter_file_is_the_beginning_of_a_longer_one_byte_for_byte(tmp_path: Path) -> None:
    for name, count in (("short", 60), ("again", 60), ("long", 100)):
        training_file(tmp_path / f"{name}.txt.gz", count)
    assert (tmp_path / "short.txt.gz").read_bytes() == (tmp_path / "again.txt.gz").read_bytes()
    short, long = (read_puzzles(tmp_path / f"{name}.txt.gz")[0] for name in ("short", "long"))
    assert (long[:60] == short).all()


def test_an_interrupt_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "stubborn.txt.gz"
    file.write_bytes(b"before")
    # what was started in the background ignores interrupts, and so do its children unless they say otherwise
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heeds}; from loopbench.tasks.sudoku.training_file import main; main()"
    command = [sys.executable, "-c", code, str(file), "100000", "--hard"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline() == "making 100,000 puzzles\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
    finally:
        process.kill()
    assert (process.returncode, said) == (130, f"interrupted: {file} is not written\n")
    assert file.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["puzzles.txt.gz", "0"], "COUNT is between 1 and 5,000,000, not 0"),
        (["puzzles.txt.gz", "many"], "invalid int value: 'many'"),
        (["taken/puzzles.txt.gz", "5"], "cannot write"),
        (["folder.txt.gz", "5"], "must be a file whose name ends in .txt.gz"),
        (["puzzles.txt", "5"], "must be a file whose name ends in .txt.gz"),
    ],
)
def test_what_cannot_be_made_is_refused_at_once(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "folder.txt.gz").mkdir()
    command = [sys.executable, "-m", "loopbench.tasks.sudoku.training_file", *arguments]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.txt.gz", "taken"]
