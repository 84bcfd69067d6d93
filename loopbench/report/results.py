"""A sweep's folder, strictly read: every cell of its study with its records and diagnoses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loopbench.errors import LoopbenchError
from loopbench.evaluation.record import Record
from loopbench.evaluation.store import read_record
from loopbench.files import canonical_json
from loopbench.stability.diagnosis import Diagnosis, read_diagnosis
from loopbench.sweep.cells import Cell, cells_of
from loopbench.sweep.outcome import CELLS, Outcome, measured_folder, read_outcome
from loopbench.sweep.run import STUDY
from loopbench.sweep.study import Labels, Study, load_study


@dataclass(frozen=True)
class Result:
    """One cell of a study, and what is known of it.

    Attributes:
        status: waiting, until the cell has ended.
        reason: why it failed.
        splits: those that the study evaluates the cell on.
        records: by split, as far as they were measured in the way that the study asks for. Where it asks for a split
            in several ways, the last of them counts, as the last of its overrides does.
        diagnoses: likewise.
    """

    labels: Labels
    task: str
    status: Literal["waiting", "done", "failed"]
    reason: str | None
    splits: tuple[str, ...]
    records: dict[str, Record]
    diagnoses: dict[str, Diagnosis]

    def accuracy(self, split: str, t: int | None = None) -> float | None:
        """The share that is right after t iterations, by default all of them. A model that takes fewer keeps its last
        answer, and a cell that failed solves nothing; `None` where nobody looked.
        """
        if self.status == "failed":
            return 0.0 if split in self.splits else None
        record = self.records.get(split)
        if record is None:
            return None
        correct = record.primary.correct
        return correct[-1 if t is None else min(t, len(correct)) - 1] / record.primary.n


def read_results(folder: Path) -> tuple[Study, list[Result]]:
    """The study of a folder, and its cells in its order.

    Outcomes are found by their recipe. So those of settings that the study no longer has are left out, and those from
    before a label was renamed or an axis added are not, nor those of earlier versions of the packages; a cell that was
    run again since then has the outcome of the installed ones.

    Raises:
        LoopbenchError: the folder is no sweep's, a file in it is not what it must be, or all of its outcomes are of
            other cells than the study's.
    """
    if not (folder / STUDY).is_file():
        raise LoopbenchError(f"{folder} is not the folder of a sweep: it has no {STUDY}")
    study = load_study(folder / STUDY)
    cells = {canonical_json(cell.recipe.model_dump(mode="json")): cell for cell in cells_of(study)}
    ended: dict[str, tuple[Path, Outcome]] = {}
    strangers = 0
    for path in sorted((folder / CELLS).glob("*.json")):
        outcome = read_outcome(path)
        cell = cells.get(canonical_json(outcome.recipe))
        if cell is None:
            strangers += 1
        elif outcome.status != "started":
            before = ended.get(cell.digest)
            if before and before[1].cell == outcome.cell:
                raise LoopbenchError(f"{path} and {before[0].name} are the same cell of the study: remove one of them")
            if before is None or outcome.cell == cell.digest:
                ended[cell.digest] = path, outcome
    if strangers and not ended:
        raise LoopbenchError(
            f"no cell of study {study.name} has ended: the {strangers} in {folder / CELLS} ran with other settings "
            f"than {STUDY} has"
        )
    return study, [_result(folder, cell, ended.get(cell.digest)) for cell in cells.values()]


def _result(folder: Path, cell: Cell, ended: tuple[Path, Outcome] | None) -> Result:
    wanted = {(what.split, what.diagnosis): what for what in cell.measurements}
    splits = tuple(split for split, diagnosis in wanted if not diagnosis)
    records: dict[str, Record] = {}
    diagnoses: dict[str, Diagnosis] = {}
    if ended is None:
        return Result(cell.labels, cell.recipe.task, "waiting", None, splits, records, diagnoses)
    path, outcome = ended
    if outcome.reason is not None:
        return Result(cell.labels, cell.recipe.task, "failed", outcome.reason, splits, records, diagnoses)
    for measured in outcome.measured:
        what = measured.what
        if wanted.get((what.split, what.diagnosis)) != what:
            continue
        file = measured_folder(folder, what) / measured.file
        if what.diagnosis:
            found = diagnoses[what.split] = read_diagnosis(file)
        else:
            found = records[what.split] = read_record(file)
        if found.model.weights_sha256 != outcome.weights_sha256 or found.split.name != what.split:
            raise LoopbenchError(f"{file} is not of the model and the split that {path.name} says")
        if isinstance(found, Record) and found.status != "complete":
            raise LoopbenchError(f"{file} is not complete")
    return Result(cell.labels, cell.recipe.task, "done", None, splits, records, diagnoses)
