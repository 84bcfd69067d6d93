"""A study of tiny cells, and ways to run it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loopbench.evaluation import Record, read_record
from loopbench.sweep.cells import Cell
from loopbench.sweep.local import Event, Events
from loopbench.sweep.progress import Progress
from loopbench.sweep.run import sweep
from loopbench.sweep.study import Resources, Study
from loopbench.sweep.work import run_cell

STUDY: dict[str, Any] = {
    "name": "tiny",
    "recipe": {
        "task": "prefix-sums",
        "data": {"bits": 8},
        "architecture": "looped-transformer",
        "config": {"width": 8, "heads": 1},
        "objective": {"name": "progressive", "options": {"max_iterations": 4}},
        "steps": 60,
        "batch_size": 8,
        "optimizer": {"lr": 1e-2},
        "compile": False,
        "checkpoint_every": 7,
    },
    "grid": {
        "seed": [0, 1],
        "recall": {
            "recall": {"config.recall": "recall"},
            "fixed-depth": {"architecture": "fixed-depth", "objective.options.max_iterations": 1, "steps": 20},
        },
        "norm": {"pre": {"config.norm": "pre"}, "outer": {"config.norm": "outer"}},
    },
    "exclude": [{"recall": "fixed-depth", "norm": "outer"}],
    "evaluations": [{"splits": ["bits-32", "dev-bits-32"], "iterations": 12, "limit": 20}],
}


def study(**changes: Any) -> Study:
    return Study.model_validate(STUDY | changes)


def here(folder: Path, seen: list[Cell] | None = None) -> Callable[[Sequence[Cell]], Events]:
    """An executor in this very process, which notes what it is given."""

    def execute(cells: Sequence[Cell]) -> Events:
        for cell in cells:
            if seen is not None:
                seen.append(cell)
            yield Event(cell, None)
            yield Event(cell, run_cell(cell, folder, Resources()))

    return execute


def run(plan: Study, folder: Path, seen: list[Cell] | None = None, **options: Any) -> Progress:
    return sweep(plan, folder, here(folder, seen), workers=1, **options)


def records(folder: Path) -> dict[str, Record]:
    """The complete records of a sweep by their cells."""
    return {record.cell: record for record in map(read_record, (folder / "records").glob("*.json"))}


def results(folder: Path) -> dict[str, Any]:
    """What the records say, but for when and where they were made."""
    return {
        cell: (record.status, record.model, record.split, record.protocol, record.curves, record.per_example)
        for cell, record in records(folder).items()
    }
