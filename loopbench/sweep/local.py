"""The cells of a sweep on this machine: processes that share its cores or its GPUs."""

import os
import signal
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from loopbench.sweep.cells import Cell
from loopbench.sweep.outcome import Outcome, failed
from loopbench.sweep.study import Resources
from loopbench.workers import attend, cores, send_output

TICK = 0.5
"""Seconds between two looks at what is running."""
LOGS = "logs"


@dataclass(frozen=True)
class Event:
    """Something that happened to a cell.

    Attributes:
        outcome: what became of it; `None`: it is being worked on from now on.
    """

    cell: Cell
    outcome: Outcome | None


Events = Generator[Event | None]
"""What happens in a sweep, and `None` every now and then when nothing does. Closing it ends the work."""


def run_here(cells: Sequence[Cell], folder: Path, resources: Resources, workers: int | None) -> Events:
    """Work through the cells with processes of this machine.

    A process serves one cell after another, so that only the first waits for the imports. One that dies fails its cell
    alone, and another takes its place.

    Args:
        workers: cells at a time; default: as many as the cores or the GPUs have room for.
    """
    places = find_places(resources, workers)[: len(cells)]
    waiting = deque(cells)
    crew = [_Worker(f"worker-{i}", place, folder, resources) for i, place in enumerate(places)]
    try:
        while waiting or any(worker.cell for worker in crew):
            for worker in crew:
                if worker.cell is None and waiting:
                    yield Event(worker.begin(waiting.popleft()), None)
            busy = [worker for worker in crew if worker.cell]
            ready = wait([worker.pipe for worker in busy], timeout=TICK)
            if not ready:
                yield None
            for worker in busy:
                if worker.pipe in ready:
                    yield worker.finish()
    finally:
        for worker in crew:
            worker.stop()


def find_places(resources: Resources, workers: int | None) -> list[str | None]:
    """What each worker sees of the GPUs, as CUDA_VISIBLE_DEVICES says it; `None` where there are none.

    Several cells share a GPU if `resources.gpu` is a part of one; a cell of several processes has a GPU for each.
    """
    import torch

    gpus = [str(i) for i in range(torch.cuda.device_count())]
    if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):
        gpus = visible.split(",")[: len(gpus)]
    each = resources.processes
    if len(gpus) < each or not gpus:
        return [None] * (workers or max(1, cores() // (resources.threads * each)))
    groups = [",".join(gpus[first : first + each]) for first in range(0, len(gpus) - each + 1, each)]
    count = workers or len(groups) * int(1 / resources.gpu)
    return [groups[i % len(groups)] for i in range(count)]


class _Worker:
    """A process that works on one cell at a time. It is started when there is one."""

    def __init__(self, name: str, place: str | None, folder: Path, resources: Resources) -> None:
        self.name, self.place, self.folder, self.resources = name, place, folder, resources
        self.cell: Cell | None = None
        self.process: SpawnProcess | None = None
        self.pipe: Connection

    def begin(self, cell: Cell) -> Cell:
        """Start on a cell, and return it."""
        if self.process is None:
            self.pipe, theirs = Pipe()
            log = self.folder / LOGS / f"{self.name}.log"
            # not a daemon, since cells start processes of their own
            self.process = get_context("spawn").Process(
                target=_serve, args=(theirs, self.folder, self.resources, self.place, log), daemon=False
            )
            self.process.start()
            theirs.close()  # so that the pipe ends with the process
        self.cell = cell
        self.pipe.send(cell)
        return cell

    def finish(self) -> Event:
        """What became of the cell, once there is something to read from the pipe."""
        cell = self.cell
        assert cell is not None and self.process is not None
        self.cell = None
        try:
            outcome: Outcome = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            code = self.process.exitcode
            how = signal.Signals(-code).name if code and code < 0 else f"exit code {code}"
            self.process = None
            outcome = failed(self.folder, cell, f"its process ended with {how}; see {LOGS}/{self.name}.log")
        return Event(cell, outcome)

    def stop(self) -> None:
        """End the process, whatever it is at."""
        if self.process is not None:
            self.process.terminate()
            self.process.join()


def _serve(pipe: Connection, folder: Path, resources: Resources, place: str | None, log: Path) -> None:
    """Work on the cells that come through a pipe; what they print goes into a log."""
    attend()
    send_output(log)
    if place is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = place
    from loopbench.sweep.work import attempt

    while True:
        try:
            cell: Cell = pipe.recv()
        except EOFError:
            return
        pipe.send(attempt(cell, folder, resources))
