"""A record: one JSON file for one cell, with the verdicts on every example in a compressed file beside it.

A cell is a model on a split under a protocol. Integers are stored and rates derived, so that a new score needs no new
run.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, FailFast, Field, PrivateAttr, StringConstraints, model_validator

from loopbench.contracts import Provider
from loopbench.errors import LoopbenchError
from loopbench.evaluation.environment import Environment
from loopbench.evaluation.protocol import MAX_ITERATIONS, MOMENT, Moment, Protocol, Stored
from loopbench.evaluation.verdicts import Verdicts
from loopbench.files import canonical_json, sha256
from loopbench.validation import one_line, validate

SCHEMA_VERSION = 1
MAX_EXAMPLES = 10_000_000

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
FileName = Annotated[Name, StringConstraints(max_length=255)]
Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(one_line)]
Count = Annotated[int, Field(ge=0, le=MAX_EXAMPLES)]


class EvaluatedModel(Stored):
    ref: Text = Field(description="the reference that the model was loaded by")
    repo: Text | None = Field(description="its repository on the Hub")
    revision: Text | None = Field(description="the commit that the reference was resolved to")
    weights_sha256: Sha256 = Field(description="of the weights file")
    architecture: Name = Field(description="name of the architecture")
    version: int = Field(ge=1, le=2**31, description="version of the architecture")
    config: dict[str, Any] = Field(description="the architecture's settings")
    provider: Provider = Field(description="the distribution that provides the architecture")
    parameters: int = Field(ge=0, le=2**53, description="number of trainable numbers")
    layers_per_step: int = Field(ge=1, le=MAX_ITERATIONS, description="layers that one iteration executes")
    train_iterations: int | None = Field(ge=1, le=MAX_ITERATIONS, description="the most iterations seen in training")


class EvaluatedTask(Stored):
    name: Name = Field(description="name of the task")
    version: int = Field(ge=1, le=2**31, description="version of the task")
    primary_metric: Name = Field(description="the metric that is scored")


class EvaluatedSplit(Stored):
    name: Name = Field(description="name of the split")
    difficulty: float = Field(description="what orders the task's splits")
    count: int = Field(ge=1, le=MAX_EXAMPLES, description="examples in the split")
    data_sha256: Sha256 = Field(description="of the split's canonical bytes")


class ExampleRange(Stored):
    first: Count = Field(description="place in the split of the first example that was evaluated")
    count: int = Field(ge=1, le=MAX_EXAMPLES, description="examples that were evaluated")


class Correct(Stored):
    n: int = Field(ge=1, le=MAX_EXAMPLES, description="examples that were evaluated")
    correct: Annotated[list[Count], FailFast()] = Field(
        max_length=MAX_ITERATIONS, description="how many are right after 1, 2 … T iterations"
    )


class VerdictsFile(Stored):
    file: FileName = Field(description="name of the gzipped safetensors file, in the record's folder")
    sha256: Sha256 = Field(description="of that file")


class Retired(Stored):
    count: Count = Field(description="examples whose state settled before T, until the first disagreement")
    audited: Count = Field(description="those of them that ran on to check that their verdicts stay")
    disagreements: Count = Field(description="audited ones whose verdict changed; if any, the curves are of a full run")


class Cost(Stored):
    wall_s: float = Field(ge=0, description="seconds from the first step to the last verdict")
    flops_per_iteration: int = Field(
        ge=0,
        le=2**63,
        description="FLOPs of one step's matrix products on one example; elementwise work is not counted",
    )
    peak_memory_bytes: int = Field(
        ge=0,
        le=2**63,
        description="the most that torch allocated on CUDA, else the process's peak resident memory",
    )


class Record(Stored):
    schema_version: Literal[1] = Field(description="version of this format and of the rules that produce it")
    cell: Sha256 = Field(description="hash of everything that decides the result, but for T and the batch size")
    status: Literal["started", "complete"] = Field(description="started: written before the run, or killed since")
    created: Moment = Field(description="when this was written, UTC")
    model: EvaluatedModel = Field(description="what was evaluated")
    task: EvaluatedTask = Field(description="on what")
    split: EvaluatedSplit = Field(description="on which fixed set of examples")
    examples: ExampleRange = Field(description="which part of the split")
    partial: bool = Field(description="whether that is less than the whole split")
    protocol: Protocol = Field(description="how")
    curves: dict[Name, Correct] = Field(min_length=1, max_length=16, description="the counts under each metric")
    per_example: VerdictsFile | None = Field(description="the file with the verdicts on every example")
    retired: Retired | None = Field(description="examples whose state settled before T; none where nobody looked")
    environment: Environment = Field(description="on what machine and installation")
    cost: Cost | None = Field(description="what it took")

    _verdicts: Verdicts | None = PrivateAttr(None)
    _cut: bool = PrivateAttr(False)

    @property
    def verdicts(self) -> Verdicts:
        """The verdicts on every example.

        Raises:
            LoopbenchError: the record is not complete.
        """
        if self._verdicts is None:
            raise LoopbenchError(f"{self.file_name} is not complete: it has no verdicts")
        return self._verdicts

    @property
    def cut(self) -> bool:
        """Whether the run went on beyond T, so that `retired` and `cost` tell of more than the curves do."""
        return self._cut

    @property
    def primary(self) -> Correct:
        """The counts under the metric that is scored."""
        return self.curves[self.task.primary_metric]

    @property
    def file_name(self) -> str:
        """Readable, and unique to the cell."""
        return f"{self.task.name}.{self.split.name}.{self.cell[:16]}.json"

    def completed(self, correct: dict[str, list[int]], verdicts: Verdicts, retired: Retired, cost: Cost) -> "Record":
        """The record of the finished run."""
        digest = sha256(verdicts.pack())
        fields: dict[str, Any] = {
            "status": "complete",
            "created": now(),
            "curves": {name: Correct(n=self.examples.count, correct=counts) for name, counts in correct.items()},
            "per_example": VerdictsFile(file=f"{self.file_name.removesuffix('.json')}.{digest[:16]}.gz", sha256=digest),
            "retired": retired,
            "cost": cost,
        }
        return Record(**dict(self) | fields).with_verdicts(verdicts)

    def with_verdicts(self, verdicts: Verdicts) -> "Record":
        """The same record with the verdicts on every example.

        Raises:
            LoopbenchError: they contradict the counts.
        """
        counts = self.primary.correct
        if [counts[t - 1] for t in verdicts.iterations] != verdicts.solved.sum(1).tolist():
            raise LoopbenchError(f"{self.file_name}: the counts are not those of the verdicts on every example")
        record = self.model_copy()
        record._verdicts = verdicts
        return record

    def until(self, iterations: int) -> "Record":
        """The record as if the run had ended at an earlier iteration; what it cost stays as it was."""
        curves = {name: Correct(n=c.n, correct=c.correct[:iterations]) for name, c in self.curves.items()}
        protocol = self.protocol.model_copy(update={"iterations": iterations})
        record = self.model_copy(update={"curves": curves, "protocol": protocol})
        record = record.with_verdicts(self.verdicts.until(iterations))
        record._cut = self._cut or iterations < self.protocol.iterations
        return record

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        complete, n = self.status == "complete", self.examples.count
        if any((part is not None) != complete for part in (self.per_example, self.retired, self.cost)):
            raise ValueError("per_example, retired and cost belong to a complete record, and to no other")
        if self.examples.first + n > self.split.count or self.partial != (n < self.split.count):
            raise ValueError("examples, split.count and partial contradict each other")
        if self.task.primary_metric not in self.curves:
            raise ValueError(f"curves lacks the primary metric {self.task.primary_metric}")
        for name, curve in self.curves.items():
            if curve.n != n or max(curve.correct, default=0) > n:
                raise ValueError(f"curves.{name} counts other than {n} examples")
            if len(curve.correct) != (self.protocol.iterations if complete else 0):
                raise ValueError(f"curves.{name} has {len(curve.correct)} counts for T = {self.protocol.iterations}")
        if self.retired and not self.retired.disagreements <= self.retired.audited <= self.retired.count <= n:
            raise ValueError("retired: disagreements ≤ audited ≤ count ≤ examples does not hold")
        if self.cell != cell_hash(self):
            raise ValueError("cell is not the hash of what the record says")
        return self


def cell_hash(record: Record) -> str:
    """The SHA-256 of everything that decides a record's result, so of all but T and the batch size."""
    model, protocol = record.model, record.protocol
    identity = {
        "schema": record.schema_version,
        "provider": [model.provider.distribution, model.provider.version],
        "architecture": [model.architecture, model.version],
        "config": model.config,
        "weights_sha256": model.weights_sha256,
        "task": [record.task.name, record.task.version],
        "metrics": [record.task.primary_metric, sorted(record.curves)],
        "split": [record.split.name, record.split.data_sha256],
        "examples": [record.examples.first, record.examples.count],
        "precision": protocol.precision,
        "retirement": protocol.retirement,
        "seed": protocol.seed,
    }
    return sha256(canonical_json(identity))


def started_record(**fields: Any) -> Record:
    """The record of a run that begins, of the fields that are known by then.

    Raises:
        LoopbenchError: a plugin gave a name or a number that a record does not take.
    """
    fields |= {"schema_version": SCHEMA_VERSION, "status": "started", "created": now()}
    fields |= {"per_example": None, "retired": None, "cost": None}
    cell = cell_hash(Record.model_construct(**fields))
    return validate(Record, {"cell": cell, **fields}, "this cannot be recorded")


def now() -> str:
    """The time, as records write it."""
    return datetime.now(UTC).strftime(MOMENT)
