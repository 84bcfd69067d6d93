"""A sweep: what is there, what is to be done, and who does it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from loopbench.errors import LoopbenchError
from loopbench.evaluation.store import open_store
from loopbench.files import check_writable, claimed, write_bytes
from loopbench.sweep.cells import Cell, cells_of
from loopbench.sweep.local import Events
from loopbench.sweep.outcome import RECORDS, find_outcome
from loopbench.sweep.progress import Progress, Status
from loopbench.sweep.study import MAX_STUDY_BYTES, Study, dump_study
from loopbench.validation import printable, read_yaml

STUDY = "study.yaml"
LOCK = ".lock"

Execute = Callable[[Sequence[Cell]], Events]
"""Works through some cells."""


def sweep(
    study: Study,
    folder: Path,
    execute: Execute,
    *,
    workers: int,
    retry_failed: bool = False,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Do all that a study asks for and a folder does not have yet.

    It can be killed at any moment: the next one goes on. A study that has grown by a seed or an architecture finds what
    was there.

    Args:
        execute: who does the work.
        workers: at how many cells at a time, for the estimate.
        retry_failed: try again what failed; otherwise it stays as it is.
        watch: is told where things stand, every now and then.

    Raises:
        LoopbenchError: the study does not fit its tasks and architectures, the folder cannot be used, is another
            study's or has a file that cannot be read, or another sweep is at work there.
    """
    cells = cells_of(study)
    check_writable(folder)
    with claimed(folder / LOCK, f"another sweep is at work in {folder}: let it end, or choose another folder"):
        _check_study(folder / STUDY, study)
        write_bytes(folder / STUDY, dump_study(study).encode())
        open_store(folder / RECORDS)
        statuses = [_status(folder, cell, retry_failed) for cell in cells]
        progress = Progress(folder, statuses, workers)
        watch(progress)
        for event in execute([status.cell for status in progress.of("waiting")]):
            if event:
                progress.update(event.cell, event.outcome)
            watch(progress)
        return progress


def _check_study(path: Path, study: Study) -> None:
    """Raise LoopbenchError if the folder is another study's, which would be lost."""
    match read_yaml(path, MAX_STUDY_BYTES) if path.exists() else None:
        case {"name": name} if name != study.name:
            raise LoopbenchError(
                f"{path} is the study {printable(str(name))}, not {study.name}: choose another folder, or delete it"
            )
        case _:
            pass


def _status(folder: Path, cell: Cell, retry_failed: bool) -> Status:
    outcome = find_outcome(folder, cell)
    if outcome and outcome.complete(folder, cell):
        return Status(cell, "done", outcome)
    if outcome and outcome.status == "failed" and not retry_failed:
        return Status(cell, "failed", outcome)
    return Status(cell, "waiting", outcome)
