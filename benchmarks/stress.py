"""Kill training and evaluation again and again and see that nothing is lost: `python benchmarks/stress.py [KILLS]`.

A run that is killed with SIGKILL at random moments must end with the same weights and the same counts as one that is
left alone, and leave nothing half-written that is ever read.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

RECIPE = """
task: prefix-sums
data: {bits: 16}
architecture: recall-outer
config: {width: 8, heads: 1}
objective: {name: progressive, options: {max_iterations: 8}}
steps: 8000
batch_size: 32
optimizer: {lr: 1.0e-2}
compile: false
checkpoint_every: 11
"""
LONGEST = 9.0  # seconds before a kill; starting takes about half of it
LOOPBENCH = [sys.executable, "-m", "loopbench"]
EVALUATION = ["eval", "--model", "looped-prefix-sums", "--limit", "60", "--iterations", "512", "--json"]


def run(command: Callable[[], list[str]], kills: int, moments: random.Random) -> int:
    """Run a command, killing it up to so many times before letting it finish; how often it was killed."""
    for killed in range(kills):
        process = subprocess.Popen(command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _, errors = process.communicate(timeout=moments.uniform(1, LONGEST))
            if process.returncode:
                raise SystemExit(f"failed after a kill: {errors.decode()}")
            return killed
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    subprocess.run(command(), check=True, stdout=subprocess.DEVNULL)
    return kills


def train(folder: Path) -> list[str]:
    """The command that begins a run in `folder`, or goes on with the one there."""
    resume = ["--resume"] if (folder / "recipe.yaml").exists() else []
    return [*LOOPBENCH, "train", str(folder.parent / "recipe.yaml"), "--output", str(folder), *resume]


def evaluate(folder: Path) -> list[str]:
    return [*LOOPBENCH, *EVALUATION, "--output", str(folder)]


def counts(folder: Path) -> dict[str, object]:
    """What every record counted, by cell."""
    records = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    assert all(record["status"] == "complete" for record in records)
    return {record["cell"]: (record["curves"], record["per_example"]["sha256"]) for record in records}


def main(kills: int) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    moments = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "recipe.yaml").write_text(RECIPE)
        run(partial(train, folder / "whole"), 0, moments)
        killed = run(partial(train, folder / "parts"), kills, moments)
        weights = [(folder / side / "model.safetensors").read_bytes() for side in ("whole", "parts")]
        print(f"training, {killed} kills: {'the same weights' if weights[0] == weights[1] else 'DIFFERENT WEIGHTS'}")
        run(partial(evaluate, folder / "records"), 0, moments)
        killed = run(partial(evaluate, folder / "again"), kills, moments)
        same = counts(folder / "records") == counts(folder / "again")
        print(f"evaluation, {killed} kills: {'the same counts' if same else 'DIFFERENT COUNTS'}")
        left = [path.name for path in folder.rglob("*.tmp")]
        print(f"temporary files left behind, which nothing reads: {len(left)}")
        if weights[0] != weights[1] or not same:
            raise SystemExit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
