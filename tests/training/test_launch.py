"""One run in two processes: one of them is killed, and the run goes on from its last checkpoint."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loopbench.cli import main
from loopbench.training.recipe import load_recipe
from loopbench.training.run import read_log
from loopbench.training.train import train

RECIPE = """
task: prefix-sums
data: {bits: 8}
architecture: recall-outer
config: {width: 8, heads: 1}
objective: {name: progressive, options: {max_iterations: 4}}
steps: 150
batch_size: 8
optimizer: {lr: 1.0e-2}
compile: false
checkpoint_every: 10
"""
LINE = "error: process 1 of 2 ended with SIGKILL, and with it the run; --resume goes on from its last checkpoint"

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the processes in /proc")


def rank_of_run(rank: int, folder: Path) -> int:
    """The process of a rank that trains into a folder."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = ((path / name).read_bytes().split(b"\0") for name in ("cmdline", "environ"))
        except OSError:  # it has ended, or is another's
            continue
        if str(folder).encode() in command and f"RANK={rank}".encode() in environment:
            return int(path.name)
    raise AssertionError(f"no process of rank {rank}")


def losses(folder: Path) -> list[float]:
    return [entry["loss"] for entry in read_log(folder)]


def test_a_killed_process_ends_the_run_with_a_line_and_it_resumes_to_the_losses_of_one_process(tmp_path: Path) -> None:
    recipe, two = tmp_path / "recipe.yaml", tmp_path / "two"
    recipe.write_text(RECIPE)
    command = [sys.executable, "-m", "loopbench", "train", str(recipe), "--output", str(two), "--processes", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    while len(losses(two)) < 20:
        assert run.poll() is None
        time.sleep(0.02)
    os.kill(rank_of_run(1, two), signal.SIGKILL)
    _, said = run.communicate()
    assert run.returncode == 2
    assert LINE in said.splitlines()
    for line in said.splitlines():  # the first process may have noticed before it was ended
        assert line.startswith(("from step", LINE, "error: another process of this run has ended")), said
    assert len(losses(two)) < 150
    subprocess.run([*command, "--resume"], check=True, capture_output=True, env=environment)
    train(load_recipe(recipe, []), tmp_path / "one")
    assert len(losses(two)) == 150
    assert losses(two) == pytest.approx(losses(tmp_path / "one"), abs=1e-5)


def test_what_is_wrong_is_said_before_any_process_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    arguments = [str(tmp_path / "recipe.yaml"), "--output", str(tmp_path / "run"), "--processes", "2", "--resume"]
    monkeypatch.setattr("sys.argv", ["loopbench", "train", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: there is no run in")
