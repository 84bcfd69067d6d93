"""A stranger's entry is verified: fetched at its commit, run with its own plugin, written down, and mirrored."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from loopback import Hub
from made_plugins import model_files, submitted

from loopbench.cli import main
from loopbench.leaderboard.model_files import fetch
from loopbench.leaderboard.seeds import seed_of
from loopbench.leaderboard.submission import read_entry

REPO, SPLITS = "stranger/running-sums", ("bits-64", "bits-128", "bits-256", "bits-512")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", "leaderboard", "verify", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A. Nyone", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def entry_of(hub: Hub, board: Path, weights: torch.Tensor | None = None) -> Path:
    """An entry in a checkout, whose model is on the Hub, with these weights in place of its own."""
    files = model_files()
    there = files if weights is None else model_files(weights)
    commit = hub.publish(REPO, {"config.json": there.config, "model.safetensors": there.weights})
    folder = board / "results" / "sums"
    model = {"ref": f"hub:{REPO}@{commit}", "weights_sha256": files.weights_sha256}
    submitted(folder, files, splits=SPLITS, model=model)
    git(board, "init", "--quiet")
    return folder


def test_an_entry_is_verified(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = entry_of(hub, tmp_path)
    assert run(monkeypatch, str(folder)) == 1
    assert "give --seed N" in capsys.readouterr().out
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "an entry")
    assert run(monkeypatch, str(tmp_path / "results"), "--share", "0.01") == 0
    assert capsys.readouterr().out == "sums: verified\n"

    commit = git(tmp_path, "rev-parse", "HEAD")
    verification = read_entry(folder).verification
    assert verification is not None
    assert (verification.commit, verification.seed) == (commit, seed_of(commit))
    split = verification.splits["bits-128"]
    assert split.reproduced.iterations == [64, 128, 256, 512]
    assert split.reproduced.found == split.reproduced.reported == [0, 20, 20, 20]
    assert split.fresh
    assert split.fresh.correct == [0, 20, 20, 20]
    assert split.untrained.correct == [0] * 4

    hub.repos.clear()  # the repository is deleted, and the client's cache is another machine's
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    assert fetch(read_entry(folder)) == model_files()


def test_swapped_weights(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = entry_of(hub, tmp_path, torch.ones(2, 2))
    assert run(monkeypatch, str(folder), "--seed", "5") == 1
    out = capsys.readouterr().out
    assert out.startswith("sums: refused: model.safetensors has sha256")
    assert out.count("\n") == 1
    assert json.loads((folder / "verification.json").read_text())["verdict"] == "refused"
    assert not (tmp_path / "models").exists()


def test_what_check_finds_is_not_run(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = model_files()
    folder = submitted(tmp_path / "results/sums", files, splits=SPLITS[:3]).folder
    assert run(monkeypatch, str(folder), "--seed", "5") == 1
    assert "sums: it has no record of bits-512" in capsys.readouterr().out
    assert not (folder / "verification.json").exists()


def test_without_bubblewrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(monkeypatch, str(tmp_path)) == 2
    assert "install bubblewrap" in capsys.readouterr().err
