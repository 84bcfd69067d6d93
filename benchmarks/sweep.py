"""What a sweep costs beside its training: `python benchmarks/sweep.py [STEPS]`, the steps of each of its cells.

Cells an hour with one and two processes of this machine, and on a Ray cluster of two nodes of it; where there is a GPU,
with more and more cells side by side on it. Beside them the steps a second of all together while they train, and what
is left of the time when training and evaluating are taken off, over a cell. All of it in one run, on the same cells.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch

from loopbench.sweep.cells import Cell
from loopbench.sweep.local import Events, run_here
from loopbench.sweep.run import sweep
from loopbench.sweep.study import Study

CELLS = 4
TWO_MINUTES = 120
STUDY = {
    "name": "benchmark",
    "recipe": {
        "task": "prefix-sums",
        "data": {"bits": 32},
        "architecture": "recall-outer",
        "config": {"width": 32, "heads": 2},
        "objective": {"name": "progressive", "options": {"max_iterations": 8}},
        "batch_size": 64,
        "optimizer": {"lr": 1e-3},
        "compile": False,
    },
    "grid": {"seed": list(range(CELLS))},
    "evaluations": [{"splits": ["bits-32"], "iterations": 32, "limit": 100}],
}

Runner = Callable[[Study, Path], Callable[[Sequence[Cell]], Events]]


def local(workers: int) -> Runner:
    return lambda plan, folder: partial(run_here, folder=folder, resources=plan.resources, workers=workers)


def on_ray(plan: Study, folder: Path) -> Callable[[Sequence[Cell]], Events]:
    from loopbench.sweep.cluster import run_on_ray

    return partial(run_on_ray, folder=folder, resources=plan.resources)


def measure(what: str, plan: Study, runner: Runner, at_once: int, before: float | None = None) -> float:
    """Run the study into an empty folder; print and return its cells an hour."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        progress = sweep(plan, Path(folder), runner(plan, Path(folder)), workers=at_once)
        wall = time.perf_counter() - begin
    outcomes = [status.outcome for status in progress.of("done") if status.outcome]
    count = len(progress.statuses)
    assert len(outcomes) == count, progress.of("failed")
    work = sum(outcome.seconds or 0 for outcome in outcomes)
    rate = count / wall * 3600
    ratio = f"{rate / before:>6.2f} ×" if before else " " * 8
    steps = at_once * count * (plan.recipe["steps"]) / sum(outcome.train_s or 0 for outcome in outcomes)
    over = (wall * at_once - work) / count  # idle ends of the last round are in it
    share = (
        f"{over:5.1f} s beside {work / count:.0f} s of a cell's own: {100 * over / TWO_MINUTES:.1f} % of two minutes"
    )
    print(f"{what:<30} {rate:>7.1f} cells an hour {ratio}  {steps:>6.1f} steps a second   {share}", flush=True)
    return rate


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    plan = Study.model_validate(STUDY | {"recipe": STUDY["recipe"] | {"steps": steps}})
    if torch.cuda.is_available():
        one = None
        for cells in (1, 2, 4, 8, 16):
            some = plan.model_copy(update={"grid": {"seed": list(range(cells))}})
            rate = measure(f"{cells} side by side on a GPU", some, local(cells), cells, one)
            one = one or rate
        return
    one = measure("one process", plan, local(1), 1)
    measure("two processes", plan, local(2), 2, one)
    if find_spec("ray"):
        from ray.cluster_utils import Cluster

        from loopbench.sweep.cluster import connect

        node = {"object_store_memory": 80_000_000, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **node})
        for _ in range(2):
            cluster.add_node(num_cpus=1, **node)
        connect(cluster.address, plan.resources)
        measure("Ray, two nodes of one core", plan, on_ray, 2, one)
        cluster.shutdown()


if __name__ == "__main__":
    main()
