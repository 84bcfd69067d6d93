"""The training positions of a file: on several cores, kept, and made anew."""

import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from chess_games import table, write

from loopbench.cache import cache_folder
from loopbench.errors import LoopbenchError
from loopbench.tasks.chess import training
from loopbench.tasks.chess.puzzles import Positions, Side
from loopbench.tasks.chess.rows import read_rows
from loopbench.tasks.chess.training import parse_rows, parse_shared, training_positions
from loopbench.tasks.lines import Skipped


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "puzzles.csv", table(games=4, seed=5))


def read(path: Path, *, max_rating: int = 9999, skip_bad: bool = False, version: int = 1) -> Positions:
    return training_positions(path, max_rating, paper=False, skip_bad=skip_bad, version=version)


def no_parsing(*args: object) -> None:
    raise AssertionError("a row was parsed")


def test_a_file_is_parsed_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read(path)
    monkeypatch.setattr(training, "parse_rows", no_parsing)
    again = read(path.rename(path.with_name("renamed.csv")))
    assert len(first) > 50
    assert np.array_equal(first.cells, again.cells)
    assert np.array_equal(first.answers, again.answers)


def test_another_file_selection_or_version_is_parsed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = read(path)
    assert 0 < len(read(path, max_rating=1500)) < len(everything)
    write(path, table(games=3, seed=5))
    assert len(read(path)) < len(everything)
    monkeypatch.setattr(training, "parse_rows", no_parsing)
    with pytest.raises(AssertionError):
        read(path, version=2)


def test_rows_that_are_shared_out_stay_in_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row._replace(moves="" if i % 70 == 3 else row.moves) for i, row in enumerate(read_rows(path))]
    alone, shared = Skipped(), Skipped()
    expected = parse_rows(rows, Side.TRAIN, alone)
    monkeypatch.setattr(training, "CHUNK", 20)
    monkeypatch.setattr(training, "cores", lambda: 2)
    found = parse_shared(rows, Side.TRAIN, shared)
    assert np.array_equal(found.cells, expected.cells)
    assert np.array_equal(found.answers, expected.answers)
    assert (shared.count, shared.first) == (alone.count, alone.first)
    assert shared.count > 2


def test_bad_rows(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = read(path)
    with path.open("a") as file:
        file.write("bad01,8/8 w,a1a2 a2a3,1500,,,,,\nbad02,8/8 w,a1a2 a2a3,hard,,,,,\n")
    with pytest.raises(LoopbenchError, match="puzzle bad01: not a FEN"):
        read(path)
    with caplog.at_level(logging.WARNING):
        assert len(read(path, skip_bad=True)) == len(whole)
    [line] = caplog.messages
    assert line.startswith("2 bad rows skipped, the first: ")
    with pytest.raises(LoopbenchError, match=r"nowhere\.csv does not exist or is not a regular file"):
        read(path.with_name("nowhere.csv"))


def test_nothing_is_kept_of_a_bad_file(path: Path) -> None:
    path.write_text(path.read_text() + "bad01,8/8 w,a1a2 a2a3,1500,,,,,\n")
    with pytest.raises(LoopbenchError):
        read(path)
    assert not list(cache_folder().glob("*.safetensors"))


KILLED = """
import multiprocessing, os, signal, time
from loopbench.tasks.chess.training import _shared_out

if __name__ == "__main__":
    parts = _shared_out(time.sleep, [0] + 100 * [600])
    next(parts)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    killed = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in killed.stdout.split()]
    assert pids
    deadline = time.monotonic() + 60  # they would sleep for ten minutes
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, pids))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
