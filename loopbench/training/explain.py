"""A recipe with every setting written out, and a comment that says what it means."""

import json
from collections.abc import Iterator
from typing import Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from loopbench.plugins import get_architecture, get_objective, get_task
from loopbench.training.recipe import ObjectiveChoice, Recipe
from loopbench.validation import printable, validate

COLUMN = 30  # where comments begin, if there is room

Settings = dict[tuple[type[BaseModel], str], BaseModel]
"""What belongs to a task, an architecture or an objective, by the section and the name of its field there."""


def explain(recipe: Recipe) -> str:
    """The text of a recipe file that trains as `recipe` does.

    Raises:
        LoopbenchError: the recipe names something unknown, or settings that it does not have.
    """
    objective = get_objective(recipe.objective.name)
    settings: Settings = {
        (Recipe, "data"): validate(get_task(recipe.task).source, recipe.data, "data"),
        (Recipe, "config"): validate(get_architecture(recipe.architecture).config, recipe.config, "config"),
        (ObjectiveChoice, "options"): validate(objective.options, recipe.objective.options, "objective.options"),
    }
    return "".join(f"{line}\n" for line in _lines(recipe, settings, ""))


def _lines(section: BaseModel, settings: Settings, indent: str) -> Iterator[str]:
    values = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        inner = settings.get((type(section), name), getattr(section, name))
        if isinstance(inner, BaseModel) and type(inner).model_fields:
            yield _line(f"{indent}{name}:", field)
            yield from _lines(inner, settings, f"{indent}  ")
        else:
            yield _line(f"{indent}{name}: {json.dumps(values[name], ensure_ascii=False)}", field)


def _line(setting: str, field: FieldInfo) -> str:
    choices = [str(choice) for choice in get_args(field.annotation)] if get_origin(field.annotation) is Literal else []
    meaning = "; ".join(filter(None, (field.description, " | ".join(choices) if len(choices) > 1 else "")))
    return f"{setting:<{COLUMN}}  # {printable(meaning)}" if meaning else setting
