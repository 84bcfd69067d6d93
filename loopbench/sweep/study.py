"""A study: a grid of recipes, and what is measured of each model that they train.

An axis of the grid is a list of values of the recipe's setting that it is named for (`seed: [0, 1, 2]`), or names with
the changes that each stands for (`recall: {none: {config.recall: none}, …}`). A cell is one choice on every axis. The
first axis varies slowest, so a sweep that is stopped early has all of its first value before any of its second.
"""

from collections.abc import Iterator, Mapping, Set
from itertools import product
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loopbench.devices import Precision
from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import Iterations
from loopbench.validation import Name, dump_yaml, printable, read_yaml, some, validate

MAX_STUDY_BYTES = 256 * 1024
MAX_CELLS = 100_000

Labels = dict[str, str]
"""A cell's choice on every axis."""
Changes = dict[str, Any]
"""Settings of a recipe by their keys (`optimizer.lr`), and what they become."""
Scalar = str | int | float | bool
Where = dict[str, Scalar | list[Scalar]]
"""The cells with one of these labels on each of these axes; those that are not named may have any."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Override(_Section):
    """Settings that some cells have otherwise."""

    where: Where
    set: Changes = Field(min_length=1)


class EvaluationChoice(_Section):
    """Curves to measure of every model, or of some. `dev-` splits choose, the others are reported."""

    where: Where = Field(default_factory=dict)
    splits: tuple[str, ...] = Field(min_length=1)
    iterations: Iterations | None = Field(None, description="T; a model that takes fewer has its own most")
    limit: int | None = Field(None, ge=1, description="only a split's first examples")
    exact: bool = Field(False, description="whether to iterate to T even where a state has settled")
    precision: Precision = "float32"


class DiagnosisChoice(_Section):
    """Diagnoses to make of every model, or of some."""

    where: Where = Field(default_factory=dict)
    split: str
    iterations: Iterations = 128
    examples: int = Field(64, ge=1, description="the split's first so many")


class Resources(_Section):
    """What a cell runs on. The last bits of a result depend on it, so it belongs to the study."""

    threads: int = Field(1, ge=1, le=1024, description="CPU threads of a process")
    gpu: float = Field(0.25, gt=0, le=1, description="share of a GPU that a process takes, where there are GPUs")
    processes: int = Field(1, ge=1, le=1024, description="processes that share a cell's batches (DDP)")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.processes > 1 and self.gpu < 1:
            raise ValueError("processes that share a cell's batches take a GPU each: gpu must be 1")
        return self


class Study(_Section):
    """What `loopbench sweep` runs."""

    name: Name
    about: str = Field("", max_length=4000, description="what it asks, and how what is not in the grid was chosen")
    recipe: dict[str, Any] = Field(description="a recipe's settings, as far as the cells share them")
    grid: dict[str, list[Scalar] | dict[str, Changes]] = Field(min_length=1, max_length=16)
    include: tuple[Where, ...] = Field((), description="further cells, on values that need not be on their axis")
    exclude: tuple[Where, ...] = Field((), description="cells to leave out")
    overrides: tuple[Override, ...] = Field((), description="applied in order, after the changes of the axes")
    evaluations: tuple[EvaluationChoice, ...] = ()
    diagnoses: tuple[DiagnosisChoice, ...] = ()
    resources: Resources = Field(default_factory=lambda: Resources.model_validate({}))

    @model_validator(mode="after")
    def _known(self) -> Self:
        for axis, choices in self.grid.items():
            if len(_labels(choices)) != len(choices) or not choices:
                raise ValueError(f"grid.{axis} must have at least one choice, and none twice")
        known = {axis: set(_labels(choices)) for axis, choices in self.grid.items()}
        for where in self.include:
            free = {axis for axis in where if isinstance(self.grid.get(axis), list)}  # any value of a setting will do
            _check_labels({axis: labels for axis, labels in where.items() if axis not in free}, known)
            for axis in free:
                known[axis] |= set(_labels(where[axis]))
        for where in (
            *self.exclude,
            *(choice.where for choice in (*self.overrides, *self.evaluations, *self.diagnoses)),
        ):
            _check_labels(where, known)
        return self

    def points(self) -> Iterator[tuple[Labels, Changes]]:
        """Every cell's labels, with the changes that its axes and the overrides make, in the order they are to run."""
        seen: set[tuple[str, ...]] = set()
        for part in ({}, *self.include):
            axes = [_choices(axis, choices, part.get(axis)) for axis, choices in self.grid.items()]
            for chosen in product(*axes):
                labels = {axis: label for axis, (label, _) in zip(self.grid, chosen, strict=True)}
                if tuple(labels.values()) in seen or any(matches(labels, where) for where in self.exclude):
                    continue
                seen.add(tuple(labels.values()))
                changes = {key: value for _, changed in chosen for key, value in changed.items()}
                for override in self.overrides:
                    if matches(labels, override.where):
                        changes |= override.set
                yield labels, changes


def load_study(path: Path) -> Study:
    """A study from its file.

    Raises:
        LoopbenchError: it is not one.
    """
    study = validate(Study, read_yaml(path, MAX_STUDY_BYTES), f"study {printable(str(path))}")
    count = 1
    for choices in study.grid.values():
        count *= len(choices)
    if count > MAX_CELLS:
        raise LoopbenchError(f"study {printable(str(path))}: {count:,} cells; at most {MAX_CELLS:,} are taken")
    return study


def dump_study(study: Study) -> str:
    """The study as YAML that `load_study` reads back to an equal study."""
    return dump_yaml(study.model_dump(mode="json"))


def matches(labels: Labels, where: Where) -> bool:
    """Whether a cell is one of those that `where` speaks of."""
    return all(labels[axis] in _labels(wanted) for axis, wanted in where.items())


def _check_labels(where: Where, known: Mapping[str, Set[str]]) -> None:
    """Raise ValueError for an axis or a label that there is not."""
    for axis, wanted in where.items():
        if axis not in known:
            raise ValueError(f"{axis!r} is no axis of the grid; it has {some(list(known))}")
        for label in _labels(wanted):
            if label not in known[axis]:
                raise ValueError(f"{label!r} is not on axis {axis}, which has {some(sorted(known[axis]))}")


def _labels(choices: Scalar | list[Scalar] | Mapping[str, Changes]) -> list[str]:
    """The labels of an axis, or of a part of one, each once."""
    values = choices if isinstance(choices, list | Mapping) else [choices]
    return list(dict.fromkeys(map(str, values)))


def _choices(
    axis: str, choices: list[Scalar] | dict[str, Changes], wanted: Scalar | list[Scalar] | None
) -> list[tuple[str, Changes]]:
    """The labels of an axis with their changes: all of them, or those that are wanted."""
    if isinstance(choices, dict):
        labels = list(choices) if wanted is None else _labels(wanted)
        return [(label, choices[label]) for label in labels]
    values = choices if wanted is None else wanted if isinstance(wanted, list) else [wanted]
    return [(str(value), {axis: value}) for value in values]
