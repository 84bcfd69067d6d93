"""A sweep's folder, strictly read: every cell of its study with its records and diagnoses."""

from dataclasses import dataclass
from pathlib import Path

from loopbench.errors import LoopbenchError
from loopbench.evaluation.record import Record
from loopbench.evaluation.store import read_record
from loopbench.stability.diagnosis import Diagnosis, read_diagnosis
from loopbench.sweep.outcome import CELLS, Outcome, measured_folder, read_outcome
from loopbench.sweep.run import STUDY
from loopbench.sweep.study import Labels, Study, load_study


@dataclass(frozen=True)
class Result:
    """One cell that has ended.

    Attributes:
        records: by split; none of a cell that failed.
        diagnoses: by split.
    """

    labels: Labels
    task: str
    failed: bool
    records: dict[str, Record]
    diagnoses: dict[str, Diagnosis]

    def accuracy(self, split: str, t: int | None = None) -> float | None:
        """The share that is right after t iterations, by default all of them. A model that takes fewer keeps its last
        answer, and a cell that failed solves nothing; `None` where nobody looked.
        """
        if self.failed:
            return 0.0
        record = self.records.get(split)
        if record is None:
            return None
        correct = record.primary.correct
        return correct[-1 if t is None else min(t, len(correct)) - 1] / record.primary.n


def read_results(folder: Path) -> tuple[Study, list[Result]]:
    """The study of a folder, and the cells of it that have ended, in its order.

    Raises:
        LoopbenchError: the folder is no sweep's, or a file in it is not what it must be.
    """
    if not (folder / STUDY).is_file():
        raise LoopbenchError(f"{folder} is not the folder of a sweep: it has no {STUDY}")
    study = load_study(folder / STUDY)
    ended: dict[tuple[tuple[str, str], ...], Path] = {}
    outcomes: dict[tuple[tuple[str, str], ...], Outcome] = {}
    for path in sorted((folder / CELLS).glob("*.json")):
        outcome = read_outcome(path)
        key = _key(outcome.labels)
        if outcome.status == "started":
            continue
        if key in ended:
            raise LoopbenchError(f"{path} and {ended[key].name} are the same cell of the study: remove one of them")
        ended[key], outcomes[key] = path, outcome
    found = [_key(labels) for labels, _ in study.points()]
    return study, [_result(folder, ended[key], outcomes[key]) for key in found if key in ended]


def _key(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _result(folder: Path, path: Path, outcome: Outcome) -> Result:
    records: dict[str, Record] = {}
    diagnoses: dict[str, Diagnosis] = {}
    for measured in outcome.measured if outcome.status == "done" else ():
        file = measured_folder(folder, measured.what) / measured.file
        if measured.what.diagnosis:
            found = diagnoses[measured.what.split] = read_diagnosis(file)
        else:
            found = records[measured.what.split] = read_record(file)
        if found.model.weights_sha256 != outcome.weights_sha256 or found.split.name != measured.what.split:
            raise LoopbenchError(f"{file} is not of the model and the split that {path.name} says")
        if isinstance(found, Record) and found.status != "complete":
            raise LoopbenchError(f"{file} is not complete")
    task = outcome.recipe.get("task")
    if not isinstance(task, str):
        raise LoopbenchError(f"{path}: recipe names no task")
    return Result(outcome.labels, task, outcome.status == "failed", records, diagnoses)
