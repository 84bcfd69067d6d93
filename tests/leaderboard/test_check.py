"""Dishonest and hostile submissions: what `check` finds without running anything."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_entries import SCORED, made_records, submission, write_entry

from loopbench.contracts import Provider
from loopbench.evaluation.record import Record, cell_hash
from loopbench.evaluation.store import read_record
from loopbench.evaluation.verdicts import Verdicts
from loopbench.files import sha256, write_bytes, write_json
from loopbench.leaderboard.check import Checked, check, find_entries
from loopbench.leaderboard.submission import SUBMISSION, read_entries, read_entry
from loopbench.leaderboard.verification import FILE
from loopbench.validation import dump_yaml

RESULTS = Path(__file__).parents[2] / "leaderboard" / "results"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_entry(tmp_path / "results" / "mine", made_records("mine"))


def found(folder: Path, *others: Path) -> list[str]:
    return list(check([folder, *others]).findings)


def only(findings: list[str]) -> str:
    [line] = findings
    assert line.isprintable()
    return line


def edit(folder: Path, change: Callable[[dict[str, Any]], object], split: str = "bits-64") -> None:
    """Change what a record says, as a careful cheat would: with the cell's hash and the file's name made right."""
    [path] = folder.glob(f"*.{split}.*.json")
    known, record = read_record(path), json.loads(path.read_text())
    change(record)
    names = ("model", "task", "split", "protocol", "examples")
    parts = {name: type(getattr(known, name)).model_validate(record[name]) for name in names}
    record["cell"] = cell_hash(known.model_copy(update={**parts, "curves": record["curves"]}))
    path.unlink()
    write_json(folder / f"{record['task']['name']}.{record['split']['name']}.{record['cell'][:16]}.json", record)


def replace_verdicts(folder: Path, change: Callable[[Verdicts], Verdicts], split: str = "bits-64") -> None:
    """Other verdicts, with the hashes made right."""

    def renew(record: dict[str, Any]) -> None:
        old = read_record(next(folder.glob(f"*.{split}.*.json")))
        data = change(old.verdicts).pack()
        (folder / record["per_example"]["file"]).unlink()
        record["per_example"] = {"file": record["per_example"]["file"], "sha256": sha256(data)}
        write_bytes(folder / record["per_example"]["file"], data)

    edit(folder, renew, split)


def test_an_honest_submission_has_no_findings(folder: Path) -> None:
    assert found(folder) == []
    assert find_entries([folder.parent]) == find_entries([folder]) == [folder]


def test_counts_that_were_edited(folder: Path) -> None:
    def more(record: dict[str, Any]) -> None:
        record["curves"]["exact"]["correct"] = [500] * 512

    edit(folder, more)
    assert "the counts are not those of the verdicts" in only(found(folder))


def test_counts_between_the_verdicts_that_were_edited(folder: Path) -> None:
    """No bits are kept at t = 100, but what was first solved by then is known."""

    def peak(record: dict[str, Any]) -> None:
        record["curves"]["exact"]["correct"][40] = 500
        record["curves"]["exact"]["correct"][99] = 0

    edit(folder, peak)
    assert "at t = 41 more are right than were ever solved" in only(found(folder))


def test_counts_below_what_is_solved_for_the_first_time(folder: Path) -> None:
    edit(folder, lambda record: record["curves"]["exact"]["correct"].__setitem__(40, 0))
    assert "at t = 41 fewer are right than are solved for the first time" in only(found(folder))


def test_bits_that_do_not_match_the_counts(folder: Path) -> None:
    def solve(old: Verdicts) -> Verdicts:
        return Verdicts(np.ones_like(old.first_solved), old.iterations, np.ones_like(old.solved))

    replace_verdicts(folder, solve)
    assert "the counts are not those of the verdicts" in only(found(folder))


def test_bits_that_do_not_match_their_hash(folder: Path) -> None:
    path = next(folder.glob("*.gz"))
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b" "))
    assert "its sha256 differs" in only(found(folder))


def test_solved_early_and_never_seen(folder: Path) -> None:
    """An example that is first solved at t = 1 is solved at t = 1."""

    def earlier(old: Verdicts) -> Verdicts:
        first = old.first_solved.copy()
        first[np.flatnonzero(first > 1)[0]] = 1
        return Verdicts(first, old.iterations, old.solved)

    replace_verdicts(folder, earlier)
    assert any("not solved where it is first solved" in line for line in found(folder))


def test_other_weights_than_the_submissions(folder: Path) -> None:
    other = submission("mine") | {"model": {"ref": submission("mine")["model"]["ref"], "weights_sha256": "0" * 64}}
    (folder / SUBMISSION).write_text(dump_yaml(other))
    assert "it is of other weights" in only(found(folder))


def test_a_registry_name_with_other_weights(folder: Path) -> None:
    model = submission("mine")["model"] | {"ref": "looped-prefix-sums"}
    (folder / SUBMISSION).write_text(dump_yaml(submission("mine", model=model)))
    assert "model looped-prefix-sums of the registry has weights" in only(found(folder))


def test_a_registry_name_that_is_none(folder: Path) -> None:
    model = submission("mine")["model"] | {"ref": "looped-prefix-sum"}
    (folder / SUBMISSION).write_text(dump_yaml(submission("mine", model=model)))
    assert "did you mean 'looped-prefix-sums'" in only(found(folder))


def test_a_partial_run_relabelled(tmp_path: Path) -> None:
    """The first 100 strings as if the split had no more."""
    records = made_records("mine")
    [first] = made_records("mine", splits=["bits-64"])
    short = Record.model_validate(first.model_dump())  # its own name and cell
    folder = write_entry(tmp_path / "mine", records[1:])
    verdicts = Verdicts(first.verdicts.first_solved[:100], first.verdicts.iterations, first.verdicts.solved[:, :100])
    ever = np.bincount(verdicts.first_solved, minlength=513)[1:].cumsum().tolist()
    fields = short.model_dump(mode="json")
    fields["split"]["count"] = fields["examples"]["count"] = 100
    fields["curves"] = {"exact": {"n": 100, "correct": ever}}
    fields["cell"] = cell_hash(
        short.model_copy(
            update={"examples": short.examples.model_copy(update={"count": 100})},
        )
    )
    fields["per_example"] = {"file": "x.gz", "sha256": sha256(verdicts.pack())}
    write_bytes(folder / "x.gz", verdicts.pack())
    write_json(folder / f"prefix-sums.bits-64.{fields['cell'][:16]}.json", fields)
    assert "its examples are not those of the official split bits-64" in only(found(folder))


def test_a_split_that_is_missing(tmp_path: Path) -> None:
    folder = write_entry(tmp_path / "mine", made_records("mine", splits=SCORED[1:]))
    assert only(found(folder)) == "mine: it has no record of bits-64, which the benchmark of prefix-sums needs"


def test_other_examples(folder: Path) -> None:
    edit(folder, lambda record: record["split"].update(data_sha256="0" * 64))
    assert "not those of the official split" in only(found(folder))


def test_an_easier_split_under_the_name_of_a_harder_one(folder: Path) -> None:
    edit(folder, lambda record: record["split"].update(name="bits-32"))
    lines = found(folder)
    assert any("not those of the official split bits-32" in line for line in lines)
    assert any("no record of bits-64" in line for line in lines)


def test_a_run_that_ends_too_early(tmp_path: Path) -> None:
    records = [record.until(256) if record.split.name == "bits-64" else record for record in made_records("mine")]
    fields = [record for record in records if record.split.name == "bits-64"]
    assert fields[0].retired
    assert fields[0].cost
    records[0] = fields[0].completed(
        {"exact": fields[0].primary.correct}, fields[0].verdicts, fields[0].retired, fields[0].cost
    )
    folder = write_entry(tmp_path / "mine", records)
    assert "T = 256 ends before effective depth 8 D, which is at t = 512" in only(found(folder))


@pytest.mark.parametrize(
    ("retired", "reason"),
    [
        ({"count": 400, "audited": 0, "disagreements": 0}, "0 of 400 retired examples were audited"),
        ({"count": 400, "audited": 299, "disagreements": 0}, "299 of 400"),
        ({"count": 400, "audited": 300, "disagreements": 1}, None),
        ({"count": 20, "audited": 20, "disagreements": 0}, None),
    ],
)
def test_the_audit_was_made(folder: Path, retired: dict[str, int], reason: str | None) -> None:
    edit(folder, lambda record: record.update(retired=retired))
    lines = found(folder)
    assert reason in only(lines) if reason else lines == []


def test_nothing_retires_where_nothing_may(folder: Path) -> None:
    edit(folder, lambda record: record["protocol"].update(precision="bf16-autocast"))
    assert "nothing retires in bf16-autocast" in only(found(folder))
    edit(folder, lambda record: record["protocol"].update(retirement=False))
    edit(folder, lambda record: record.update(retired={"count": 1, "audited": 1, "disagreements": 0}))
    assert "retired although none could" in only(found(folder))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layers_per_step": 64}, "layers_per_step must be 1, not 64"),
        ({"parameters": 1}, "parameters must be"),
        ({"config": {"width": 7}}, "config of architecture 'loop'"),
        ({"architecture": "lop"}, "unknown architecture 'lop'; did you mean 'loop'"),
        ({"version": 7}, "version 1 of loop is ranked, not 7"),
        ({"provider": {"distribution": "evil", "version": "1"}}, "a submission brings the wheel of evil"),
    ],
)
def test_an_installed_architecture_is_what_it_says(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    if "provider" in changes:
        changes = {"provider": Provider(**changes["provider"])}
    folder = write_entry(tmp_path / "mine", made_records("mine", model=changes))
    assert any(reason in line for line in found(folder))


def test_time_dependence_is_not_a_matter_of_choice(folder: Path) -> None:
    model = submission("mine")["model"] | {"time_dependent": True}
    (folder / SUBMISSION).write_text(dump_yaml(submission("mine", model=model)))
    assert only(found(folder)) == "mine: loop is not time-dependent"


def test_the_same_weights_under_another_name(folder: Path) -> None:
    copy = write_entry(folder.parent / "yours", made_records("mine"), model=submission("mine")["model"])
    assert only(found(folder, copy)) == "yours: it has the weights of mine: a model has one entry"


def test_the_same_answers_of_other_weights(folder: Path) -> None:
    """A tensor more in the file, or a number changed in its last bit, and the hash is another."""
    copy = write_entry(
        folder.parent / "yours",
        made_records("mine", model={"weights_sha256": sha256(b"yours")}),
    )
    assert only(found(folder, copy)) == "yours: it has every answer of mine: a model has one entry"


def test_a_split_that_is_not_scored_does_not_tell_a_copy_apart(tmp_path: Path) -> None:
    splits = ("bits-32", *SCORED)
    mine = write_entry(tmp_path / "mine", made_records("mine", splits=splits))
    records = made_records("mine", model={"weights_sha256": sha256(b"yours")})
    assert only(found(mine, write_entry(tmp_path / "yours", records))).startswith("yours: it has every answer of mine")


def test_nor_do_iterations_beyond_the_scored_ones(folder: Path) -> None:
    records = made_records("mine", late=64, model={"weights_sha256": sha256(b"yours")})
    copy = write_entry(folder.parent / "yours", records)
    assert only(found(folder, copy)).startswith("yours: it has every answer of mine")


def test_models_that_solve_nothing_are_not_copies_of_each_other(tmp_path: Path) -> None:
    folders = [write_entry(tmp_path / name, made_records(name, share=0)) for name in ("one", "two")]
    assert found(*folders) == []


def test_what_is_on_the_board_was_there_first(folder: Path) -> None:
    """Whatever the names are."""
    copy = write_entry(folder.parent.parent / "new" / "a-copy", made_records("mine"), model=submission("mine")["model"])
    board = read_entries(folder.parent)
    assert list(check([copy], board).findings) == ["a-copy: it has the weights of mine: a model has one entry"]
    assert check([folder], board).findings == []
    both = check([copy, folder], board)
    assert list(both.findings) == ["a-copy: it has the weights of mine: a model has one entry"]


def test_nobody_verifies_a_submission_of_their_own(folder: Path) -> None:
    """Whoever can read how a verification is made can write one; on the board it stands because verify wrote it."""
    shown = json.loads((RESULTS / "prefix-sums-loop-outer-s0" / FILE).read_text())
    write_json(folder / FILE, shown | {"evidence": read_entry(folder).evidence})
    assert read_entry(folder).verification
    assert only(list(check([folder], []).findings)).startswith("mine: it brings a verification of its own")
    board = read_entries(folder.parent)
    assert check([folder], board).findings == []
    assert check([folder]).findings == []
    write_json(folder / FILE, shown | {"evidence": board[0].evidence, "seed": 7})
    assert only(list(check([folder], board).findings)).startswith("mine: it brings a verification of its own")


def test_nobody_removes_a_verification(folder: Path) -> None:
    shown = json.loads((RESULTS / "prefix-sums-loop-outer-s0" / FILE).read_text())
    write_json(
        folder / FILE, shown | {"evidence": read_entry(folder).evidence, "verdict": "mismatch", "reasons": ["x"]}
    )
    board = read_entries(folder.parent)
    (folder / FILE).unlink()
    said = "mine: it removes the verification (mismatch) of what it leaves as it is"
    assert only(list(check([folder], board).findings)) == said


def test_a_folder_that_is_named_twice_is_checked_once(folder: Path) -> None:
    assert find_entries([folder, folder.parent]) == [folder]


def test_the_board_itself_has_no_findings() -> None:
    """With everything that is on it, verifications too."""
    assert check(find_entries([RESULTS])).findings == []


def test_several_are_checked_though_one_cannot_be_read(folder: Path) -> None:
    broken = write_entry(folder.parent / "broken", [])
    lines = found(broken, folder)
    assert only(lines).startswith("broken: ")


BYTES = st.binary(max_size=200)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_submission_is_found_out_or_still_says_the_same(folder: Path, data: st.DataObject) -> None:
    """Whatever byte is changed: one line, no traceback, nothing written."""
    paths = sorted(folder.iterdir())
    path = data.draw(st.sampled_from(paths))
    good = path.read_bytes()
    before = {each: each.read_bytes() for each in paths}
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + data.draw(BYTES) + good[at + data.draw(st.integers(0, 50)) :]
    path.write_bytes(bad)
    try:
        checked = check([folder])
        assert isinstance(checked, Checked)
        assert all(line.isprintable() for line in checked.findings)
        if path.suffix == ".gz" and bad != good:
            assert checked.findings
        assert sorted(folder.iterdir()) == paths
        assert all(each.read_bytes() == before[each] for each in paths if each != path)
    finally:
        path.write_bytes(good)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=JSON)
def test_any_value_in_any_field_of_a_record(folder: Path, data: st.DataObject, value: object) -> None:
    """NaN, negative counts, null, lists where numbers belong, text with control characters."""
    path = next(folder.glob("*.bits-128.*.json"))
    good = path.read_bytes()
    record = json.loads(good)
    at: Any = record
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], (dict, list)) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = value
    path.write_text(json.dumps(record))
    try:
        assert all(line.isprintable() for line in found(folder))
    finally:
        path.write_bytes(good)


def test_a_million_element_curve_is_one_line(folder: Path) -> None:
    def endless(record: dict[str, Any]) -> None:
        record["curves"]["exact"]["correct"] = [250] * 1_000_000

    edit(folder, endless)
    assert "has 1000000 counts for T = 512" in only(found(folder))


def test_a_compressed_bomb_is_not_unpacked(folder: Path) -> None:
    def bomb(record: dict[str, Any]) -> None:
        data = gzip.compress(bytes(5 * 2**20), mtime=0)
        (folder / record["per_example"]["file"]).write_bytes(data)
        record["per_example"]["sha256"] = sha256(data)

    edit(folder, bomb)
    assert "it does not end where it should" in only(found(folder))
    path = next(folder.glob("*.bits-64.*.json"))
    (folder / json.loads(path.read_text())["per_example"]["file"]).write_bytes(gzip.compress(bytes(100 * 2**20)))
    assert "bytes; at most" in only(found(folder))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "1e400", '"3"', "1.5", "null", "[]"])
def test_counts_are_counts(folder: Path, value: str) -> None:
    path = next(folder.glob("*.bits-64.*.json"))
    path.write_text(re.sub(r'"correct": \[\s*\d+', f'"correct": [{value}', path.read_text(), count=1))
    only(found(folder))
