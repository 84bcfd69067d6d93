"""Whole runs of a tiny model: killed, resumed, stopped, distributed, and wrong from the start."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from loopbench.cli import main
from loopbench.contracts import LoopedModel
from loopbench.errors import LoopbenchError
from loopbench.hub import build_model, load_model
from loopbench.training import trainer
from loopbench.training.checkpoint import load_checkpoint, save_checkpoint
from loopbench.training.processes import Processes
from loopbench.training.recipe import Recipe, load_recipe
from loopbench.training.run import CHECKPOINT, LOCK, LOG, RECIPE, claimed_run, read_log
from loopbench.training.train import train
from loopbench.training.trainer import Diverged, Progress, Trainer

RECIPE_TEXT = """
task: prefix-sums
data: {bits: 8}
architecture: recall-outer
config: {width: 8, heads: 1}
objective: {name: progressive, options: {max_iterations: 4}}
steps: 30
batch_size: 8
optimizer: {lr: 1.0e-2}
schedule: {name: cosine, warmup_steps: 3}
ema: 0.9
compile: false
checkpoint_every: 7
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE_TEXT)
    return path


@pytest.fixture
def recipe(recipe_file: Path) -> Recipe:
    return load_recipe(recipe_file, [])


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def losses(folder: Path) -> list[tuple[int, float]]:
    return [(entry["step"], entry["loss"]) for entry in read_log(folder)]


def test_a_run_learns_and_is_a_model_folder_from_its_first_step(recipe: Recipe, tmp_path: Path) -> None:
    seen = []

    def report(progress, steps: int) -> None:
        if progress.step == 1:
            seen.append(load_model(str(tmp_path / "run")).info)

    easy = recipe.model_copy(update={"steps": 150, "data": {"bits": 3}})
    assert train(easy, tmp_path / "run", report=report)
    assert seen[0].train_iterations == 4
    found = [loss for _, loss in losses(tmp_path / "run")]
    assert len(found) == 150
    assert sum(found[-20:]) < 0.7 * sum(found[:20])


def test_tied_weights_are_averaged_once_a_step(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    def tied(architecture: str, config: dict[str, object], task: str) -> LoopedModel:
        model = build_model(architecture, config, task)
        model.block.recall.input.weight = model.block.recall.state.weight
        return model

    monkeypatch.setattr(trainer, "build_model", tied)
    run = Trainer(recipe, torch.device("cpu"), Processes())
    run.run(lambda progress: progress.step == 2)  # with whose weights the average begins
    begin = [parameter.detach().clone() for parameter in run.model.parameters()]
    run.run(lambda progress: True)
    for average, before, after in zip(run.weights.parameters(), begin, run.model.parameters(), strict=True):
        torch.testing.assert_close(average, 0.9 * before + 0.1 * after)


@pytest.mark.parametrize(("stop", "compiled"), [(1, False), (7, False), (16, False), (16, True)])
def test_a_stopped_and_resumed_run_ends_with_the_same_bytes(
    recipe: Recipe, tmp_path: Path, stop: int, compiled: bool
) -> None:
    recipe = recipe.model_copy(update={"compile": compiled})
    train(recipe, tmp_path / "whole")

    class Stop(Exception):
        pass

    def report(progress, steps: int) -> None:
        if progress.step == stop:
            raise Stop

    with pytest.raises(Stop):
        train(recipe, tmp_path / "parts", report=report)
    assert train(recipe, tmp_path / "parts", resume=True)
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")


def test_init_begins_with_a_models_weights_and_needs_them_no_more_to_go_on(recipe: Recipe, tmp_path: Path) -> None:
    train(recipe, tmp_path / "first")
    further = recipe.model_copy(update={"init": str(tmp_path / "first"), "seed": 1, "steps": 20})
    before = load_file(tmp_path / "first" / "model.safetensors")

    def report(progress, steps: int) -> None:
        if progress.step == 1:  # the folder is what it was before this step
            average = load_file(tmp_path / "whole" / "model.safetensors")
            trained = load_checkpoint(tmp_path / "whole" / CHECKPOINT)["model"]
            assert all(torch.equal(found[name], before[name]) for found in (average, trained) for name in before)

    train(further, tmp_path / "whole", report=report)
    assert not train(further, tmp_path / "parts", stop=lambda: True)
    shutil.rmtree(tmp_path / "first")
    assert train(further, tmp_path / "parts", resume=True)
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("prefix-sums-recall-s0", "init: prefix-sums-recall-s0 has architecture recall, but the recipe recall-outer"),
        ("prefix-sums-recall-outer-s0", "init: prefix-sums-recall-outer-s0 has width 32, but the recipe 8"),
        ("sudoku-recall-outer-s0", "init: sudoku-recall-outer-s0 has task sudoku, but the recipe prefix-sums"),
        ("nothing-like-it", "init: unknown model 'nothing-like-it'"),
        ("./nowhere", "init: there is no folder nowhere"),
    ],
)
def test_init_with_another_kind_of_model_is_refused_and_nothing_begun(
    recipe: Recipe, tmp_path: Path, init: str, message: str
) -> None:
    with pytest.raises(LoopbenchError) as error:
        train(recipe.model_copy(update={"init": init}), tmp_path / "run")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run" / RECIPE).exists()


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "loopbench", "train", *map(str, arguments)]


def test_killed_at_random_moments_nothing_is_lost(recipe_file: Path, tmp_path: Path) -> None:
    """Three SIGKILLs at random moments of the loop, then the run ends as if undisturbed."""
    arguments = command(recipe_file, "--set", "steps=400", "--output")
    subprocess.run([*arguments, tmp_path / "whole"], check=True, capture_output=True)
    parts = tmp_path / "parts"
    moments = random.Random(0)
    for _ in range(3):
        before = len(losses(parts))
        resume = ["--resume"] if (parts / RECIPE).exists() else []
        process = subprocess.Popen([*arguments, parts, *resume], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while process.poll() is None and len(losses(parts)) <= before:
            time.sleep(0.05)
        time.sleep(moments.random() * 0.5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (parts / "model.safetensors").exists():
            load_model(str(parts))  # never half-written
    subprocess.run([*arguments, parts, "--resume"], check=True, capture_output=True)
    assert weights(parts) == weights(tmp_path / "whole")
    assert losses(parts) == losses(tmp_path / "whole")


def test_max_minutes_stops_cleanly_and_says_so(recipe: Recipe, tmp_path: Path) -> None:
    assert not train(recipe, tmp_path / "run", max_minutes=0)
    assert len(losses(tmp_path / "run")) == 1
    assert train(recipe, tmp_path / "run", resume=True)
    train(recipe, tmp_path / "whole")
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")


def test_a_budget_is_measured_once_and_written_into_the_run(recipe_file: Path, tmp_path: Path) -> None:
    budgeted = load_recipe(recipe_file, ["budget_minutes=0.02", "schedule.warmup_steps=0"])
    train(budgeted, tmp_path / "run", max_minutes=0)
    stored = load_recipe(tmp_path / "run" / RECIPE, [])
    assert stored.steps is not None and stored.budget_minutes is None
    assert train(budgeted, tmp_path / "run", resume=True)
    assert losses(tmp_path / "run")[-1][0] == stored.steps


def test_two_processes_train_as_one(recipe_file: Path, tmp_path: Path) -> None:
    """torchrun with gloo and the same global batch: the same losses up to the order of float32 sums."""
    arguments = [str(recipe_file), "--set", "ema=null", "--device", "cpu", "--output"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*torchrun, "-m", "loopbench", "train", *arguments, str(tmp_path / "two")],
        check=True,
        capture_output=True,
        env=environment,
    )
    subprocess.run(command(*arguments, tmp_path / "one"), check=True, capture_output=True, env=environment)
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert [step for step, _ in one] == [step for step, _ in two]
    assert max(abs(a - b) for (_, a), (_, b) in zip(one, two, strict=True)) < 1e-5


@pytest.mark.parametrize(
    ("environment", "message"),
    [({"RANK": "0"}, "WORLD_SIZE expected"), ({"RANK": "zero", "WORLD_SIZE": "1"}, "zero")],
)
def test_half_of_torchruns_environment_is_one_line(
    recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    message: str,
) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LoopbenchError, match=f"RANK is set, as torchrun does.*{message}.*unset RANK"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_average_of_the_weights_is_what_is_saved(recipe: Recipe, tmp_path: Path) -> None:
    train(recipe, tmp_path / "run")
    state = load_checkpoint(tmp_path / "run" / CHECKPOINT)
    saved = load_file(tmp_path / "run" / "model.safetensors")
    name = "encoder.linear.weight"
    assert torch.equal(saved[name], state["ema"][name])
    assert not torch.equal(saved[name], state["model"][name])


def test_frozen_parameters_stay_as_they_were(recipe_file: Path, tmp_path: Path) -> None:
    train(load_recipe(recipe_file, ["freeze=[block.attention.*_norm.weight]"]), tmp_path / "run")
    saved = load_file(tmp_path / "run" / "model.safetensors")
    assert set(saved["block.attention.query_norm.weight"].tolist()) == {1.0}
    assert len(set(saved["block.norm.post.weight"].tolist())) > 1


def test_probes_are_logged_and_change_nothing(recipe_file: Path, tmp_path: Path) -> None:
    probe = "probe={splits: [dev-bits-32], every: 10, examples: 4, iterations: 3}"
    train(load_recipe(recipe_file, [probe]), tmp_path / "probed")
    train(load_recipe(recipe_file, []), tmp_path / "plain")
    assert [entry["step"] for entry in read_log(tmp_path / "probed") if "probe" in entry] == [10, 20, 30]
    assert weights(tmp_path / "probed") == weights(tmp_path / "plain")


def test_a_second_run_in_the_same_folder_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    train(recipe, tmp_path / "run")
    before = weights(tmp_path / "run")
    with pytest.raises(LoopbenchError, match="already holds a training run"):
        train(recipe, tmp_path / "run")
    other = recipe.model_copy(update={"seed": 1, "batch_size": 4})
    with pytest.raises(LoopbenchError, match="batch_size, seed differ;"):
        train(other, tmp_path / "run", resume=True)
    with pytest.raises(LoopbenchError, match="clip differs;"):
        train(recipe.model_copy(update={"clip": 2.0}), tmp_path / "run", resume=True)
    assert weights(tmp_path / "run") == before


def test_two_processes_never_train_in_one_folder(recipe: Recipe, tmp_path: Path) -> None:
    refusals = []

    def report(progress: Progress, steps: int) -> None:
        if progress.step == 2:
            for resume in (True, False):
                with pytest.raises(LoopbenchError) as caught:
                    train(recipe, tmp_path / "run", resume=resume)
                refusals.append(str(caught.value))

    assert train(recipe, tmp_path / "run", report=report)
    assert ["another process trains in" in refusals[0], "already holds" in refusals[1]] == [True, True]
    train(recipe, tmp_path / "alone")
    assert weights(tmp_path / "run") == weights(tmp_path / "alone")


def test_a_folder_that_another_process_has_just_taken_is_left_alone(recipe: Recipe, tmp_path: Path) -> None:
    with claimed_run(tmp_path / "run"), pytest.raises(LoopbenchError, match="another process trains in"):
        train(recipe, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == [LOCK]
    assert train(recipe, tmp_path / "run")


def test_nothing_to_resume_is_an_error(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(LoopbenchError, match=r"there is no run in .*typo to resume: leave --resume out"):
        train(recipe, tmp_path / "typo", resume=True)
    assert not (tmp_path / "typo").exists()


def test_what_a_kill_left_half_written_is_removed(recipe: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(recipe, run, max_minutes=0)
    left = [run / f".{name}.x1.tmp" for name in (CHECKPOINT, "model.safetensors")]
    for path in [*left, run / ".mine.tmp"]:
        path.write_text("half")
    train(recipe, run, resume=True)
    assert not any(path.exists() for path in left)
    assert (run / ".mine.tmp").exists()


def test_a_diverging_run_stops_and_keeps_its_last_checkpoint(recipe: Recipe, tmp_path: Path) -> None:
    wild = recipe.model_copy(
        update={
            "optimizer": recipe.optimizer.model_copy(update={"lr": 10.0, "name": "sgd"}),
            "clip": None,
            "steps": 300,
        }
    )
    wild = wild.model_copy(update={"architecture": "recall"})
    with pytest.raises(Diverged, match="at step"):
        train(wild, tmp_path / "run")
    load_model(str(tmp_path / "run"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["task=prefix-sum"], "prefix-sum"),
        (["architecture=recal"], "recal"),
        (["objective.name=progresive"], "progresive"),
        (["objective.options.m=3"], "m"),
        (["config.width=7"], "width"),
        (["data.bits=0"], "bits"),
        (["data.strings=5"], "less than one batch"),
        (["optimizer.name=adamx"], "adamx"),
        (["optimizer.name=adahessian"], "'adahessian' cannot train here"),
        (["optimizer.name=adafactorbv"], "'adafactorbv' cannot train here: .*cannot be kept in a checkpoint"),
        (["schedule.warmup_steps=30"], "warmup_steps"),
        (["freeze=[block.x*]"], "matches no parameter"),
        (["architecture=fixed-depth"], "fixed-depth has at most 1"),
        (["probe={splits: [dev-bits-33], every: 1}"], "dev-bits-33"),
        (["probe={splits: [bits-32], every: 1}"], "bits-32 is scored, and chooses nothing; use its twin dev-bits-32"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused_before_anything_is_written(
    recipe_file: Path, tmp_path: Path, changes: list[str], message: str
) -> None:
    with pytest.raises(LoopbenchError, match=message):
        train(load_recipe(recipe_file, changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_that_is_no_run_is_not_overwritten(recipe: Recipe, tmp_path: Path) -> None:
    train(recipe, tmp_path / "run")
    (tmp_path / "run" / RECIPE).unlink()
    before = weights(tmp_path / "run")
    with pytest.raises(LoopbenchError, match="a model that was not trained there"):
        train(recipe, tmp_path / "run", resume=True)
    assert weights(tmp_path / "run") == before


def test_interrupted_it_keeps_every_step(recipe_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = command(recipe_file, "--set", "steps=100000", "--set", "checkpoint_every=100000", "--output", run)
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and len(losses(run)) < 3:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert (process.returncode, errors.splitlines()[-1]) == (130, "interrupted")
    assert load_checkpoint(run / CHECKPOINT)["step"] == losses(run)[-1][0] >= 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsuch.yaml", "--output", "x"], "nonsuch.yaml does not exist"),
        (["recipe.yaml", "--output", "x", "--device", "tpu"], "unknown device"),
        (["recipe.yaml", "--output", "recipe.yaml/x"], "cannot write"),
        (["recipe.yaml", "--output", "x", "--set", "steps=2024-13-45"], "--set steps=2024-13-45: not valid YAML"),
        (["recipe", "--output", "x"], "unknown recipe 'recipe'; known: chess-internal-recall-outer, "),
        (["prefix-sums-recal", "--output", "x"], "did you mean 'prefix-sums-recall'"),
        (["recipe.yaml", "--output", "x", "--resume"], "no run in x to resume"),
    ],
)
def test_the_command_refuses_in_one_line(
    recipe_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(recipe_file.parent)
    monkeypatch.setattr(sys, "argv", ["loopbench", "train", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    errors = capsys.readouterr().err.strip()
    assert ended.value.code == 2
    assert message in errors and "\n" not in errors
    assert not (recipe_file.parent / "x").exists()


def test_an_output_that_is_a_file_is_one_line(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LoopbenchError, match="cannot write"):
        train(recipe, tmp_path / "file" / "run")


def test_checkpoints_keep_trees_of_tensors_and_values(tmp_path: Path) -> None:
    tied = torch.ones(2)
    state = {"a": [tied, tied, torch.ones(2), {"b": torch.tensor(3)}], 0: None, "c": (1.5, "x", True)}
    save_checkpoint(tmp_path / "c.safetensors", state)
    loaded = load_checkpoint(tmp_path / "c.safetensors")
    assert torch.equal(loaded["a"][0], torch.ones(2)) and loaded["a"][3]["b"].item() == 3
    assert loaded[0] is None and loaded["c"] == [1.5, "x", True]
    (tmp_path / "c.safetensors").write_bytes(b"junk")
    with pytest.raises(LoopbenchError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "c.safetensors")


def test_the_log_survives_a_line_cut_short(recipe: Recipe, tmp_path: Path) -> None:
    train(recipe, tmp_path / "run")
    with (tmp_path / "run" / LOG).open("a") as file:
        file.write('{"step": 31, "lo')
    assert losses(tmp_path / "run")[-1][0] == 30
