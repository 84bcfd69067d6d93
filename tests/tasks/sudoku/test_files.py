import gzip
from pathlib import Path

import numpy as np
import pytest

from loopbench.errors import LoopbenchError
from loopbench.tasks.sudoku.files import read_puzzles

ROW = np.arange(9)
SOLUTION = np.stack([(ROW + 3 * i + i // 3) % 9 + 1 for i in range(9)]).ravel()
TEXT = "".join(map(str, SOLUTION))
PUZZLE = "".join("." if cell % 7 == 0 else digit for cell, digit in enumerate(TEXT))
OTHER = "".join("0" if cell % 5 == 0 else digit for cell, digit in enumerate(TEXT))


def written(tmp_path: Path, content: str, name: str = "puzzles.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("puzzles.txt", f"# two puzzles\n{PUZZLE} 7.2\n\n{OTHER}\r\n"),
        ("puzzles.txt.gz", f"{PUZZLE},{TEXT}\n{OTHER}"),
        ("puzzles.csv", f"source,question,answer,rating\na,{PUZZLE},{TEXT},3\nb,{OTHER},{TEXT},0\n"),
    ],
)
def test_puzzles_are_read_and_solved(tmp_path: Path, name: str, content: str) -> None:
    puzzles, solutions = read_puzzles(written(tmp_path, content, name))
    assert ["".join(map(str, puzzle)) for puzzle in puzzles] == [PUZZLE.replace(".", "0"), OTHER]
    assert (solutions == SOLUTION).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{PUZZLE}\n{PUZZLE[:-1]}\n", "line 2: 80 cells, not 81"),
        (f"{PUZZLE[:-1]}x\n", "line 1: 'x' is no cell: write 1 to 9, and . or 0 for a blank"),
        (f"{PUZZLE[:-1]}\x1b\n", "line 1: '�' is no cell"),
        (f"\n{TEXT[1]}{TEXT[1:]}\n", "line 2: the puzzle has no solution"),
        (f"{PUZZLE}\n{'.' * 81}\n", "line 2: the puzzle has more than one solution"),
    ],
)
def test_what_is_no_puzzle_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(LoopbenchError, match=message) as caught:
        read_puzzles(written(tmp_path, content))
    assert "puzzles.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_csv_without_its_column_and_a_cut_file(tmp_path: Path) -> None:
    with pytest.raises(LoopbenchError, match=r"has no column question, or .*: its header is 'quizzes', 'solutions'"):
        read_puzzles(written(tmp_path, "quizzes,solutions\n", "puzzles.csv"))
    path = written(tmp_path, f"{PUZZLE}\n" * 100, "puzzles.txt.gz")
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(LoopbenchError, match=r"line \d+: the compressed file is cut short"):
        read_puzzles(path)
