"""A leaderboard's folder and its site."""

import json
from pathlib import Path

import pytest
from synthetic_entries import make_entry, save_entry

from loopbench.cli import app
from loopbench.plugins import get_task

DIAGNOSIS = next((Path(__file__).parents[2] / "leaderboard" / "diagnoses" / "prefix-sums-recall-s0").glob("*.json"))


@pytest.fixture(scope="session")
def leaderboard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tasks, three tracks, every verdict, and a diagnosis of one model."""
    folder = tmp_path_factory.mktemp("leaderboard")
    sums, sudoku = get_task("prefix-sums"), get_task("sudoku")
    weights = json.loads(DIAGNOSIS.read_text())["model"]["weights_sha256"]
    every = [split.name for split in sums.splits[:5]]
    for entry in (
        make_entry(sums, "best", skill=1.0, splits=every, norm="pre", weights_sha256=weights),
        make_entry(sums, "second", skill=0.8, recall="internal"),
        make_entry(sums, "third", skill=0.4, recall="none"),
        make_entry(sums, "claims-too-much", skill=0.9, verdict="mismatch"),
        make_entry(sums, "new", skill=0.7, verdict=None),
        make_entry(sums, "open", skill=0.9, track="open"),
        make_entry(sums, "clock", skill=0.9, time_dependent=True),
        make_entry(sudoku, "one-sudoku", skill=0.5),
        make_entry(sudoku, "another-sudoku", skill=0.1),
    ):
        save_entry(folder / "results", entry)
    diagnoses = folder / "diagnoses" / "best"
    diagnoses.mkdir(parents=True)
    (diagnoses / DIAGNOSIS.name).write_bytes(DIAGNOSIS.read_bytes())
    return folder


@pytest.fixture(scope="session")
def site(leaderboard: Path) -> Path:
    """As `loopbench leaderboard build` makes it."""
    output = leaderboard / "site"
    app(["leaderboard", "build", "--from", str(leaderboard), "--output", str(output)], standalone_mode=False)
    return output
