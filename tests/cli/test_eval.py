"""`loopbench eval`: what it prints, what it keeps and what it refuses before the first step."""

import json
import sys
from pathlib import Path

import pytest
import torch

from loopbench.cli import main
from loopbench.evaluation import read_record, run
from loopbench.hub import build_model, model_config, save_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = model_config("loop", {"width": 8, "heads": 2}, "prefix-sums", 30)
    path = tmp_path_factory.mktemp("models") / "toy"
    save_model(path, build_model(config.architecture, config.config, config.task), config)
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
    assert "only the first examples" in out
    assert "no prefix-sums score: bits-64, bits-128, bits-256, bits-512 not evaluated" in out
    assert "2 of 2 splits to run" in err
    assert Path("c.svg").read_bytes().startswith(b"<svg")
    records = [read_record(path) for path in Path("results").glob("*.json")]
    assert sorted(record.split.name for record in records) == ["bits-32", "dev-bits-64"]
    assert all(record.status == "complete" and record.partial for record in records)


def test_json_is_one_document_with_the_benchmarks_score(
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
    assert 0 <= document["score"]["low"] <= document["score"]["value"] <= document["score"]["high"] <= 100
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
        (["--iterations", "0"], "iterations must be between 1 and 1000000, not 0"),
        (["--iterations", "many"], "Invalid value for '--iterations'"),
        (["--limit", "0"], "limit must be at least 1, not 0"),
        (["--batch-size", "0"], "batch size must be between 1 and 65536, not 0"),
        (["--device", "tpu"], "unknown device 'tpu'; use auto, cpu, cuda or cuda:N"),
        (["--precision", "half"], "Invalid value for '--precision'"),
        (["--precision", "tf32", "--device", "cpu"], "precision tf32 needs a CUDA device"),
        (["--output", "/dev/null"], "cannot write to /dev/null"),
        (["--plot", "curve.pdf"], "cannot plot to curve.pdf: use .png, .svg or .html, not '.pdf'"),
        (["--plot", "/dev/null/curve.png"], "cannot write to /dev/null"),
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


def test_a_long_run_names_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    for seconds, named in ((10.0, False), (9000.0, True)):
        monkeypatch.setattr(run, "estimate_seconds", lambda cell, seconds=seconds: seconds)
        assert evaluate(monkeypatch, folder, "--split", "bits-32", "--limit", "1", "--iterations", "1", "--force") == 0
        err = capsys.readouterr().err
        assert ("--limit" in err) == named
    assert "2.5 h" in err


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
