"""From a folder of records to a submission, in a checkout or on the Hub, by the real client."""

import sys
from pathlib import Path

import pytest
import torch
from evaluation_toys import made_record
from loopback import TOKEN, Hub
from made_entries import SCORED, made_records

from loopbench.cli import main
from loopbench.evaluation.store import read_record, save_record
from loopbench.files import sha256
from loopbench.hub import build_model, load_model, save_model
from loopbench.leaderboard.submission import read_entry
from loopbench.publishing.card import RECIPE
from loopbench.references import CONFIG, WEIGHTS

REPO, DATASET = "me/mine", "loopbench/leaderboard"
RECIPE_TEXT = b"""\
task: prefix-sums
data: {bits: 32}
architecture: recall-outer
init: hub:me/first@0123456789012345678901234567890123456789
objective: {name: progressive, options: {max_iterations: 4}}
steps: 1
batch_size: 1
optimizer: {lr: 0.001}
"""


@pytest.fixture
def here(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout with an empty leaderboard, and a working folder with nothing in it, which is the present one."""
    (tmp_path / "checkout" / "leaderboard" / "results").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def commit(hub: Hub, toy_files: dict[str, bytes]) -> str:
    """A model that was pushed."""
    return hub.publish(REPO, {**toy_files, RECIPE: RECIPE_TEXT})


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    def loopbench(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["loopbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return loopbench


def evaluated(here: Path, toy_files: dict[str, bytes], **changes: object) -> Path:
    """Records as if the pushed model had been evaluated from a local folder."""
    for name in (CONFIG, WEIGHTS):
        (here / "toy").mkdir(exist_ok=True)
        (here / "toy" / name).write_bytes(toy_files[name])
    info = load_model("./toy").info
    assert info
    assert info.weights_sha256 == sha256(toy_files[WEIGHTS])
    for record in made_records("toy", model=info.model_dump(exclude={"task"}) | changes):
        save_record(here / "results", record)
    return here / "results"


SUBMIT = ("submit", "results", "--name", "mine", "--author", "A. Nyone")
OPTIONS = ("--track", "closed", "--runs", "7", "--link", "https://example.org/paper")


def test_a_submission_in_a_checkout(
    here: Path, run, commit: str, toy_files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(here, toy_files)
    ref = f"hub:{REPO}@{commit}"
    assert run(*SUBMIT, *OPTIONS, "--model", ref, "--to", "../checkout") == 0
    folder = here.parent / "checkout" / "leaderboard" / "results" / "mine"
    entry = read_entry(folder)
    assert (entry.submission.model.ref, entry.submission.track, entry.submission.runs_tried) == (ref, "closed", 7)
    first = "hub:me/first@0123456789012345678901234567890123456789"
    assert entry.submission.training.data == f"bits: 32\nand, before that, what {first} was trained on"
    assert entry.submission.training.recipe == "recipe.yaml beside the weights"
    assert list(entry.records) == list(SCORED)
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]
    assert run("leaderboard", "check", str(folder)) == 0
    assert "1 submission, nothing wrong" in capsys.readouterr().out
    assert run(*SUBMIT, "--model", ref, "--to", "../checkout") == 2
    assert "is there already" in capsys.readouterr().err


def test_a_pull_request_on_the_hub(
    here: Path,
    run,
    hub: Hub,
    commit: str,
    toy_files: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    evaluated(here, toy_files, repo=REPO, revision=commit)
    before = hub.publish(f"datasets:{DATASET}", {"README.md": b"# Results\n"})
    assert run(*SUBMIT, *OPTIONS, "--hub", DATASET, "--token", TOKEN) == 0
    assert f"{hub.endpoint}/datasets/{DATASET}/discussions/1" in capsys.readouterr().out
    data = hub.repos[f"datasets:{DATASET}"]
    assert data.refs["main"] == before
    for path, content in data.commits[data.refs["refs/pr/1"]].items():
        if path.startswith("leaderboard/results/mine/"):
            file = here / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    assert run("leaderboard", "check", "leaderboard/results") == 0


def test_nobody_is_logged_in(
    here: Path, run, hub: Hub, commit: str, toy_files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(here, toy_files, repo=REPO, revision=commit)
    hub.publish(f"datasets:{DATASET}", {})
    assert run(*SUBMIT, "--hub", DATASET) == 2
    assert "the Hub wants another token" in capsys.readouterr().err


def refused(
    run, capsys: pytest.CaptureFixture[str], *options: str, to: tuple[str, ...] = ("--to", "../checkout")
) -> str:
    """The one line; and nothing was written."""
    capsys.readouterr()
    assert run(*SUBMIT, *options, *to) == 2
    assert not list(Path("../checkout/leaderboard/results").iterdir())
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


def test_what_is_not_a_submission_is_refused(
    here: Path, run, commit: str, toy_files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "there are no records in results" in refused(run, capsys)
    results = evaluated(here, toy_files)
    ref = ("--model", f"hub:{REPO}@{commit}")
    assert "say which by --model hub:ORG/NAME@COMMIT" in refused(run, capsys)
    for floating in (f"hub:{REPO}", f"hub:{REPO}@main", f"hub:{REPO}@{commit[:12]}", "./toy"):
        assert "can change: name it by hub:ORG/NAME@COMMIT" in refused(run, capsys, "--model", floating)
    assert "has no complete record of bits-64, bits-128" in refused(run, capsys, "--model", "looped-prefix-sums")
    assert "either --to DIR or --hub" in refused(run, capsys, *ref, to=())
    assert "--hub must be ORG/NAME" in refused(run, capsys, *ref, to=("--hub", "nonsense"))
    assert "is not a checkout of the leaderboard" in refused(run, capsys, *ref, to=("--to", "."))
    assert "leave out --plugin-wheel" in refused(run, capsys, *ref, "--plugin-wheel", "x.whl")
    assert "links" in refused(run, capsys, *ref, "--link", "http://example.org")
    assert "name" in refused(run, capsys, *ref, "--name", "../mine")
    [path] = results.glob("*.bits-512.*.json")
    path.unlink()
    assert "has no complete record of bits-512" in refused(run, capsys, *ref)


def test_partial_records_are_refused(
    here: Path, run, commit: str, toy_files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    results = evaluated(here, toy_files)
    [path] = results.glob("*.bits-64.*.json")
    whole = read_record(path)
    path.unlink()
    split, model = whole.split.model_dump(), whole.model.model_dump() | {"provider": whole.model.provider}
    save_record(results, made_record([1] * 100, 512, split=split, model=model, examples={"first": 0, "count": 100}))
    assert "the records of bits-64 are partial" in refused(run, capsys, "--model", f"hub:{REPO}@{commit}")


def test_the_weights_at_the_commit_are_those_of_the_records(
    here: Path, run, hub: Hub, toy_files: dict[str, bytes], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A swapped weights file: the records are of another model than the one at the commit."""
    evaluated(here, toy_files)
    torch.manual_seed(1)
    save_model(tmp_path / "other", build_model("recall-outer", {"width": 8, "heads": 2, "mlp_ratio": 1}, "prefix-sums"))
    other = hub.publish(REPO, {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()})
    assert "has no complete record of bits-64" in refused(run, capsys, "--model", f"hub:{REPO}@{other}")


def test_a_model_without_a_recipe_says_how_it_was_trained(
    here: Path, run, hub: Hub, toy_files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(here, toy_files)
    ref = ("--model", f"hub:{REPO}@{hub.publish(REPO, toy_files)}")
    assert "say how it was trained, by --data and --recipe" in refused(run, capsys, *ref)
    assert run(*SUBMIT, *ref, "--data", "bits", "--recipe", "by hand", "--to", "../checkout") == 0


def test_a_training_that_began_with_a_folder_says_what_both_were_trained_on(
    here: Path, run, hub: Hub, toy_files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(here, toy_files)
    recipe = RECIPE_TEXT.replace(b"init: hub:me/first@0123456789012345678901234567890123456789", b"init: ./runs/first")
    ref = ("--model", f"hub:{REPO}@{hub.publish(REPO, {**toy_files, RECIPE: recipe})}")
    assert "began with ./runs/first: say by --data what both were trained on" in refused(run, capsys, *ref)
    assert run(*SUBMIT, *ref, "--data", "bits", "--to", "../checkout") == 0
    training = read_entry(here.parent / "checkout" / "leaderboard" / "results" / "mine").submission.training
    assert (training.data, training.recipe) == ("bits", "recipe.yaml beside the weights")
