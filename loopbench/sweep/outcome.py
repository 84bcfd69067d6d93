"""What became of a cell: one JSON file, written when the cell starts, so that a crash is visible, and when it ends.

A sweep's folder has `cells/` (these files), `runs/` (a run folder for each), `records/` and `diagnoses/`. Every file is
named after a hash of what it is, so folders of several machines are merged by copying one into the other.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, model_validator

from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import Moment, Stored
from loopbench.evaluation.record import FileName, Sha256, Text, now
from loopbench.evaluation.store import read_record
from loopbench.files import write_json
from loopbench.stability.diagnosis import read_diagnosis
from loopbench.sweep.cells import SCHEMA_VERSION, Cell, Measurement
from loopbench.validation import printable, read_json, validate

CELLS, RUNS, RECORDS, DIAGNOSES = "cells", "runs", "records", "diagnoses"
MAX_OUTCOME_BYTES = 1 << 20

FoundT = TypeVar("FoundT")


class Measured(Stored):
    """A measurement that was made."""

    what: Measurement
    file: FileName = Field(description="in `records/` or `diagnoses/`")


class Outcome(Stored):
    schema_version: Literal[1] = Field(description="version of this format")
    cell: Sha256 = Field(description="hash of what decides the weights")
    labels: dict[str, Text] = Field(description="the choice on every axis of the study")
    recipe: dict[str, Any] = Field(description="with every setting filled in")
    status: Literal["started", "done", "failed"] = Field(description="started: at work, or killed since")
    created: Moment = Field(description="when this was written, UTC")
    reason: Text | None = Field(description="why it failed")
    weights_sha256: Sha256 | None = Field(description="of the trained weights; none before the training's end")
    train_s: float | None = Field(
        ge=0, description="what all steps take at the pace of the last attempt, in seconds; none if it took few of them"
    )
    measure_s: float | None = Field(ge=0, description="seconds of the measurements in the last attempt")
    measured: list[Measured] = Field(max_length=1000)

    @property
    def seconds(self) -> float | None:
        """What training and measuring take, as far as it is known."""
        return None if self.train_s is None or self.measure_s is None else self.train_s + self.measure_s

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.reason is not None) != (self.status == "failed"):
            raise ValueError("a reason belongs to a failed cell, and to no other")
        return self

    def changed(self, **fields: Any) -> "Outcome":
        """The outcome as it is from now on."""
        values: dict[str, Any] = {**dict(self), "created": now(), **fields}
        return Outcome(**values)

    def complete(self, folder: Path, cell: Cell) -> bool:
        """Whether everything that is wanted of a cell is there.

        Raises:
            LoopbenchError: as `has`.
        """
        return self.status == "done" and all(self.has(folder, what) for what in cell.measurements)

    def has(self, folder: Path, what: Measurement) -> bool:
        """Whether a measurement was made, and its file is there.

        Raises:
            LoopbenchError: what stands in its place cannot be read.
        """
        read = read_diagnosis if what.diagnosis else read_record
        paths = [measured_folder(folder, what) / measured.file for measured in self.measured if measured.what == what]
        return any(_find(read, path) is not None for path in paths)


def started_outcome(cell: Cell) -> Outcome:
    """The outcome of a cell that begins."""
    return Outcome(
        schema_version=SCHEMA_VERSION,
        cell=cell.digest,
        labels=cell.labels,
        recipe=cell.recipe.model_dump(mode="json"),
        status="started",
        created=now(),
        reason=None,
        weights_sha256=None,
        train_s=None,
        measure_s=None,
        measured=[],
    )


def measured_folder(folder: Path, what: Measurement) -> Path:
    """Where a measurement's file stands in a sweep's folder."""
    return folder / (DIAGNOSES if what.diagnosis else RECORDS)


def run_folder(folder: Path, cell: Cell) -> Path:
    """A cell's run folder, whatever another study calls it."""
    return next((folder / RUNS).glob(f"*-{cell.digest[:16]}"), folder / RUNS / cell.name)


def outcome_file(folder: Path, cell: Cell) -> Path:
    """A cell's outcome file, whatever another study calls it."""
    return next((folder / CELLS).glob(f"*-{cell.digest[:16]}.json"), folder / CELLS / f"{cell.name}.json")


def read_outcome(path: Path) -> Outcome:
    """An outcome from its file.

    Raises:
        LoopbenchError: it is missing, too large, or anything else than what `save_outcome` writes.
    """
    return validate(Outcome, read_json(path, MAX_OUTCOME_BYTES), str(path))


def find_outcome(folder: Path, cell: Cell) -> Outcome | None:
    """What became of a cell so far, if it was ever started.

    Raises:
        LoopbenchError: what stands in its place cannot be read.
    """
    return _find(read_outcome, outcome_file(folder, cell))


def _find(read: Callable[[Path], FoundT], path: Path) -> FoundT | None:
    if not os.path.lexists(path):  # a link to nothing is there: it would be in the way of the report
        return None
    try:
        return read(path)
    except LoopbenchError as error:
        raise LoopbenchError(f"{error}; delete {path.name}, and the sweep makes it again") from error


def save_outcome(folder: Path, cell: Cell, outcome: Outcome) -> Outcome:
    """Write an outcome, and return it.

    Raises:
        LoopbenchError: it cannot be written; what stood there before still stands.
    """
    write_json(outcome_file(folder, cell), outcome.model_dump(mode="json"))
    return outcome


def failed(folder: Path, cell: Cell, reason: str) -> Outcome:
    """Write that a cell failed, and return its outcome.

    Raises:
        LoopbenchError: it cannot be written.
    """
    outcome = find_outcome(folder, cell) or started_outcome(cell)
    return save_outcome(folder, cell, outcome.changed(status="failed", reason=printable(reason, 500)))
