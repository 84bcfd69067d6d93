"""A study: a grid of recipes, and what is measured of each model that they train.

An axis of the grid is a list of values of the recipe's setting that it is named for (`seed: [0, 1, 2]`), or names with
the changes that each stands for (`recall: {none: {config.recall: none}, …}`). A cell is one choice on every axis. The
first axis varies slowest, so a sweep that is stopped early has all of its first value before any of its second.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from loopbench.devices import Precision
from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import Iterations
from loopbench.validation import Name, dump_yaml, one_line, printable, read_yaml, some, validate

MAX_STUDY_BYTES = 256 * 1024
MAX_CELLS = 100_000


def _must_be(what: str, fits: Callable[[Any], bool]) -> BeforeValidator:
    """A check in one line, where pydantic would say of each part of a union that the value is not of it."""

    def check(value: Any) -> Any:
        if not fits(value):
            raise ValueError(f"must be {what}")
        return value

    return BeforeValidator(check)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_scalar, cast(list[Any], value)))


_MAPPING = _must_be("a mapping of names to values", _is_mapping)

Labels = dict[str, str]
"""A cell's choice on every axis."""
Changes = Annotated[dict[str, Any], _MAPPING]
"""Settings of a recipe by their keys (`optimizer.lr`), and what they become."""
Scalar = str | int | float | bool
Axis = Annotated[
    list[Scalar] | dict[str, Changes],
    _must_be(
        "a list of values, or names with the changes that they stand for",
        lambda value: _is_list(value) or (_is_mapping(value) and all(map(_is_mapping, value.values()))),
    ),
]
Wanted = Annotated[
    Scalar | list[Scalar],
    _must_be("a label of the axis, or a list of them", lambda value: _is_scalar(value) or _is_list(value)),
]
Where = Annotated[dict[str, Wanted], _MAPPING]
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
            raise ValueError("processes that share a cell's batches take a GPU each, where there are any: write gpu: 1")
        return self


class Study(_Section):
    """What `loopbench sweep` runs."""

    name: Name
    about: str = Field("", max_length=4000, description="what it asks, and how what is not in the grid was chosen")
    recipe: Annotated[dict[str, Any], _MAPPING] = Field(description="a recipe's settings that the cells share")
    grid: Annotated[dict[str, Axis], _MAPPING] = Field(min_length=1, max_length=16)
    include: tuple[Where, ...] = Field((), description="further cells, on values that need not be on their axis")
    exclude: tuple[Where, ...] = Field((), description="cells to leave out")
    overrides: tuple[Override, ...] = Field((), description="applied in order; of settings that no axis has")
    evaluations: tuple[EvaluationChoice, ...] = ()
    diagnoses: tuple[DiagnosisChoice, ...] = ()
    resources: Resources = Field(default_factory=lambda: Resources.model_validate({}))

    @model_validator(mode="after")
    def _known(self) -> Self:
        for axis, choices in self.grid.items():
            if not choices:
                raise ValueError(f"grid.{axis} has no choice")
            if twice := _twice(map(str, choices)):
                raise ValueError(f"grid.{axis} has {twice!r} twice")
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
        for text in (*known, *(label for labels in known.values() for label in labels)):
            try:
                one_line(text)
            except ValueError as error:
                raise ValueError(f"{text!r} in the grid {error}") from error
        self._check_overrides()
        return self

    def _check_overrides(self) -> None:
        """Raise ValueError for one of a setting that an axis has: cells would not be what they are called."""
        owned = [
            (setting, axis)
            for axis, choices in self.grid.items()
            for _, changes in _choices(axis, choices, None)
            for setting in changes
        ]
        for i, override in enumerate(self.overrides):
            for key in override.set:
                for setting, axis in owned:
                    if f"{key}.".startswith(f"{setting}.") or f"{setting}.".startswith(f"{key}."):
                        raise ValueError(f"overrides.{i} sets {key}, but axis {axis} sets {setting}: change it there")

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
    what = f"study {printable(str(path))}"
    study = validate(Study, read_yaml(path, MAX_STUDY_BYTES), what)
    count = 1
    for choices in study.grid.values():
        count *= len(choices)
    if count > MAX_CELLS:
        raise LoopbenchError(f"{what}: {count:,} cells; at most {MAX_CELLS:,} are taken")
    try:
        _check_cells(study)
    except ValueError as error:
        raise LoopbenchError(f"{what}: {error}") from error
    return study


def dump_study(study: Study) -> str:
    """The study as YAML that `load_study` reads back to an equal study."""
    return dump_yaml(study.model_dump(mode="json"))


def matches(labels: Labels, where: Where) -> bool:
    """Whether a cell is one of those that `where` speaks of."""
    return all(labels[axis] in _labels(wanted) for axis, wanted in where.items())


def _check_cells(study: Study) -> None:
    """Raise ValueError if there is no cell, for what is said in vain, and for what could be reported only once."""
    cells = _cells(study)
    if not cells:
        raise ValueError("it has no cells: exclude leaves none")
    for i in range(len(study.include)):
        before, after = (study.model_copy(update={"include": study.include[:end]}) for end in (i, i + 1))
        if len(_cells(before)) == len(_cells(after)):
            raise ValueError(f"include.{i} adds no cell: those it names are there already, or excluded")
    _check_some("exclude", study.exclude, _cells(study.model_copy(update={"exclude": ()})))
    measured = {"evaluations": study.evaluations, "diagnoses": study.diagnoses}
    for name, choices in {"overrides": study.overrides, **measured}.items():
        _check_some(name, [choice.where for choice in choices], cells)
    for labels in cells:
        evaluated = [s for choice in study.evaluations if matches(labels, choice.where) for s in choice.splits]
        diagnosed = [choice.split for choice in study.diagnoses if matches(labels, choice.where)]
        for what, splits in (("evaluated", evaluated), ("diagnosed", diagnosed)):
            if split := _twice(splits):
                raise ValueError(
                    f"{', '.join(labels.values())}: the split {split} is {what} twice, and the report takes one"
                )


def _cells(study: Study) -> list[Labels]:
    return [labels for labels, _ in study.points()]


def _check_some(name: str, wheres: Sequence[Where], cells: list[Labels]) -> None:
    """Raise ValueError for a part of the study that speaks of no cell."""
    for i, where in enumerate(wheres):
        if not any(matches(labels, where) for labels in cells):
            raise ValueError(f"{name}.{i} matches no cell")


def _twice(items: Iterable[str]) -> str | None:
    """What is there more than once, if anything is."""
    return next((item for item, count in Counter(items).items() if count > 1), None)


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
