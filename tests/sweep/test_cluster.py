"""A sweep on a real Ray cluster of this machine: a head and two nodes, each with processes of its own."""

from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sweep_toys import STUDY, results, run, study

from loopbench.errors import LoopbenchError
from loopbench.sweep.cluster import connect, run_on_ray
from loopbench.sweep.progress import Progress
from loopbench.sweep.run import sweep
from loopbench.sweep.study import Resources

ray = pytest.importorskip("ray")
NODE = {"object_store_memory": 80_000_000, "include_dashboard": False}  # bytes, near the least that Ray takes


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[Any, list[Any]]]:
    """A head without room for a cell, and two nodes with room for one each, started one after another."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # or a busy machine never gets to them
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **NODE})
    try:
        yield cluster, [cluster.add_node(num_cpus=1, **NODE) for _ in range(2)]
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_node_that_is_killed_loses_no_finished_cell_and_the_records_are_the_local_ones(
    nodes: tuple[Any, list[Any]], tmp_path: Path
) -> None:
    cluster, workers = nodes
    plan = study(grid=STUDY["grid"] | {"seed": [0, 1]})
    assert connect(cluster.address, plan.resources) == 2
    finished: list[str] = []

    def kill_a_node(progress: Progress) -> None:
        done = [status.cell.name for status in progress.of("done")]
        if len(done) >= 2 and len(workers) == 2:
            finished.extend(done)
            cluster.remove_node(workers.pop(), allow_graceful=False)

    execute = partial(run_on_ray, folder=tmp_path / "ray", resources=plan.resources)
    progress = sweep(plan, tmp_path / "ray", execute, workers=2, watch=kill_a_node)
    assert len(workers) == 1 and len(finished) >= 2
    assert [status.state for status in progress.statuses.values()] == ["done"] * 6
    run(plan, tmp_path / "here")
    assert results(tmp_path / "ray") == results(tmp_path / "here")


def test_no_cluster_is_one_line() -> None:
    with pytest.raises(LoopbenchError, match=r"there is no Ray cluster at 127\.0\.0\.1:1: "):
        connect("127.0.0.1:1", Resources())
    with pytest.raises(LoopbenchError, match=r"^no Ray cluster runs on this machine; `ray start --head` starts one$"):
        connect("auto", Resources())
