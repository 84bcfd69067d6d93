"""The metadata at the top of a model card."""

import re
from collections.abc import Iterable
from typing import Any, cast

from huggingface_hub import ModelCardData

from loopbench.contracts import ModelInfo
from loopbench.errors import LoopbenchError
from loopbench.publishing.results import Results
from loopbench.references import HubReference, parse_reference
from loopbench.tasks.chess import lichess
from loopbench.tasks.sudoku import extreme
from loopbench.tasks.sudoku.task import EXTREME
from loopbench.training.recipe import Recipe
from loopbench.validation import parse_yaml, validate

DATASETS = {EXTREME: extreme.REPO, lichess.NAME: lichess.REPO}
"""The data sets on the Hub, by what recipes call them."""

Metadata = dict[str, Any]


def split_card(card: str, what: str) -> tuple[Metadata, str]:
    """The metadata of a card, and its text.

    Args:
        what: the card, the beginning of the message.

    Raises:
        LoopbenchError: the metadata is not a mapping in YAML.
    """
    match = re.match(r"---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", card, re.DOTALL | re.MULTILINE)
    if not match:
        return {}, card.strip()
    metadata = parse_yaml(match[1].encode(), f"{what}: metadata")
    if not isinstance(metadata, dict):
        raise LoopbenchError(f"{what}: its metadata must be a mapping of names to values")
    return cast(Metadata, metadata), card[match.end() :].strip()


def card_metadata(name: str, info: ModelInfo, results: Results, recipe: Recipe | None, authors: Metadata) -> Metadata:
    """What the author's card says, and what is known of the model.

    Args:
        name: of the model.
    """
    tags = ["loopbench", "looped-transformer", info.task, info.architecture]
    index = results.model_index() or None
    ours = ModelCardData(
        library_name="loopbench",
        tags=_merged(authors.get("tags"), tags),
        datasets=_merged(authors.get("datasets"), _trained_on(results, recipe)) or None,
        base_model=authors.get("base_model") or _begun_with(recipe),
        metrics=["accuracy"] if index else None,
        model_name=name if index else None,
        eval_results=index,
    )
    kept = {key: value for key, value in authors.items() if key != "model-index"}  # of an earlier push
    return kept | ours.to_dict()


def _trained_on(results: Results, recipe: Recipe | None) -> list[str]:
    """The data sets on the Hub that the model was trained on."""
    if recipe is None:
        return []
    data = validate(results.task.source, recipe.data, "recipe: data").model_dump()
    return [DATASETS[value] for value in data.values() if isinstance(value, str) and value in DATASETS]


def _begun_with(recipe: Recipe | None) -> str | None:
    """The repository on the Hub whose weights the training began with, if it was one."""
    if recipe is None or recipe.init is None:
        return None
    reference = parse_reference(recipe.init)
    return reference.repo if isinstance(reference, HubReference) else None


def _merged(authors: object, ours: Iterable[str]) -> list[str]:
    """The author's list, which YAML may have as a single value, with ours after it."""
    listed = cast(list[object], authors) if isinstance(authors, list) else [authors] if authors else []
    return list(dict.fromkeys([*map(str, listed), *ours]))
