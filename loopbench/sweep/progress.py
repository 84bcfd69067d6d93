"""Where a sweep stands: every cell's state, and how long the rest will take."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Literal

from loopbench.sweep.cells import Cell
from loopbench.sweep.outcome import Outcome, run_folder
from loopbench.training.run import LOG

State = Literal["waiting", "running", "done", "failed"]
TAIL = 4096  # bytes of a log, in which its last line begins


@dataclass
class Status:
    """One cell's state, and its outcome if it has one."""

    cell: Cell
    state: State = "waiting"
    outcome: Outcome | None = None


class Progress:
    """All cells of a sweep."""

    def __init__(self, folder: Path, statuses: Sequence[Status], workers: int) -> None:
        self.folder = folder
        self.workers = workers
        self.statuses = {status.cell.digest: status for status in statuses}

    def of(self, state: State) -> list[Status]:
        """The cells in a state, in the study's order."""
        return [status for status in self.statuses.values() if status.state == state]

    def update(self, cell: Cell, outcome: Outcome | None) -> None:
        """A cell has begun, or has ended with an outcome."""
        status = self.statuses[cell.digest]
        status.outcome = outcome
        status.state = "running" if outcome is None else "done" if outcome.status == "done" else "failed"

    def steps_done(self, cell: Cell) -> int:
        """How many steps a cell's run has in its log."""
        path = run_folder(self.folder, cell) / LOG
        try:
            with path.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
                lines = file.read().splitlines()
            return int(json.loads(lines[-1])["step"])
        except (OSError, ValueError, KeyError, IndexError, TypeError):  # no run yet, or a line that is being written
            return 0

    def remaining_seconds(self) -> float | None:
        """How long the rest takes if it goes on as the finished cells did; `None` as long as none has finished."""
        outcomes = [status.outcome for status in self.of("done") if status.outcome]
        seconds = [outcome.seconds for outcome in outcomes if outcome.seconds is not None]
        if not seconds:
            return None
        rest = float(len(self.of("waiting")))
        for status in self.of("running"):
            rest += 1 - self.steps_done(status.cell) / (status.cell.recipe.steps or 1)
        return rest * mean(seconds) / self.workers
