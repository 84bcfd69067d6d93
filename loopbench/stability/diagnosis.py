"""A diagnosis: every measure of one model on some examples, as a record."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from loopbench.errors import LoopbenchError
from loopbench.evaluation.environment import Environment
from loopbench.evaluation.protocol import BatchSize, Moment, Seed, Stored
from loopbench.evaluation.record import (
    EvaluatedModel,
    EvaluatedSplit,
    EvaluatedTask,
    ExampleRange,
    Sha256,
    now,
)
from loopbench.files import canonical_json, sha256, write_json
from loopbench.stability.fixed_points import FixedPoints
from loopbench.stability.gradient import GradientGrowth
from loopbench.stability.input_dependence import InputDependence
from loopbench.stability.paper import PaperMeasures
from loopbench.stability.projection import Projection
from loopbench.stability.reachability import Reachability
from loopbench.stability.spectrum import Growth, Spectrum
from loopbench.stability.starts import PathIndependence
from loopbench.validation import read_json, validate

SCHEMA_VERSION = 1
MAX_BYTES = 64 * 2**20


class Conditions(Stored):
    iterations: int = Field(ge=16, le=1_000_000, description="T: how often the shared update is applied")
    precision: Literal["float64", "float32"] = Field(
        description="of the paths; products with Jacobians and fixed points are always in float64"
    )
    batch_size: BatchSize = Field(description="examples iterated together; can change the last bits")
    seed: Seed = Field(description="of random starts, and of which input gets which other's start")


class Geometry(Stored):
    examples: int = Field(ge=0, description="the first so many that stay finite")
    spectra: list[Spectrum] = Field(description="of ∂step/∂h at t = 1, 2, 4 … T")
    growth: Growth | None = Field(description="‖Jᵏ v‖^(1/k) at T")
    fixed_points: FixedPoints = Field(description="what Newton's method finds from h_T, and how it moves with e")
    gradient: GradientGrowth | None = Field(description="growth of a gradient through k iterations back from T")


class DiagnosisCost(Stored):
    wall_s: Annotated[float, Field(ge=0, description="seconds")]
    jvps: Annotated[int, Field(ge=0, description="products J v, each of one example's Jacobian and one vector")]
    vjps: Annotated[int, Field(ge=0, description="products Jᵀ u, likewise")]


class Diagnosis(Stored):
    schema_version: Literal[1] = Field(description="version of this format and of the rules that produce it")
    cell: Sha256 = Field(description="hash of everything that decides the result, but for the batch size")
    created: Moment = Field(description="when this was written, UTC")
    model: EvaluatedModel = Field(description="what was diagnosed")
    task: EvaluatedTask = Field(description="on what")
    split: EvaluatedSplit = Field(description="on which fixed set of examples")
    examples: ExampleRange = Field(description="which part of the split")
    conditions: Conditions = Field(description="how")
    reachability: Reachability = Field(description="does it arrive anywhere?")
    injects: bool = Field(description="whether a step depends on the injected input at all")
    path_independence: PathIndependence | None = Field(
        description="does the end depend on the start? none: a step that ignores its input, or no other start"
    )
    input_dependence: InputDependence = Field(description="do different inputs end at different points?")
    geometry: Geometry = Field(description="what the update does to nearby states")
    paper: PaperMeasures = Field(description="the paper's own measures")
    projection: Projection | None = Field(description="a few paths in the plane")
    environment: Environment = Field(description="on what machine and installation")
    cost: DiagnosisCost = Field(description="what it took")

    @property
    def file_name(self) -> str:
        """Readable, and unique to the cell."""
        return diagnosis_file(self.task.name, self.split.name, self.cell)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        n, reach = self.examples.count, self.reachability
        if self.examples.first + n > self.split.count:
            raise ValueError("examples and split.count contradict each other")
        kinds = [example.fate for example in reach.examples]
        if len(kinds) != n or reach.fates != {fate: kinds.count(fate) for fate in set(kinds)}:
            raise ValueError(f"reachability tells of other than {n} examples, or miscounts their fates")
        if len(reach.residuals) != self.conditions.iterations - 1:
            raise ValueError(f"reachability.residuals has not one row for each t below {self.conditions.iterations}")
        if self.cell != diagnosis_cell(dict(self)):
            raise ValueError("cell is not the hash of what the record says")
        return self


def diagnosis_cell(fields: dict[str, Any]) -> str:
    """The SHA-256 of what decides a diagnosis, of its fields model, task, split, examples and conditions."""
    model, task, split, examples = (fields[name] for name in ("model", "task", "split", "examples"))
    conditions: Conditions = fields["conditions"]
    identity = {
        "schema": SCHEMA_VERSION,
        "provider": [model.provider.distribution, model.provider.version],
        "architecture": [model.architecture, model.version],
        "config": model.config,
        "weights_sha256": model.weights_sha256,
        "task": [task.name, task.version, task.primary_metric],
        "split": [split.name, split.data_sha256],
        "examples": [examples.first, examples.count],
        "iterations": conditions.iterations,
        "precision": conditions.precision,
        "seed": conditions.seed,
    }
    return sha256(canonical_json(identity))


def diagnosis_file(task: str, split: str, cell: str) -> str:
    """The name of a diagnosis' file."""
    return f"{task}.{split}.{cell[:16]}.json"


def make_diagnosis(**fields: Any) -> Diagnosis:
    """A diagnosis of its measures and conditions, made now.

    Raises:
        LoopbenchError: a plugin gave a name or a number that a record does not take.
    """
    cell = diagnosis_cell(fields)
    return validate(
        Diagnosis,
        {"schema_version": SCHEMA_VERSION, "cell": cell, "created": now(), **fields},
        "this cannot be recorded",
    )


def read_diagnosis(path: Path) -> Diagnosis:
    """A diagnosis from its file.

    Raises:
        LoopbenchError: it is missing, too large, or anything else than what `save_diagnosis` writes.
    """
    return validate(Diagnosis, read_json(path, MAX_BYTES), str(path))


def save_diagnosis(folder: Path, diagnosis: Diagnosis) -> Path:
    """Write a diagnosis in place of the one of the same cell, and return its path.

    Raises:
        LoopbenchError: it cannot be written; what stood there before still stands.
    """
    path = folder / diagnosis.file_name
    write_json(path, diagnosis.model_dump(mode="json"))
    return path


def find_diagnosis(folder: Path, file_name: str) -> Diagnosis | None:
    """The diagnosis that a folder has under a name; `None` if it has none.

    Raises:
        LoopbenchError: what stands in its place cannot be read.
    """
    path = folder / file_name
    if not path.exists():
        return None
    try:
        return read_diagnosis(path)
    except LoopbenchError as error:
        raise LoopbenchError(f"{error}; delete it, or --force makes it again") from error
