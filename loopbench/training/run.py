"""A run folder: a model folder with the recipe, the checkpoint and the log of its training beside the weights."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from loopbench.errors import LoopbenchError
from loopbench.files import claimed, remove_leftovers, write_bytes
from loopbench.references import CONFIG, WEIGHTS
from loopbench.training.recipe import Recipe, dump_recipe, load_recipe

RECIPE = "recipe.yaml"
CHECKPOINT = "checkpoint.safetensors"
LOG = "log.jsonl"
LOCK = ".lock"


def open_run(folder: Path, recipe: Recipe, resume: bool) -> Recipe:
    """See whether a folder is free for a new run, or find the run to go on with; gives the recipe that the run goes by.

    A recipe with `budget_minutes` goes on with the number of steps that the run measured when it started.

    Raises:
        LoopbenchError: a run is there and `resume` is false or the reverse, the run there follows another recipe, or a
            model is there that is no run's.
    """
    if not (folder / RECIPE).exists():
        if any((folder / name).exists() for name in (CONFIG, WEIGHTS)):
            raise LoopbenchError(f"{folder} holds a model that was not trained there: choose another folder")
        if resume:
            raise LoopbenchError(f"there is no run in {folder} to resume: leave --resume out to start one there")
        return recipe
    if not resume:
        raise LoopbenchError(
            f"{folder} already holds a training run; --resume goes on with it, or choose another folder"
        )
    stored = load_recipe(folder / RECIPE, [])
    if recipe.budget_minutes is not None:
        recipe = recipe.model_copy(update={"steps": stored.steps, "budget_minutes": None})
    ours, theirs = recipe.model_dump(), stored.model_dump()
    different = [key for key in ours if ours[key] != theirs[key]]
    if different:
        verb = "differs" if len(different) == 1 else "differ"
        raise LoopbenchError(
            f"{folder} holds a run of another recipe: {', '.join(different)} {verb}; "
            "give the same --set again, or choose another folder"
        )
    return stored


@contextmanager
def claimed_run(folder: Path) -> Generator[None]:
    """Keep every other process from training into a folder; what killed ones were writing there is removed.

    Raises:
        LoopbenchError: another process trains there, or the folder cannot be written.
    """
    with claimed(folder / LOCK, f"another process trains in {folder}: let it end, or choose another folder"):
        for name in (RECIPE, CHECKPOINT, LOG, CONFIG, WEIGHTS):
            remove_leftovers(folder, name, older_than=0)
        yield


def start_run(folder: Path, recipe: Recipe) -> None:
    """Write the recipe, which makes the folder a run.

    Raises:
        LoopbenchError: the folder cannot be written.
    """
    write_bytes(folder / RECIPE, dump_recipe(recipe).encode())


def read_log(folder: Path) -> Iterator[dict[str, Any]]:
    """The entries of a run's log, in order; what is none, as a line cut short by a kill, is left out.

    Raises:
        LoopbenchError: the log cannot be read.
    """
    path = folder / LOG
    if not path.exists():
        return
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise LoopbenchError(f"cannot read {path}: {error.strerror or error}") from error
    for line in lines:
        try:
            entry: object = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "step" in entry:
            yield cast(dict[str, Any], entry)


def append_log(folder: Path, entry: dict[str, Any]) -> None:
    """Add an entry to a run's log.

    Raises:
        LoopbenchError: the log cannot be written.
    """
    try:
        with (folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
    except OSError as error:
        raise LoopbenchError(f"cannot write {folder / LOG}: {error.strerror or error}") from error


def rewind_log(folder: Path, step: int) -> None:
    """Drop the entries after a step, which a resumed run writes again."""
    lines = [json.dumps(entry) + "\n" for entry in read_log(folder) if entry["step"] <= step]
    write_bytes(folder / LOG, "".join(lines).encode())
