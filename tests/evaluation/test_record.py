import gzip
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from evaluation_toys import made_record
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from loopbench.errors import LoopbenchError
from loopbench.evaluation import store
from loopbench.evaluation.record import Record, cell_hash
from loopbench.evaluation.store import MAX_RECORD_BYTES, find_record, open_store, read_record, save_record
from loopbench.evaluation.verdicts import Verdicts, max_packed_bytes, recorded_iterations, unpack
from loopbench.files import sha256, write_with

FIRST = [1, 3, 0, 7, 2, 2, 64, 5, 1, 40]
LOST = {0: 30, 4: 3}


def record(**changes: Any) -> Record:
    return made_record(FIRST, 100, LOST, **changes)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_record(tmp_path, record())
    return tmp_path / record().file_name


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def test_a_record_reads_back_as_it_was(saved: Path) -> None:
    again = read_record(saved)
    assert again == record().model_copy(update={"created": again.created})
    assert again.verdicts.first_solved.tolist() == FIRST
    assert saved.name.startswith("prefix-sums.bits-64.")
    assert again.cell.startswith(saved.name.split(".")[2])


def test_a_started_record_reads_back(tmp_path: Path) -> None:
    fields = dict(record()) | {"status": "started", "per_example": None, "retired": None, "cost": None}
    fields["curves"] = {"exact": {"n": 10, "correct": []}}
    started = Record(**fields)
    save_record(tmp_path, started)
    assert read_record(tmp_path / started.file_name) == started
    with pytest.raises(LoopbenchError, match="not complete"):
        _ = started.verdicts


def test_every_field_of_a_record_has_its_sentence() -> None:
    def check(schema: dict[str, Any], where: str) -> None:
        for name, field in schema.get("properties", {}).items():
            assert field.get("description"), f"{where}.{name}"

    schema = Record.model_json_schema()
    check(schema, "Record")
    for name, part in schema["$defs"].items():
        if name != "Provider":
            check(part, name)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda r: r["curves"]["exact"]["correct"].__setitem__(5, -1), "greater than or equal to 0"),
        (lambda r: r["curves"]["exact"]["correct"].__setitem__(5, 11), "counts other than 10 examples"),
        (lambda r: r["curves"]["exact"]["correct"].__setitem__(5, 2.5), "valid integer"),
        (lambda r: r["curves"]["exact"]["correct"].__setitem__(5, True), "valid integer"),
        (lambda r: r["curves"]["exact"]["correct"].__setitem__(5, "3"), "valid integer"),
        (lambda r: r["curves"]["exact"]["correct"].pop(), "99 counts for T = 100"),
        (lambda r: r["curves"]["exact"]["correct"].append(1), "101 counts for T = 100"),
        (lambda r: r["curves"]["exact"].update(n=11), "counts other than 10 examples"),
        (lambda r: r["curves"].clear(), "at least 1 item"),
        (lambda r: r.update(verified=True), "verified: no such field"),
        (lambda r: r["cost"].update(dollars=1), "cost.dollars: no such field"),
        (lambda r: r["cost"].update(wall_s=float("nan")), "NaN is not a number"),
        (lambda r: r["cost"].update(wall_s=float("inf")), "Infinity is not a number"),
        (lambda r: r["cost"].update(wall_s=-1), "greater than or equal to 0"),
        (lambda r: r["split"].update(difficulty=1e999), "not a number"),
        (lambda r: r.update(cost=None), "belong to a complete record"),
        (lambda r: r.update(status="started"), "belong to a complete record"),
        (lambda r: r.update(status="verified"), "'started' or 'complete'"),
        (lambda r: r.update(schema_version=2), "schema_version"),
        (lambda r: r.update(partial=True), "contradict"),
        (lambda r: r["examples"].update(first=1), "contradict"),
        (lambda r: r["split"].update(name="../../etc/passwd"), "split.name"),
        (lambda r: r["per_example"].update(file="../x.gz"), "per_example.file"),
        (lambda r: r["per_example"].update(file="other.gz"), "does not exist"),
        (lambda r: r["per_example"].update(sha256="0" * 64), "sha256 differs"),
        (lambda r: r["retired"].update(count=3, audited=4), "does not hold"),
        (lambda r: r["retired"].update(count=11), "does not hold"),
        (lambda r: r["task"].update(primary_metric="other"), "primary metric"),
        (lambda r: r["model"].update(weights_sha256="c" * 64), "not the hash of what the record says"),
        (lambda r: r["model"]["config"].update(width=9), "not the hash of what the record says"),
        (lambda r: r["protocol"].update(seed=1), "not the hash of what the record says"),
        (lambda r: r["protocol"].update(iterations=10**9), "protocol.iterations"),
        (lambda r: r.update(created="yesterday"), "created"),
        (lambda r: r.update(created="9999-99-99T99:99:99Z"), "created"),
        (lambda r: r["environment"].update(device="cpu\u202e"), "environment.device: must be"),
        (lambda r: r["model"].update(ref="./a\x1b[31m"), "model.ref: must be"),
        (lambda r: r["model"]["provider"].update(version="1\n2"), "model.provider.version: must be one line"),
        (lambda r: r["model"].update(ref="x" * 2000), "model.ref"),
    ],
)
def test_a_hostile_record_is_refused_in_one_line(
    saved: Path, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    change(saved, edit)
    with pytest.raises(LoopbenchError, match=message) as refused:
        read_record(saved)
    assert "\n" not in str(refused.value)


def test_counts_that_are_not_those_of_the_verdicts_are_refused(saved: Path) -> None:
    change(saved, lambda r: r["curves"]["exact"]["correct"].__setitem__(63, 9))
    with pytest.raises(LoopbenchError, match="not those of the verdicts"):
        read_record(saved)


def test_a_huge_record_is_not_read(saved: Path) -> None:
    with saved.open("ab") as file:
        file.truncate(MAX_RECORD_BYTES + 1)
    with pytest.raises(LoopbenchError, match="bytes"):
        read_record(saved)


def packed(**changes: Any) -> bytes:
    v = record().verdicts
    tensors = {"first_solved": v.first_solved, "iterations": v.iterations, "solved": np.packbits(v.solved, axis=1)}
    return gzip.compress(save(tensors | changes))


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "not packed": b"not gzip",
    "cut short": packed()[:-9],
    "followed by more": packed() + b"more",
    "a bomb": gzip.compress(bytes(200_000_000)),
    "a header larger than the file": gzip.compress((2**62).to_bytes(8, "little") + b"{}"),
    "another tensor": packed(extra=np.zeros(1)),
    "a type that numpy has not": gzip.compress(
        safetensors.torch.save({"first_solved": torch.zeros(10, dtype=torch.bfloat16)})
    ),
    "too few examples": packed(first_solved=np.zeros(9, np.int32)),
    "another type": packed(first_solved=np.zeros(10, np.int64)),
    "solved after the end": packed(first_solved=np.full(10, 101, np.int32)),
    "solved before the beginning": packed(first_solved=np.full(10, -1, np.int32)),
    "solved, but never for the first time": packed(first_solved=np.zeros(10, np.int32)),
    "solved before it is first solved": packed(first_solved=np.full(10, 100, np.int32)),
    "iterations backwards": packed(iterations=record().verdicts.iterations[::-1].copy()),
    "no iterations": packed(iterations=np.array([], np.int32), solved=np.zeros((0, 2), np.uint8)),
    "more verdicts than examples": packed(solved=np.zeros((9, 3), np.uint8)),
    "verdicts between right and wrong": packed(solved=np.zeros((9, 2), np.float32)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_of_verdicts_is_refused(saved: Path, kind: str) -> None:
    document = json.loads(saved.read_text())
    (saved.parent / document["per_example"]["file"]).write_bytes(data := HOSTILE[kind])
    change(saved, lambda r: r["per_example"].update(sha256=sha256(data)))
    with pytest.raises(LoopbenchError):
        read_record(saved)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(3_000_000))
    assert len(bomb) < max_packed_bytes(10)
    tracemalloc.start()
    with pytest.raises(LoopbenchError, match="does not end where it should"):
        unpack(bomb, 10, 100, "here")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


def test_verdicts_at_more_iterations_than_are_kept_are_not_unpacked() -> None:
    """All wrong and all alike, 400,000 examples at 50 iterations are 3 kB, and would be 20 MB."""
    n, rows = 400_000, 50
    bits = np.zeros((rows, n // 8), np.uint8)
    at = np.arange(1, rows + 1, dtype=np.int32)
    few = gzip.compress(save({"first_solved": np.zeros(1, np.int32), "iterations": at, "solved": bits[:, :1]}))
    with pytest.raises(LoopbenchError, match="verdicts at 50 iterations, and a run of 50 keeps 11 at most"):
        unpack(few, 1, rows, "here")
    bomb = gzip.compress(save({"first_solved": np.zeros(n, np.int32), "iterations": at, "solved": bits}))
    assert len(bomb) < 10_000
    tracemalloc.start()
    with pytest.raises(LoopbenchError, match="is not a file of verdicts"):
        unpack(bomb, n, rows, "here")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows * n / 2


@pytest.mark.parametrize("n", [1, 7, 1000, 100_001])
def test_the_longest_run_of_any_examples_reads_back(n: int) -> None:
    draw = np.random.default_rng(0)
    at = np.array(recorded_iterations(10**6, (5, 10**5, 200_003, 400_006)), np.int32)
    assert len(at) == 25
    first = draw.integers(0, 10**6, n, dtype=np.int32, endpoint=True)
    solved = (first > 0) & (first <= at[:, None]) & (draw.random((25, n)) < 0.5)
    verdicts = Verdicts(first, at, solved)
    assert len(packed := verdicts.pack()) < max_packed_bytes(n)
    assert unpack(packed, n, 10**6, "here") == verdicts


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 300), st.randoms(use_true_random=False))
def test_verdicts_survive_packing(n: int, last: int, random: Any) -> None:
    at = recorded_iterations(last, tuple(random.randint(1, 300) for _ in range(4)))
    solved = np.array([[random.random() < 0.5 for _ in range(n)] for _ in at])
    first = np.array([next((t for t, row in zip(at, solved, strict=True) if row[i]), 0) for i in range(n)], np.int32)
    verdicts = Verdicts(first, np.array(at, np.int32), solved)
    again = unpack(verdicts.pack(), n, last, "here")
    assert (again.first_solved == first).all()
    assert (again.iterations == at).all()
    assert (again.solved == solved).all()
    assert again == verdicts


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"weights_sha256": "c" * 64}},
        {"model": {"architecture": "recall"}},
        {"model": {"version": 2}},
        {"model": {"config": {"width": 9}}},
        {"model": {"provider": {"distribution": "other", "version": "0.1.0"}}},
        {"model": {"provider": {"distribution": "loopbench-zoo", "version": "0.2.0"}}},
        {"task": {"name": "parity"}},
        {"task": {"version": 2}},
        {"task": {"primary_metric": "cells"}},
        {"split": {"name": "bits-65"}},
        {"split": {"data_sha256": "c" * 64}},
        {"split": {"count": 11}, "examples": {"first": 1}},
        {"protocol": {"precision": "float64"}},
        {"protocol": {"retirement": False}},
        {"protocol": {"seed": 1}},
    ],
)
def test_every_ingredient_changes_the_cell(changes: dict[str, Any]) -> None:
    assert record(**changes).cell != record().cell


def test_the_metrics_and_which_is_primary_change_the_cell() -> None:
    one = record()
    two = one.model_copy(update={"curves": one.curves | {"cells": one.primary}})
    other = two.model_copy(update={"task": one.task.model_copy(update={"primary_metric": "cells"})})
    assert len({cell_hash(one), cell_hash(two), cell_hash(other)}) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": {"batch_size": 7}},
        {"model": {"ref": "hub:a/b", "repo": "a/b", "revision": "c" * 40}},
        {"split": {"count": 20}},
    ],
)
def test_what_decides_nothing_leaves_the_cell(changes: dict[str, Any]) -> None:
    assert record(**changes).cell == record().cell
    assert made_record(FIRST, 200).cell == record().cell


def test_a_record_serves_fewer_iterations(tmp_path: Path) -> None:
    long, short = record(), made_record([t if t <= 48 else 0 for t in FIRST], 48, LOST)
    save_record(tmp_path, long)
    view = find_record(tmp_path, short)
    assert view is not None
    assert view.protocol == short.protocol
    assert view.curves == short.curves
    assert view.verdicts.first_solved.tolist() == short.verdicts.first_solved.tolist()
    assert view.verdicts.iterations.tolist() == [1, 2, 4, 8, 16, 32]
    assert find_record(tmp_path, made_record(FIRST, 101)) is None
    assert read_record(tmp_path / long.file_name).protocol.iterations == 100


def test_a_started_record_never_replaces_a_complete_one(saved: Path) -> None:
    fields = dict(record()) | {"status": "started", "per_example": None, "retired": None, "cost": None}
    save_record(saved.parent, Record(**fields | {"curves": {"exact": {"n": 10, "correct": []}}}))
    assert read_record(saved).status == "complete"


def test_a_new_record_takes_the_place_of_the_old_one(saved: Path) -> None:
    longer = made_record(FIRST, 200, LOST)
    save_record(saved.parent, longer)
    assert read_record(saved).protocol.iterations == 200
    assert len(list(saved.parent.iterdir())) == 2, "the old verdicts are gone"
    save_record(saved.parent, longer)
    assert read_record(saved).protocol.iterations == 200


def test_a_save_that_fails_leaves_the_old_record(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise LoopbenchError("no space left on device")

    monkeypatch.setattr(store, "write_json", full)
    with pytest.raises(LoopbenchError, match="no space"):
        save_record(saved.parent, made_record(FIRST, 200, LOST))
    assert read_record(saved).protocol.iterations == 100


def test_what_killed_writers_left_is_removed_when_it_is_old(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    left: list[Path] = []
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: None)  # as SIGKILL would have it
    for name in (saved.name, str(json.loads(saved.read_text())["per_example"]["file"]), "notes.json"):
        with pytest.raises(KeyboardInterrupt):
            write_with(saved.parent / name, killed)
        left += set(saved.parent.glob(".*.tmp")) - set(left)
    monkeypatch.undo()
    young, *old = left
    for path in old:
        os.utime(path, (0, 0))
    before = set(saved.parent.iterdir())
    open_store(saved.parent)
    assert before - set(saved.parent.iterdir()) == {old[0]}, "neither another writer's nor another program's"
    os.utime(young, (0, 0))
    open_store(saved.parent)
    assert not young.exists()
    assert read_record(saved).status == "complete"


def test_names_may_be_long_and_odd(tmp_path: Path) -> None:
    odd = record(task={"name": "t" * 100}, split={"name": "s.json." + "s" * 93})
    save_record(tmp_path, odd)
    assert read_record(tmp_path / odd.file_name) == odd


def test_a_broken_record_is_named_with_a_way_out(saved: Path) -> None:
    saved.write_text(saved.read_text()[:1000])
    with pytest.raises(LoopbenchError, match=r"bits-64.*--force"):
        find_record(saved.parent, record())
