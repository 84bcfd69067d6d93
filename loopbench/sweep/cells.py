"""The cells of a study. A training run is content-addressed: what decides its weights is what it is found by."""

import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from loopbench import registry
from loopbench.devices import Precision
from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import Iterations, Stored
from loopbench.files import canonical_json, sha256
from loopbench.plugins import (
    CORE,
    architecture_provider,
    get_architecture,
    get_objective,
    get_task,
    objective_provider,
    task_provider,
)
from loopbench.references import HubReference, parse_reference
from loopbench.sweep.study import Changes, Labels, Study, matches
from loopbench.tasks.splits import find_split
from loopbench.training.recipe import Recipe, assign
from loopbench.validation import validate

SCHEMA_VERSION = 1
MAX_SLUG = 80


class Measurement(Stored):
    """One curve, or one diagnosis, of a cell's model."""

    split: str
    diagnosis: bool = Field(description="whether it is a diagnosis, and not an evaluation")
    iterations: Iterations | None
    limit: int | None
    exact: bool = False
    precision: Precision


@dataclass(frozen=True)
class Cell:
    """One run of a study, and what is measured of its model.

    Attributes:
        recipe: with every setting filled in.
        digest: the SHA-256 of what decides the weights: the recipe, and the versions of what it names.
    """

    labels: Labels
    recipe: Recipe
    digest: str
    measurements: tuple[Measurement, ...]

    @property
    def name(self) -> str:
        """Readable, and unique to the run."""
        words = [
            label if label[:1].isalpha() else f"{axis.split('.')[-1]}{label}" for axis, label in self.labels.items()
        ]
        slug = re.sub(r"[^a-z0-9.]+", "-", "-".join(words).lower()).strip("-.")
        return f"{slug[:MAX_SLUG]}-{self.digest[:16]}"


def cells_of(study: Study) -> list[Cell]:
    """The cells of a study, in the order they are to run.

    Raises:
        LoopbenchError: a cell's recipe is none, or names something unknown; two cells are the same run.
    """
    cells: dict[str, Cell] = {}
    for labels, changes in study.points():
        what = f"study {study.name}: {', '.join(labels.values())}"
        try:
            cell = _cell(study, labels, changes)
        except LoopbenchError as error:
            raise LoopbenchError(f"{what}: {error}") from error
        if cell.digest in cells:
            raise LoopbenchError(f"{what} and {', '.join(cells[cell.digest].labels.values())} are the same run")
        cells[cell.digest] = cell
    return list(cells.values())


def _cell(study: Study, labels: Labels, changes: Changes) -> Cell:
    values = deepcopy(study.recipe)
    for key, value in changes.items():
        assign(values, key, value)
    recipe = resolved(validate(Recipe, values, "recipe"))
    return Cell(labels, recipe, run_digest(recipe), tuple(_measurements(study, labels, recipe)))


def resolved(recipe: Recipe) -> Recipe:
    """The recipe with the settings of its task, architecture and objective filled in.

    Raises:
        LoopbenchError: it names something unknown, or what no two machines have alike: weights in a folder, or a
            length that is measured.
    """
    if recipe.init and isinstance(parse_reference(recipe.init), Path):
        raise LoopbenchError(f"init: {recipe.init} can change: a study begins with a model of the registry or the Hub")
    if recipe.steps is None:
        raise LoopbenchError("a study needs steps, not budget_minutes, which each machine measures otherwise")
    objective = get_objective(recipe.objective.name)
    data = validate(get_task(recipe.task).source, recipe.data, "data")
    config = validate(get_architecture(recipe.architecture).config, recipe.config, "config")
    options = validate(objective.options, recipe.objective.options, "objective.options")
    choice = recipe.objective.model_copy(update={"options": options.model_dump(mode="json")})
    filled = {"data": data.model_dump(mode="json"), "config": config.model_dump(mode="json"), "objective": choice}
    return recipe.model_copy(update=filled)


def run_digest(recipe: Recipe) -> str:
    """The SHA-256 of a resolved recipe with the versions of its task and architecture, and of what they come from."""
    provider = architecture_provider(recipe.architecture)
    known = {CORE, provider.distribution}
    parts = (task_provider(recipe.task), objective_provider(recipe.objective.name))
    others = sorted({(part.distribution, part.version) for part in parts if part.distribution not in known})
    identity: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "recipe": recipe.model_dump(mode="json", exclude=None if recipe.init else {"init"}),
        "provider": [provider.distribution, provider.version],
        "architecture": get_architecture(recipe.architecture).version,
        "task": get_task(recipe.task).version,
    }
    if others:
        identity["others"] = others
    if recipe.init and not isinstance(parse_reference(recipe.init), HubReference):
        identity["init"] = registry.find(recipe.init).sha256
    return sha256(canonical_json(identity))


def _measurements(study: Study, labels: Labels, recipe: Recipe) -> Iterable[Measurement]:
    task = get_task(recipe.task)
    for choice in study.evaluations:
        for split in choice.splits if matches(labels, choice.where) else ():
            yield Measurement(
                split=find_split(task, split).name,
                diagnosis=False,
                iterations=choice.iterations,
                limit=choice.limit,
                exact=choice.exact,
                precision=choice.precision,
            )
    for choice in study.diagnoses:
        if matches(labels, choice.where):
            yield Measurement(
                split=find_split(task, choice.split).name,
                diagnosis=True,
                iterations=choice.iterations,
                limit=choice.examples,
                precision="float64",
            )
