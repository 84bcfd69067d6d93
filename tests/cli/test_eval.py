"""`loopbench eval`: what it prints, what it keeps and what it refuses before the first step."""

import json
import sys
from pathlib import Path

import pytest
import torch
from evaluation_toys import BitsInFiles, made_record

from loopbench import plugins
from loopbench.cli import main
from loopbench.cli.curves import print_curves
from loopbench.evaluation import read_record, run
from loopbench.hub import build_model, save_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "toy"
    save_model(path, build_model("loop", {"width": 8, "heads": 2}, "prefix-sums"), train_iterations=30)
    return path


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def evaluate(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", "eval", "--model", str(folder), *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_tables_go_to_stdout_and_the_rest_to_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    arguments = [
        "--split",
        "bits-32",
        "--split",
        "dev-bits-64",
        "--limit",
        "3",
        "--iterations",
        "70",
        "--plot",
        "c.svg",
    ]
    assert evaluate(monkeypatch, folder, *arguments) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["t", "bits-32", "dev-bits-64"]
    assert [line.split()[0] for line in lines[1:9]] == ["1", "2", "4", "8", "16", "32", "64", "70"]
    assert lines[7].count("*") == 2, "t = 64 is the scored depth D of both"
    assert lines[1].count("*") == 0
    for word in ("peak", "last", "overthinking", "retention", "settled"):
        assert any(line.startswith(word) for line in lines)
    assert "% solved of the first 3 examples" in out
    assert all(len(line) <= 80 for line in lines[:-1]), "what does not depend on the splits' names fits a terminal"
    assert "no prefix-sums score: bits-64, bits-128, bits-256, bits-512 not evaluated" in out
    assert "2 of 2 splits to run" in err
    assert Path("c.svg").read_bytes().startswith(b"<svg")
    records = [read_record(path) for path in Path("results").glob("*.json")]
    assert sorted(record.split.name for record in records) == ["bits-32", "dev-bits-64"]
    assert all(record.status == "complete" and record.partial for record in records)


def test_json_is_one_document_of_the_benchmarks_splits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    arguments = ["--limit", "2", "--json", "--output", "elsewhere"]
    assert evaluate(monkeypatch, folder, *arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert [record["split"]["name"] for record in document["records"]] == [
        "bits-64",
        "bits-128",
        "bits-256",
        "bits-512",
    ]
    assert [record["protocol"]["iterations"] for record in document["records"]] == [512, 512, 1024, 2048]
    assert document["score"] is None
    assert "it needs all examples of bits-64, bits-128, bits-256, bits-512" in document["no_score"]
    assert set(document["summaries"]) == {"bits-64", "bits-128", "bits-256", "bits-512"}

    def no_run(*args: object) -> None:
        raise AssertionError("it ran again")

    monkeypatch.setattr(run, "measure_curve", no_run)
    assert evaluate(monkeypatch, folder, *arguments) == 0
    assert json.loads(capsys.readouterr().out) == document


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "bits-33"], "task prefix-sums has no split 'bits-33'; it has bits-32"),
        (["--split", "bits-32", "--split", "bits-33"], "task prefix-sums has no split 'bits-33'"),
        (["--iterations", "0"], "cannot evaluate: iterations: Input should be greater than or equal to 1"),
        (["--iterations", "many"], "Invalid value for '--iterations'"),
        (["--limit", "0"], "limit: Input should be greater than or equal to 1"),
        (["--batch-size", "0"], "batch_size: Input should be greater than or equal to 1"),
        (["--device", "tpu"], "unknown device 'tpu'; use auto, cpu, cuda or cuda:N"),
        (["--precision", "half"], "Invalid value for '--precision'"),
        (["--precision", "tf32", "--device", "cpu"], "precision tf32 needs a CUDA device"),
        (["--output", "/dev/null"], "cannot write to /dev/null"),
        (["--plot", "curve.pdf"], "cannot plot to curve.pdf: use .png, .svg or .html, not .pdf"),
        (["--plot", "."], "cannot plot to .: use .png, .svg or .html"),
        (["--plot", "/dev/null/curve.png"], "cannot write to /dev/null"),
        (["--data", "bits.txt"], "task prefix-sums reads no files"),
        (["--data", "bits.txt", "--split", "bits-32"], "bits.txt is evaluated as a whole: leave out --split"),
        (["--data", "lichess=x.csv"], "task prefix-sums has no data set 'lichess' for --data NAME=FILE; it has none"),
        (["--task", "sums"], "unknown task 'sums'"),
        (["--model", "./nowhere"], "there is no folder nowhere"),
    ],
)
def test_bad_input_is_refused_before_the_first_step(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    arguments: list[str],
    message: str,
) -> None:
    def no_step(*args: object) -> None:
        raise AssertionError("a step was taken")

    monkeypatch.setattr("loopbench.models.transformer.LoopedTransformer.step", no_step)
    assert evaluate(monkeypatch, folder, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not list(Path.cwd().rglob("*.json"))


def test_an_interrupt_keeps_what_is_complete(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    measure = run.measure_curve

    def interrupted(*args: object) -> object:
        if list(Path("results").glob("*bits-32*.gz")):
            raise KeyboardInterrupt
        return measure(*args)

    monkeypatch.setattr(run, "measure_curve", interrupted)
    arguments = ["--split", "bits-32", "--split", "bits-64", "--limit", "1", "--iterations", "2"]
    assert evaluate(monkeypatch, folder, *arguments) == 130
    status = {record.split.name: record.status for record in map(read_record, Path("results").glob("*.json"))}
    assert status == {"bits-32": "complete", "bits-64": "started"}
    monkeypatch.setattr(run, "measure_curve", measure)
    capsys.readouterr()
    assert evaluate(monkeypatch, folder, *arguments) == 0
    assert "1 of 2 splits to run" in capsys.readouterr().err


def test_a_long_run_names_limit_unless_it_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    arguments = ["--split", "bits-32", "--iterations", "1", "--force"]
    for seconds, limit, named in ((10.0, [], False), (9000.0, [], True), (9000.0, ["--limit", "1"], False)):
        monkeypatch.setattr(run, "estimate_seconds", lambda cell, seconds=seconds: seconds)
        assert evaluate(monkeypatch, folder, *arguments, *limit) == 0
        err = capsys.readouterr().err
        assert ("--limit" in err) == named
    assert "2.5 h" in err


def test_a_record_that_is_there_is_spoken_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    arguments = ["--split", "bits-32", "--limit", "2", "--iterations", "2"]
    assert evaluate(monkeypatch, folder, *arguments, "--batch-size", "1") == 0
    assert "the record is there" not in capsys.readouterr().err
    assert evaluate(monkeypatch, folder, *arguments, "--batch-size", "1") == 0
    assert capsys.readouterr().err.splitlines()[0] == "bits-32: the record is there; --force makes it again"
    other = folder.rename(folder.with_name("other"))
    assert evaluate(monkeypatch, other, *arguments, "--compile") == 0
    made = f"bits-32: the record is there, made as {folder}, with batch size 1, not compiled; --force makes it again"
    assert capsys.readouterr().err.splitlines()[0] == made
    other.rename(folder)


def test_a_file_is_evaluated_as_a_split_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    monkeypatch.setattr(plugins, "get_task", lambda name: BitsInFiles())
    Path("bits.txt").write_text("00000000\n8:11111111\n")
    for arguments, expected in (
        (["--data", "bits.txt"], {"local-bits.txt": 2}),
        (["--data", "numbers=bits.txt"], {"local-eights": 1}),
        (["--data", "numbers=bits.txt", "--split", "bits-6", "--split", "eights"], {"bits-6": 40, "local-eights": 1}),
    ):
        assert evaluate(monkeypatch, folder, *arguments, "--iterations", "2", "--json") == 0
        records = json.loads(capsys.readouterr().out)["records"]
        assert {record["split"]["name"]: record["split"]["count"] for record in records} == expected
    assert evaluate(monkeypatch, folder, "--data", "numbers=bits.txt", "--split", "bits-6") == 2
    assert "--data numbers is of no use here: its splits are eights" in capsys.readouterr().err
    assert evaluate(monkeypatch, folder, "--data", "digits=bits.txt") == 2
    assert "no data set 'digits' for --data NAME=FILE; it has numbers" in capsys.readouterr().err


def test_a_table_is_as_wide_as_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"bits-{2**i}" for i in range(5, 13)]
    records = [made_record([1] * 500, 2048, split={"name": name}) for name in names]
    scored = dict.fromkeys(names, (64, 128, 256, 512))
    monkeypatch.setenv("TERM", "dumb")  # 80 columns, and no bold letters
    for terminal, tables in ((True, 2), (False, 1)):
        monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
        print_curves(records, scored)
        lines = capsys.readouterr().out.splitlines()
        assert sum(line.startswith("t ") for line in lines) == tables
        assert sum(line.count("100.0 99–100*") for line in lines) == 4 * 8
        assert max(map(len, lines)) <= 80 or not terminal
        assert lines[-1].startswith("score 100.00 [")


def test_a_broken_record_is_refused_unless_forced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    arguments = ["--split", "bits-32", "--limit", "1", "--iterations", "1"]
    assert evaluate(monkeypatch, folder, *arguments) == 0
    (path,) = Path("results").glob("*.json")
    path.write_text("{")
    assert evaluate(monkeypatch, folder, *arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert evaluate(monkeypatch, folder, *arguments, "--force") == 0
    assert read_record(path).status == "complete"
