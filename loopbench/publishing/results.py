"""What is known of a model from its records, in the words of the Hub."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from huggingface_hub import EvalResult, EvalResultEntry

from loopbench.contracts import ModelInfo, Task
from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import scored_iterations
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import Estimate
from loopbench.evaluation.store import DIGEST, read_record
from loopbench.leaderboard.scores import score

OWNER = "loopbench"
"""Whose data sets on the Hub the tasks are, by the names of `.eval_results`."""


@dataclass(frozen=True)
class Results:
    """The records of one model on its task.

    Attributes:
        records: all of them, by split and cell.
    """

    task: Task
    records: Sequence[Record]

    @cached_property
    def best(self) -> Sequence[Record]:
        """Of each split the record with the most examples, then iterations, then the newest; from easy to hard."""
        by_split: dict[str, Record] = {}
        for record in sorted(self.records, key=lambda r: (r.examples.count, r.protocol.iterations, r.created)):
            by_split[record.split.name] = record
        return sorted(by_split.values(), key=lambda record: (record.split.difficulty, record.split.name))

    @property
    def whole(self) -> Sequence[Record]:
        """The best ones of all examples of a split: what is compared with other models."""
        return [record for record in self.best if not record.partial]

    @property
    def score(self) -> Estimate | str:
        """The benchmark's score, or why there is none."""
        try:
            return score(self.task, self.best)
        except LoopbenchError as error:
            return str(error)

    @property
    def scored(self) -> Mapping[str, Sequence[int]]:
        """The scored iterations of every split."""
        layers = {record.split.name: record.model.layers_per_step for record in self.best}
        return {
            split.name: scored_iterations(split, layers[split.name])
            for split in self.task.splits
            if split.name in layers
        }

    @property
    def headlines(self) -> dict[str, float]:
        """What a list of models shows: the score, and the accuracy at T on the hardest split, in %."""
        score = {"score": round(self.score.value, 2)} if isinstance(self.score, Estimate) else {}
        return score | {record.split.name: accuracy(record) for record in self.whole[-1:]}

    def model_index(self) -> list[EvalResult]:
        """The results for the card's `model-index`."""
        found = [
            EvalResult(
                task_type=self.task.name,
                task_name=self.task.summary,
                dataset_type=f"{OWNER}/{self.task.name}",
                dataset_name=f"{self.task.name} {record.split.name}",
                dataset_split=record.split.name,
                metric_type="accuracy",
                metric_name=f"exact accuracy in % at t = {record.protocol.iterations}",
                metric_value=accuracy(record),
            )
            for record in self.whole
        ]
        if self.task.benchmark is not None and isinstance(found_score := self.score, Estimate):
            found.append(
                EvalResult(
                    task_type=self.task.name,
                    task_name=self.task.summary,
                    dataset_type=f"{OWNER}/{self.task.name}",
                    dataset_name=f"{self.task.name} benchmark, version {self.task.benchmark.version}",
                    metric_type="score",
                    metric_name="loopbench score",
                    metric_value=round(found_score.value, 2),
                )
            )
        return found

    def entries(self, source: str) -> list[EvalResultEntry]:
        """The results for a file in `.eval_results`.

        Args:
            source: the address of the records.
        """
        return [
            EvalResultEntry(
                dataset_id=f"{OWNER}/{self.task.name}",
                task_id=record.split.name,
                value=accuracy(record),
                date=record.created,
                source_url=source,
                source_name="records",
                notes=f"exact accuracy in % at t = {record.protocol.iterations}, {record.protocol.precision}",
            )
            for record in self.whole
        ]


def find_results(task: Task, info: ModelInfo, folder: Path) -> Results:
    """The complete records of a model, in a folder of any, on the official splits of its task.

    Raises:
        LoopbenchError: a record in the folder cannot be read.
    """
    official = {(split.name, split.sha256) for split in task.splits}
    paths = sorted(folder.glob(f"*.{DIGEST}.json"))
    return Results(task, [record for record in map(read_record, paths) if _belongs(record, task, info, official)])


def _belongs(record: Record, task: Task, info: ModelInfo, official: set[tuple[str, str]]) -> bool:
    model, split = record.model, record.split
    return (
        record.status == "complete"
        and (model.weights_sha256, model.architecture, model.config)
        == (info.weights_sha256, info.architecture, info.config)
        and (record.task.name, record.task.version) == (task.name, task.version)
        and (split.name, split.data_sha256) in official
    )


def accuracy(record: Record) -> float:
    """Exact accuracy at the last iteration, in %."""
    return round(100 * record.primary.correct[-1] / record.primary.n, 2)
