"""Whole sweeps of tiny cells: killed, grown, merged, and with cells that fail."""

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sweep_toys import STUDY, records, results, run, study

from loopbench.cli import main
from loopbench.errors import LoopbenchError
from loopbench.sweep.cells import Cell, cells_of
from loopbench.sweep.local import find_places, run_here
from loopbench.sweep.outcome import Outcome, read_outcome
from loopbench.sweep.run import sweep
from loopbench.sweep.study import Resources, Study, dump_study, load_study
from loopbench.training.run import read_log

KILLS = 10
FAILING = [{"where": {"seed": 1, "recall": "recall"}, "set": {"schedule.warmup_steps": 99}}]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    run(study(), folder)
    return folder


def outcomes(folder: Path) -> dict[str, Outcome]:
    return {path.stem: read_outcome(path) for path in (folder / "cells").glob("*.json")}


def trained(folder: Path) -> dict[str, tuple[int, ...]]:
    """When the files of each run that is trained were last written."""
    done = [name for name, outcome in outcomes(folder).items() if outcome.weights_sha256]
    files = ("model.safetensors", "checkpoint.safetensors", "log.jsonl")
    return {name: tuple((folder / "runs" / name / file).stat().st_mtime_ns for file in files) for name in done}


def work_done(folder: Path) -> int:
    """Steps in logs, and records."""
    steps = sum(len(list(read_log(run))) for run in (folder / "runs").glob("*"))
    return steps + len(list((folder / "records").glob("*.json")))


def in_group_of_its_own(plan: Study, folder: Path) -> None:
    os.setsid()
    sweep(plan, folder, partial(run_here, folder=folder, resources=plan.resources, workers=2), workers=2)


def test_killed_at_ten_random_moments_it_ends_with_the_same_records_and_trains_nothing_twice(
    whole: Path, tmp_path: Path
) -> None:
    multiprocessing.set_forkserver_preload(["loopbench.sweep.work"])
    start = partial(multiprocessing.get_context("forkserver").Process, target=in_group_of_its_own)
    moments, finished = random.Random(0), {}
    for _ in range(KILLS):
        process = start(args=(study(), tmp_path))
        process.start()
        goal = work_done(tmp_path) + moments.randrange(25)
        while process.is_alive() and work_done(tmp_path) < goal:
            time.sleep(0.01)
        time.sleep(moments.random() / 5)
        if process.is_alive():
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        assert {name: times for name, times in trained(tmp_path).items() if name in finished} == finished
        finished = trained(tmp_path)
    process = start(args=(study(), tmp_path))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert results(tmp_path) == results(whole)
    assert {name: times for name, times in trained(tmp_path).items() if name in finished} == finished
    for name, outcome in outcomes(tmp_path).items():
        assert outcome.status == "done"
        assert [entry["step"] for entry in read_log(tmp_path / "runs" / name)] == [
            *range(1, outcome.recipe["steps"] + 1)
        ]


def test_a_finished_sweep_has_nothing_to_do(whole: Path) -> None:
    seen: list[Cell] = []
    progress = run(study(), whole, seen)
    assert (seen, len(progress.of("done"))) == ([], 6)


def test_a_study_that_grows_by_a_seed_and_a_split_makes_what_is_new(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "grown"
    shutil.copytree(whole, folder)
    before, seen = trained(folder), []
    run(study(grid=STUDY["grid"] | {"seed": [0, 1, 2]}), folder, seen)
    assert [cell.labels["seed"] for cell in seen] == ["2"] * 3
    more = [*STUDY["evaluations"], {"where": {"seed": 0}, "splits": ["bits-64"], "iterations": 2, "limit": 2}]
    seen.clear()
    run(study(evaluations=more), folder, seen)
    assert [cell.labels["seed"] for cell in seen] == ["0"] * 3
    assert {name: times for name, times in trained(folder).items() if name in before} == before
    assert results(whole).items() < results(folder).items()


def test_folders_of_two_machines_are_merged_by_copying(whole: Path, tmp_path: Path) -> None:
    parts = [tmp_path / f"part-{seed}" for seed in (0, 1)]
    for seed, part in enumerate(parts):
        run(study(grid=STUDY["grid"] | {"seed": [seed]}), part)
    for part in parts:
        shutil.copytree(part, tmp_path / "merged", dirs_exist_ok=True)
    seen: list[Cell] = []
    run(study(), tmp_path / "merged", seen)
    assert seen == []
    assert results(tmp_path / "merged") == results(whole)


def test_what_got_lost_is_made_again(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "part"
    shutil.copytree(whole, folder)
    next((folder / "records").glob("prefix-sums.bits-32.*.json")).unlink()
    before = trained(folder)
    run(study(), folder)
    assert results(folder) == results(whole)
    assert trained(folder) == before


def test_an_attempt_that_took_few_steps_does_not_tell_how_long_all_of_them_take(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "part"
    shutil.copytree(whole, folder)
    for path in (folder / "cells").glob("*.json"):
        path.unlink()
    progress = run(study(), folder)  # every run is there, with all of its steps
    assert results(folder) == results(whole)
    assert all(outcome.train_s and outcome.seconds for outcome in outcomes(whole).values())
    assert [outcome.seconds for outcome in outcomes(folder).values()] == [None] * 6
    assert progress.remaining_seconds() is None


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        ("cells/*.json", truncate),
        ("cells/*.json", replace_by_folder),
        ("cells/*.json", replace_by_link),
        ("records/*.json", truncate),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_made_again_once_it_is_deleted(
    whole: Path, tmp_path: Path, file: str, spoil: Callable[[Path], None]
) -> None:
    folder = tmp_path / "spoilt"
    shutil.copytree(whole, folder)
    path = next(folder.glob(file))
    spoil(path)
    with pytest.raises(LoopbenchError, match=f"^{path}.*; delete {path.name}, and the sweep makes it again$"):
        run(study(), folder)
    path.rmdir() if path.is_dir() else path.unlink()
    assert len(run(study(), folder).of("done")) == 6
    assert results(folder) == results(whole)


def test_a_folder_is_of_one_study(whole: Path) -> None:
    with pytest.raises(LoopbenchError, match=r"study\.yaml is the study tiny, not other: choose another folder"):
        run(study(name="other"), whole)
    assert load_study(whole / "study.yaml").name == "tiny"


def test_interrupted_it_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "tiny.yaml").write_text(dump_study(study()))
    monkeypatch.setattr("loopbench.sweep.run.sweep", interrupt)
    monkeypatch.setattr("sys.argv", ["loopbench", "sweep", str(tmp_path / "tiny.yaml"), "--output", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "the same command goes on from here\ninterrupted\n"


def test_a_failed_cell_says_why_stops_no_other_and_is_tried_again_on_request(tmp_path: Path) -> None:
    plan = study(overrides=FAILING)
    progress = run(plan, tmp_path)
    assert [status.cell.labels["norm"] for status in progress.of("failed")] == ["pre", "outer"]
    assert len(progress.of("done")) == 4
    for status in progress.of("failed"):
        assert status.outcome is not None and "warmup_steps = 99 must be less than steps" in str(status.outcome.reason)
    seen: list[Cell] = []
    run(plan, tmp_path, seen)
    assert seen == []
    run(plan, tmp_path, seen, retry_failed=True)
    assert len(seen) == 2


def test_a_run_that_diverges_is_a_failed_cell(tmp_path: Path) -> None:
    wild = STUDY["recipe"] | {"optimizer": {"name": "sgd", "lr": 10.0}, "clip": None, "steps": 2000}
    plan = study(
        recipe=wild, grid=STUDY["grid"] | {"seed": [0]}, exclude=[{"norm": "outer"}, {"recall": "fixed-depth"}]
    )
    failed = run(plan, tmp_path).of("failed")
    assert len(failed) == 1 and failed[0].outcome is not None
    assert str(failed[0].outcome.reason).startswith("diverged: the loss was")


def test_a_killed_worker_fails_its_cell_alone(tmp_path: Path) -> None:
    plan = study(grid=STUDY["grid"] | {"seed": [0]})
    events = run_here(cells_of(plan), tmp_path, plan.resources, 1)
    first = next(events)
    assert first is not None and first.outcome is None
    worker = multiprocessing.active_children()[-1]
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    ends = [event.outcome for event in events if event and event.outcome]
    assert [outcome.status for outcome in ends] == ["failed", "done", "done"]
    assert ends[0].reason == "its process ended with SIGKILL; see logs/worker-0.log"


def test_two_sweeps_do_not_share_a_folder(whole: Path, tmp_path: Path) -> None:
    def second(progress: object) -> None:
        with pytest.raises(LoopbenchError, match="another sweep is at work"):
            run(study(), tmp_path)

    run(study(grid=STUDY["grid"] | {"seed": [0]}), tmp_path, watch=second)


@pytest.mark.parametrize(
    ("gpus", "visible", "resources", "workers", "places"),
    [
        (2, None, {"gpu": 0.5}, None, ["0", "1", "0", "1"]),
        (2, "3,5", {"gpu": 1}, None, ["3", "5"]),
        (1, None, {"gpu": 0.25}, 2, ["0", "0"]),
        (4, None, {"gpu": 1, "processes": 2}, None, ["0,1", "2,3"]),
        (0, None, {}, 3, [None, None, None]),
    ],
)
def test_cells_share_the_gpus_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
    gpus: int,
    visible: str | None,
    resources: dict[str, float],
    workers: int | None,
    places: list[str | None],
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert find_places(Resources.model_validate(resources), workers) == places


def test_records_name_no_folder_of_this_machine(whole: Path) -> None:
    for record in records(whole).values():
        assert record.model.ref.startswith("./runs/")
