"""`loopbench diagnose`: the table, the records, the page and what it refuses."""

import json
import sys
from pathlib import Path

import pytest
import torch

from loopbench.cli import main
from loopbench.hub import build_model, save_model
from loopbench.stability import read_diagnosis

SMALL = ("--split", "bits-32", "--examples", "3", "--iterations", "16")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    torch.manual_seed(0)
    paths = [tmp_path_factory.mktemp("models") / name for name in ("loop", "recall-outer")]
    for path in paths:
        save_model(path, build_model(path.name, {"width": 2, "heads": 1, "mlp_ratio": 1}, "prefix-sums"))
    return [str(path) for path in paths]


def diagnose(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", "diagnose", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_several_models_in_one_table_and_one_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, models: list[str]
) -> None:
    arguments = ("--model", models[0], "--model", models[1], *SMALL, "--output", str(tmp_path))
    assert diagnose(monkeypatch, *arguments) == 0
    out, err = capsys.readouterr()
    names = ("reached, %", "fates", "input-dependence", "ρ(J) at T", "sensitivity", "solved at T, %", "products J v")
    for name in names:
        assert any(line.startswith(name) for line in out.splitlines()), name
    assert "no recall" in out
    assert f"saved {tmp_path / 'report.html'}" in err
    assert (tmp_path / "report.html").read_text().count("<h2>") == 2
    records = [read_diagnosis(path) for path in tmp_path.glob("*.json")]
    assert sorted(record.model.architecture for record in records) == ["loop", "recall-outer"]
    assert diagnose(monkeypatch, *arguments, "--json") == 0
    out, err = capsys.readouterr()
    assert err.count("the record is there; --force makes it again") == 2
    assert [record["cell"] for record in json.loads(out)] == [
        next(r.cell for r in records if r.model.architecture == name) for name in ("loop", "recall-outer")
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--iterations", "4"], "iterations must be at least 16"),
        (["--examples", "none"], "Invalid value for '--examples'"),
        (["--precision", "bf16-autocast"], "Invalid value for '--precision'"),
        (["--split", "bits-33"], "task prefix-sums has no split 'bits-33'"),
        (["--task", "sums"], "unknown task 'sums'"),
        (["--output", "/dev/null"], "cannot write to /dev/null"),
        (["--data", "bits.txt"], "task prefix-sums reads no files"),
        (["--model", "./nowhere"], "there is no folder nowhere"),
    ],
)
def test_bad_input_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    models: list[str],
    arguments: list[str],
    message: str,
) -> None:
    assert diagnose(monkeypatch, "--model", models[0], *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and message in err
    assert err.count("\n") == 1


def test_a_model_must_be_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose(monkeypatch) == 2
    assert "Missing option '--model'" in capsys.readouterr().err
