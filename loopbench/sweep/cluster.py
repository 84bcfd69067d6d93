"""The cells of a sweep on a Ray cluster, whose nodes all see the sweep's folder at the same path.

Ray places the cells, counts cores and shares of GPUs, and tries again what was running on a node that is lost; a cell
goes on from its last checkpoint.
"""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loopbench.errors import LoopbenchError
from loopbench.evaluation.record import now
from loopbench.sweep.cells import Cell
from loopbench.sweep.local import Event, Events
from loopbench.sweep.outcome import Outcome, failed, find_outcome
from loopbench.sweep.study import Resources
from loopbench.validation import printable

TICK = 1.0
"""Seconds between two looks at what is running."""
RETRIES = 3
"""How often a cell whose node or process was lost is tried again."""


def connect(address: str, resources: Resources) -> int:
    """Join a cluster; gives the number of cells that it has room for now.

    Raises:
        LoopbenchError: Ray is not installed, or there is no cluster at that address.
    """
    ray = _ray()
    environment = {"OMP_NUM_THREADS": str(resources.threads)}
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": environment})
    except (OSError, ValueError, RuntimeError) as error:
        if address == "auto" and isinstance(error, ConnectionError):
            raise LoopbenchError("no Ray cluster runs on this machine; `ray start --head` starts one") from error
        raise LoopbenchError(f"there is no Ray cluster at {printable(address)}: {printable(str(error))}") from error
    there = ray.cluster_resources()
    needed = _needed(resources)
    return max(1, min(int(there.get(kind, 0) / amount) for kind, amount in needed.items()))


def run_on_ray(cells: Sequence[Cell], folder: Path, resources: Resources) -> Events:
    """Work through the cells on the cluster that was joined."""
    ray = _ray()
    needed = _needed(resources)
    options: dict[str, Any] = {"num_cpus": needed["CPU"], "num_gpus": needed.get("GPU", 0), "max_retries": RETRIES}
    work = ray.remote(**options)(_attempt)
    begun = now()
    tasks = {work.remote(cell, folder, resources): cell for cell in cells}
    waiting = {cell.digest: cell for cell in cells}
    try:
        while tasks:
            ready, _ = ray.wait(list(tasks), timeout=TICK)
            for cell in [cell for cell in waiting.values() if _has_begun(folder, cell, begun)]:
                del waiting[cell.digest]
                yield Event(cell, None)
            for task in ready:
                cell = tasks.pop(task)
                waiting.pop(cell.digest, None)
                try:
                    outcome: Outcome = ray.get(task)
                except ray.exceptions.RayError as error:
                    reason = next(iter(str(error).splitlines()), "")
                    outcome = failed(folder, cell, f"lost {RETRIES + 1} times: {type(error).__name__}: {reason}")
                yield Event(cell, outcome)
            if not ready:
                yield None
    finally:
        for task in tasks:
            ray.cancel(task, force=True)
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError if nothing listens at an address of a host and a port, where Ray would wait for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise LoopbenchError("--ray needs Ray: pip install 'loopbench-zoo[ray]'") from error
    return ray


def _needed(resources: Resources) -> dict[str, float]:
    """What a cell takes of a cluster; GPUs only where it has any."""
    needed: dict[str, float] = {"CPU": resources.threads * resources.processes}
    if _ray().cluster_resources().get("GPU"):
        needed["GPU"] = resources.gpu * resources.processes
    return needed


def _attempt(cell: Cell, folder: Path, resources: Resources) -> Outcome:
    from loopbench.sweep.work import attempt

    return attempt(cell, folder, resources)


def _has_begun(folder: Path, cell: Cell, since: str) -> bool:
    outcome = find_outcome(folder, cell)
    return outcome is not None and outcome.created >= since
