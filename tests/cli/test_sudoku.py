"""Sudoku through the commands: files of puzzles, good and bad, and Sudoku-Extreme from a Hub."""

import csv
import gzip
import io
import logging
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch
from loopback_hub import hub, run_with_hub

from loopbench.cli import main
from loopbench.evaluation import read_record
from loopbench.files import sha256
from loopbench.hub import build_model, save_model
from loopbench.tasks.sudoku.extreme import REPO, REVISION
from loopbench.tasks.sudoku.tiers import RatedPuzzles, load_tier

GENTLE, EXTREME = load_tier("dev-gentle"), load_tier("dev-extreme")
LINES = ["".join(map(str, puzzle)) for puzzle in GENTLE.puzzles[:3]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "toy"
    save_model(path, build_model("recall-outer", {"width": 8, "heads": 2}, "sudoku"))
    return path


def loopbench(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_any_file_of_puzzles_is_evaluated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.txt").write_text("\n".join(LINES))
    arguments = ("--model", str(folder), "--data", "mine.txt", "--iterations", "3")
    assert loopbench(monkeypatch, "eval", *arguments) == 0
    (path,) = Path("results").glob("*.json")
    record = read_record(path)
    assert (record.split.name, record.split.count, record.examples.count) == ("local-mine.txt", 3, 3)
    assert record.task.primary_metric == "valid"
    assert record.curves.keys() == {"valid", "reference"}
    assert "last, reference" in capsys.readouterr().out


def test_a_puzzle_of_a_file_is_watched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("\n".join(LINES))
    arguments = ("--model", str(folder), "--data", str(path), "--example", "2", "--iterations", "2")
    assert loopbench(monkeypatch, "watch", *arguments) == 0
    out = capsys.readouterr().out
    assert "mine.txt/2" in out
    assert "cells break a rule" in out


def table(*rows: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def test_bad_puzzles_of_a_file_can_be_skipped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, folder: Path, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.txt").write_text("\n".join([LINES[0][:-1], LINES[0], "." * 81, LINES[1]]))
    arguments = ("--model", str(folder), "--data", "mine.txt", "--skip-bad", "--iterations", "2")
    with caplog.at_level(logging.WARNING):
        assert loopbench(monkeypatch, "eval", *arguments) == 0
    assert caplog.messages == ["2 bad rows skipped, the first: mine.txt, line 1: 80 cells, not 81"]
    (path,) = Path("results").glob("*.json")
    assert read_record(path).split.count == 2


def test_a_file_of_bad_puzzles_alone_names_the_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.txt").write_text(f"\n{LINES[0][:-1]}\n")
    assert loopbench(monkeypatch, "eval", "--model", str(folder), "--data", "mine.txt", "--skip-bad") == 2
    assert "no example: 1 bad row skipped, the first: mine.txt, line 2: 80 cells" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("short.txt", f"{LINES[0]}\n{LINES[1][:-1]}\n".encode(), "short.txt, line 2: 80 cells, not 81"),
        ("letters.txt", f"{LINES[0][:-1]}X".encode(), "letters.txt, line 1: 'X' is no cell"),
        ("two.txt", f"\n{'.' * 81}".encode(), "two.txt, line 2: the puzzle has more than one solution"),
        ("none.txt", f"11{'.' * 79}".encode(), "none.txt, line 1: the puzzle has no solution"),
        ("mine.csv", table(("puzzle", "rating"), (LINES[0], "3")), "mine.csv has no column question"),
        ("cut.txt.gz", gzip.compress("\n".join(LINES * 50).encode(), mtime=0)[:-9], "the compressed file is cut short"),
        ("noise.txt.gz", b"no gzip", "noise.txt.gz"),
        ("empty.txt", b"", "empty.txt has no example"),
    ],
)
@pytest.mark.parametrize("command", ["eval", "watch"])
def test_bad_files_are_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    tmp_path: Path,
    command: str,
    name: str,
    content: bytes,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    assert loopbench(monkeypatch, command, "--model", str(folder), "--data", name) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert out == ""
    assert not Path("results").exists()


DRIVER = """
import sys
from loopbench.cli import main
from loopbench.tasks.sudoku import extreme
extreme.SHA256.update(zip(("train.csv", "test.csv"), sys.argv[1:3]))  # of the small files of this test
del sys.argv[1:3]
main()
"""


def texts(tier: RatedPuzzles, i: int) -> tuple[str, str]:
    return "".join(map(str, tier.puzzles[i])).replace("0", "."), "".join(map(str, tier.solutions[i]))


def run_driver(endpoint: str, hashes: list[str], arguments: list[str], folder: Path) -> CompletedProcess[str]:
    return run_with_hub(endpoint, DRIVER, [*hashes, *arguments], folder)


def test_sudoku_extreme_comes_from_the_hub_and_a_local_copy_never_passes_for_it(folder: Path, tmp_path: Path) -> None:
    header = ("source", "question", "answer", "rating")
    files = {
        "train.csv": table(header, *(("here", *texts(GENTLE, i), str(i % 5)) for i in range(40))),
        "test.csv": table(header, *(("here", *texts(EXTREME, i), "90") for i in range(7))),
    }
    hashes = [sha256(files[name]) for name in ("train.csv", "test.csv")]
    arguments = ["eval", "--model", str(folder), "--split", "paper-hard", "--iterations", "2", "--output", "records"]
    with hub(REPO, REVISION, files) as endpoint:
        done = run_driver(endpoint, hashes, arguments, tmp_path)
        assert done.returncode == 0, done.stderr
        (path,) = (tmp_path / "records").glob("*.json")
        official = read_record(path)
        assert (official.split.name, official.examples.count) == ("paper-hard", 7)

        other = run_driver(endpoint, ["0" * 64, hashes[1]], [*arguments, "--force"], tmp_path)
        assert other.returncode == 2
        assert f"train.csv has sha256 {hashes[0]}, not {'0' * 64}" in other.stderr
        assert other.stderr.count("\n") == 1

    kept = run_driver(endpoint, hashes, [*arguments, "--force"], tmp_path)
    assert kept.returncode == 0, "what is in the Hub client's cache needs no Hub"
    away = run_driver(endpoint, hashes, arguments, tmp_path / "records")
    assert away.returncode == 2
    assert "the Hub is out of reach" in away.stderr
    assert away.stderr.count("\n") == 1, "the client's own warnings of retries are left out"

    copy = tmp_path / "copy"
    copy.mkdir()
    for name, content in files.items():
        (copy / f"{name}.gz").write_bytes(gzip.compress(content))
    done = run_driver(endpoint, hashes, [*arguments, "--data", f"sudoku-extreme={copy}"], tmp_path)
    assert done.returncode == 0, done.stderr
    (local,) = (r for r in map(read_record, (tmp_path / "records").glob("*.json")) if r.split.name != "paper-hard")
    assert local.split.name == "local-paper-hard"
    assert local.primary.correct == official.primary.correct
