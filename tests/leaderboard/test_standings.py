from dataclasses import replace
from pathlib import Path

import pytest
from evaluation_toys import made_record
from made_entries import PREFIX_SUMS, SCORED, made_records, write_entry

from loopbench.errors import LoopbenchError
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import summarize
from loopbench.files import sha256
from loopbench.leaderboard.scores import score
from loopbench.leaderboard.standings import standings
from loopbench.leaderboard.submission import Entry, read_entries, read_entry
from loopbench.leaderboard.verification import Verification
from loopbench.tasks.splits import find_split


def test_entries_are_ranked_where_the_difference_is_certain(tmp_path: Path) -> None:
    """Nothing is verified here, and what is not pushes nobody down."""
    for name, share in {"best": 0.9, "second": 0.88, "last": 0.2}.items():
        write_entry(tmp_path / name, made_records(name, share))
    write_entry(tmp_path / "free", made_records("free"), track="open")
    [closed, free] = standings(read_entries(tmp_path))
    assert [row.entry.name for row in closed.rows] == ["best", "second", "last"]
    assert [row.rank for row in closed.rows] == [1, 1, 1]
    assert (closed.track, free.track) == ("closed", "open")
    assert [row.entry.name for row in free.rows] == ["free"]


def test_only_what_is_verified_pushes_others_down(tmp_path: Path) -> None:
    verdicts = {"best": "verified", "boast": None, "found-out": "mismatch", "last": "verified"}
    entries: list[Entry] = []
    for share, (name, verdict) in zip((0.9, 0.7, 0.8, 0.2), verdicts.items(), strict=True):
        entry = read_entry(write_entry(tmp_path / name, made_records(name, share)))
        found = Verification.model_construct(verdict=verdict) if verdict else None
        entries.append(replace(entry, verification=found))
    [table] = standings(entries)
    ranks = {row.entry.name: row.rank for row in table.rows}
    assert ranks == {"best": 1, "found-out": None, "boast": 2, "last": 2}


def test_a_row_says_what_the_records_say(tmp_path: Path) -> None:
    records = made_records("mine", 0.7)
    write_entry(tmp_path / "mine", records)
    [table] = standings(read_entries(tmp_path))
    [row] = table.rows
    assert row.score == score(PREFIX_SUMS, records)
    assert row.accuracy.value == pytest.approx(25 * sum(summarize(record).last for record in records))
    assert row.overthinking.value == 0
    assert row.overthinking.low < 0 < row.overthinking.high
    assert row.retention
    assert row.retention.value == 100
    assert (row.parameters, row.layers_per_step, row.flops_per_iteration) == (records[0].model.parameters, 1, 10)


def forgetful(name: str, end: int = 0) -> list[Record]:
    """Everything is solved at once, and half of it is lost halfway to `end` (default: 8 D)."""
    found: list[Record] = []
    for split in (find_split(PREFIX_SUMS, split) for split in SCORED):
        of = {"name": split.name, "difficulty": float(split.difficulty), "data_sha256": split.sha256}
        lost = dict.fromkeys(range(250), 4 * split.depth)
        model = {"weights_sha256": sha256(name.encode())}
        found.append(made_record([1] * 500, end or 8 * split.depth, lost, split=of, model=model))
    return found


def test_what_is_lost_is_overthinking_and_lacks_in_retention(tmp_path: Path) -> None:
    write_entry(tmp_path / "mine", forgetful("mine"))
    [row] = standings(read_entries(tmp_path))[0].rows
    assert row.overthinking.value == pytest.approx(50)
    assert 45 < row.overthinking.low < 50 < row.overthinking.high < 55
    assert row.retention
    assert row.retention.value == pytest.approx(50)
    assert row.accuracy.value == pytest.approx(50)


def test_a_longer_run_is_compared_at_8_d(tmp_path: Path) -> None:
    """Or whoever runs on would have more to forget."""
    write_entry(tmp_path / "long", made_records("long"))
    write_entry(tmp_path / "longer", forgetful("longer", end=4096))
    [row] = [row for row in standings(read_entries(tmp_path))[0].rows if row.entry.name == "longer"]
    assert row.accuracy.value == pytest.approx(50)


def test_time_dependent_updates_are_ranked_apart(tmp_path: Path) -> None:
    write_entry(tmp_path / "map", made_records("map"))
    records = made_records("clock")
    model = {"ref": "clock", "weights_sha256": records[0].model.weights_sha256, "time_dependent": True}
    write_entry(tmp_path / "clock", records, model=model)
    assert [table.time_dependent for table in standings(read_entries(tmp_path))] == [False, True]


def test_there_is_no_row_without_a_score(tmp_path: Path) -> None:
    write_entry(tmp_path / "mine", made_records("mine", splits=SCORED[:2]))
    with pytest.raises(LoopbenchError, match="bits-256"):
        standings(read_entries(tmp_path))
