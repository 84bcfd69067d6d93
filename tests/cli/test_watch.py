"""`loopbench watch`: what it shows, what it saves and what it refuses before the first step."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from loopbench.cli import main
from loopbench.hub import build_model, save_model
from loopbench.models.transformer import LoopedTransformer

HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "toy"
    save_model(path, build_model("loop", {"width": 8, "heads": 2}, "prefix-sums"), train_iterations=30)
    return path


def watch(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", "watch", "--model", str(folder), *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_pipe_gets_powers_of_two_and_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert watch(monkeypatch, folder, "--split", "bits-32", "--example", "3", "--iterations", "100") == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].endswith("on bits-32/3")
    assert [line.split()[2] for line in lines if line.startswith("t = ")] == [*map(str, (1, 2, 4, 8, 16, 32, 64, 100))]
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in out
    assert err == ""


def test_the_default_is_the_first_scored_split_and_its_depth(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert watch(monkeypatch, folder) == 0
    out = capsys.readouterr().out
    assert "bits-64/0" in out
    assert "t = 512 " in out


@pytest.mark.parametrize(("name", "start"), [("x.svg", "<svg"), ("new/x.HTML", "<!DOCTYPE html>")])
def test_saving_prints_where(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    tmp_path: Path,
    name: str,
    start: str,
) -> None:
    path = tmp_path / name
    assert watch(monkeypatch, folder, "--split", "bits-32", "--iterations", "4", "--save", str(path)) == 0
    assert capsys.readouterr().out == f"saved {path}: 4 frames to t = 4\n"
    assert path.read_text().startswith(start)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "bits-33"], "task prefix-sums has no split 'bits-33'; it has bits-32"),
        (["--example", "500"], "example must be between 0 and 499 on bits-64, not 500"),
        (["--example", "-1"], "example must be between 0 and 499 on bits-64, not -1"),
        (["--iterations", "0"], "iterations: Input should be greater than or equal to 1"),
        (["--device", "tpu"], "unknown device 'tpu'; use auto, cpu, cuda or cuda:N"),
        (["--precision", "tf32", "--device", "cpu"], "precision tf32 needs a CUDA device"),
        (["--save", "x.gif"], "cannot save to x.gif: use .svg (an animated picture) or .html (a page), not .gif"),
        (["--save", "/dev/null/x.svg"], "cannot write to /dev/null"),
        (["--task", "sums"], "unknown task 'sums'"),
        (["--model", "./nowhere"], "there is no folder nowhere"),
    ],
)
def test_bad_input_is_refused_before_the_first_step(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    arguments: list[str],
    message: str,
) -> None:
    def no_step(*args: object) -> None:
        raise AssertionError("a step was taken")

    monkeypatch.setattr(LoopedTransformer, "step", no_step)
    assert watch(monkeypatch, folder, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1


def test_an_interrupt_leaves_the_terminal_as_it_was(folder: Path) -> None:
    command = [sys.executable, "-m", "loopbench", "watch", "--model", str(folder), "--iterations", "100000"]
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        seen = b""
        while b"t = 3" not in seen:
            seen += os.read(ours, 1 << 16)
        assert HIDE_CURSOR in seen
        process.send_signal(signal.SIGINT)
        try:
            while more := os.read(ours, 1 << 16):
                seen += more
        except OSError:  # the other end is closed
            pass
        assert process.wait() == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"interrupted\n"
    assert seen.rindex(SHOW_CURSOR) > seen.rindex(HIDE_CURSOR)
    os.close(ours)
