"""The scores that the registry names are those of the records in leaderboard/."""

from pathlib import Path

import pytest

from loopbench.evaluation.record import Record
from loopbench.evaluation.store import DIGEST, read_record
from loopbench.leaderboard.scores import score
from loopbench.plugins import get_task
from loopbench.registry import Entry, entries

BOARD = Path(__file__).parents[2] / "leaderboard"


def records_of(model: str, folder: str) -> dict[str, Record]:
    found = [read_record(path) for path in (BOARD / folder / model).glob(f"*.{DIGEST}.json")]
    return {record.split.name: record for record in found}


@pytest.mark.parametrize("entry", [e for e in entries() if e.scores], ids=lambda e: e.name)
def test_scores_are_those_of_the_records(entry: Entry) -> None:
    assert entry.bundled is not None
    whole = records_of(entry.bundled, "results")
    every = records_of(entry.bundled, "stress") | whole
    assert {record.model.weights_sha256 for record in every.values()} == {entry.sha256}
    found = {
        name: score(get_task(entry.task), whole.values()).value if name == "score" else accuracy(every[name])
        for name in entry.scores
    }
    assert {name: round(value, 2) for name, value in found.items()} == entry.scores


@pytest.mark.parametrize("entry", entries(), ids=lambda e: e.name)
def test_a_model_on_the_board_has_its_score_in_the_registry(entry: Entry) -> None:
    assert ("score" in entry.scores) == (BOARD / "results" / str(entry.bundled)).is_dir()


def accuracy(record: Record) -> float:
    """In %, after the last iteration."""
    return 100 * record.primary.correct[-1] / record.primary.n
