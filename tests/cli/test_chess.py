"""Chess through the commands: files of puzzles, good and bad, and the Lichess puzzles from a Hub."""

import csv
import gzip
import io
import logging
import sys
from pathlib import Path

import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
import torch
from chess_games import HEADER, table, write
from loopback_hub import hub, run_with_hub

from loopbench.cache import CACHE
from loopbench.cli import main
from loopbench.evaluation import read_record
from loopbench.files import sha256
from loopbench.hub import build_model, load_model, save_model
from loopbench.tasks.chess.lichess import FILE, REPO, REVISION

BOARD = "r6k/pp2r2p/4Rp1Q/3p4/8/1N1P2R1/PqP2bPP/7K b - - 0 24"
GOOD = ["00008", BOARD, "f2g3 e6e7 b2b1 b3c1", "1760", "80", "90", "10", "crushing", ""]
MANY = [[f"p{i:04}", *GOOD[1:]] for i in range(50)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "toy"
    save_model(path, build_model("recall-outer", {"width": 8, "heads": 2}, "chess"))
    return path


def loopbench(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def with_changed(column: str, value: str) -> list[str]:
    return ["bad01", *(value if name == column else old for name, old in zip(HEADER[1:], GOOD[1:], strict=True))]


def as_csv(*rows: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def as_parquet(path: Path) -> bytes:
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(path), sink, row_group_size=50)
    return sink.getvalue().to_pybytes()


def test_any_file_of_puzzles_is_evaluated(monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    count = len(table(games=1, seed=3))
    write(Path("mine.csv"), table(games=1, seed=3))
    assert loopbench(monkeypatch, "eval", "--model", str(folder), "--data", "mine.csv", "--iterations", "3") == 0
    (path,) = Path("results").glob("*.json")
    record = read_record(path)
    assert (record.split.name, record.split.count, record.examples.count) == ("local-mine.csv", count, count)
    assert record.task.primary_metric == "squares"
    assert record.curves.keys() == {"squares", "move"}


def test_the_best_move_is_named_as_iterations_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "mine.csv", [GOOD])
    arguments = ("watch", "--model", str(folder), "--data", str(path), "--iterations", "2")
    assert loopbench(monkeypatch, *arguments) == 0
    out = capsys.readouterr().out
    assert "on 00008" in out
    assert out.count("♚") == out.count("best legal move") == out.count("Rxe7") == 2
    assert loopbench(monkeypatch, *arguments, "--save", str(tmp_path / "board.svg")) == 0
    assert "Rxe7" in (tmp_path / "board.svg").read_text()


def test_a_model_is_trained_on_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    write(Path("mine.csv"), table(games=2, seed=3))
    Path("mine.yaml").write_text(
        "{task: chess, data: {puzzles: mine.csv, max_rating: 3000}, architecture: recall, steps: 2, batch_size: 8, "
        "config: {width: 8, heads: 2}, objective: {name: progressive, options: {max_iterations: 3}}, "
        "optimizer: {lr: 1.0e-3}, compile: false}"
    )
    assert loopbench(monkeypatch, "train", "./mine.yaml", "--output", "run") == 0
    info = load_model("./run").info
    assert info is not None
    assert info.task == "chess"


BAD: dict[str, tuple[str, bytes, str]] = {
    "no FEN": ("mine.csv", as_csv(HEADER, GOOD, with_changed("FEN", "8/8 w")), "puzzle bad01: not a FEN"),
    "no position": (
        "mine.csv",
        as_csv(HEADER, with_changed("FEN", "8/8/8/8/8/8/8/K7 w - - 0 1")),
        "bad01: the position is not legal: no black king",
    ),
    "no move": ("mine.csv", as_csv(HEADER, with_changed("Moves", "f2g3 e6d7")), "bad01: the move 'e6d7' is not legal"),
    "no rating": (
        "mine.csv",
        as_csv(HEADER, with_changed("Rating", "high")),
        "bad01: the rating 'high' is not a whole",
    ),
    "a short row": ("mine.csv", as_csv(HEADER, GOOD[:4]), "mine.csv, line 2: 4 values, and the header has 9"),
    "no such column": ("mine.csv", as_csv(HEADER[:2], GOOD[:2]), "mine.csv has no column Moves, Rating, Themes"),
    "nothing": ("mine.csv", as_csv(HEADER), "mine.csv has no example"),
    "empty": ("mine.csv", b"", "its header is empty"),
    "cut short": ("mine.csv.gz", gzip.compress(as_csv(HEADER, *MANY))[:-9], "the compressed file is cut short"),
    "no parquet": ("mine.parquet", as_csv(HEADER, GOOD), "not parquet, or damaged"),
}
ONLY_ROWS = ("no FEN", "no position", "no move", "no rating", "a short row")


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("command", ["eval", "watch"])
def test_bad_files_are_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    tmp_path: Path,
    command: str,
    kind: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    name, content, message = BAD[kind]
    Path(name).write_bytes(content)
    assert loopbench(monkeypatch, command, "--model", str(folder), "--data", name) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert out == ""
    assert not Path("results").exists()


@pytest.mark.parametrize("kind", BAD)
def test_skipping_bad_rows_leaves_other_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    name, content, message = BAD[kind]
    content = content.replace(as_csv(GOOD), b"") if kind in ONLY_ROWS else content
    Path(name).write_bytes(content)
    assert loopbench(monkeypatch, "watch", "--model", str(folder), "--data", name, "--skip-bad") == 2
    err = capsys.readouterr().err
    assert message in err
    assert ("has no example: 1 bad row skipped" in err) == (kind in ONLY_ROWS)


def test_bad_rows_can_be_skipped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, folder: Path, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    bad = [with_changed("FEN", "8/8 w"), with_changed("Moves", "f2g3"), with_changed("Rating", "high"), GOOD]
    Path("mine.csv").write_bytes(as_csv(HEADER, GOOD, *bad, ["00009", *GOOD[1:]]))
    arguments = ("--model", str(folder), "--data", "mine.csv", "--skip-bad", "--iterations", "2")
    with caplog.at_level(logging.WARNING):
        assert loopbench(monkeypatch, "eval", *arguments) == 0
    [line] = caplog.messages
    assert line.startswith("4 bad rows skipped, the first: mine.csv, line 3, puzzle bad01: not a FEN")
    (path,) = Path("results").glob("*.json")
    assert read_record(path).examples.count == 2


def test_an_official_split_has_no_bad_rows_to_skip(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    arguments = ("eval", "--model", str(folder), "--split", "lichess-0-1600", "--skip-bad")
    assert loopbench(monkeypatch, *arguments) == 2
    assert "only a file has bad rows to skip, and lichess-0-1600 is not read from one" in capsys.readouterr().err


DRIVER = """
import sys
from dataclasses import replace
from loopbench.cli import main
from loopbench.tasks.chess import lichess
from loopbench.tasks.chess.task import Chess
lichess.SHA256 = sys.argv.pop(1)  # of the small file of this test
Chess.splits = tuple(replace(split, sha256=lichess.SHA256) for split in Chess.splits)
main()
"""


def test_the_bands_come_from_the_hub_and_a_local_copy_never_passes_for_them(folder: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "source.csv", table(games=6, seed=4))
    files = {FILE: as_parquet(source)}
    digest = sha256(files[FILE])
    splits = ["lichess-0-1600", "lichess-1601-2000"]
    arguments = ["eval", "--model", str(folder), "--iterations", "2", "--output", "records"]
    arguments += [argument for split in splits for argument in ("--split", split)]

    def run(expected: str, *options: str):
        return run_with_hub(endpoint, DRIVER, [expected, *arguments, *options], tmp_path)

    with hub(REPO, REVISION, files) as endpoint:
        done = run(digest)
        assert done.returncode == 0, done.stderr
        records = {record.split.name: record for record in map(read_record, (tmp_path / "records").glob("*.json"))}
        assert records.keys() == set(splits)
        assert all(record.split.data_sha256 == digest for record in records.values())

        other = run("0" * 64, "--force")
        assert other.returncode == 2
        assert f"{FILE} has sha256 {digest}, not {'0' * 64}" in other.stderr
        assert other.stderr.count("\n") == 1

    done = run(digest, "--data", f"lichess={source}")
    assert done.returncode == 0, done.stderr
    found = {record.split.name: record for record in map(read_record, (tmp_path / "records").glob("*.json"))}
    for split in splits:
        local = found[f"local-{split}"]
        assert local.curves == records[split].curves
        assert local.examples.count == records[split].examples.count
        assert local.split.data_sha256 != digest
