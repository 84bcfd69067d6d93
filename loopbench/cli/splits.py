"""Which splits a command is about: `--split` and `--data`."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loopbench.errors import LoopbenchError

if TYPE_CHECKING:
    from loopbench.contracts import Task

Choice = tuple[str | None, Path | None]
"""A split and the file that it is read from, if any; without a split, all of the file."""


def choose_splits(task: "Task", named: Sequence[str], data: str | None) -> list[Choice]:
    """The splits that `--split` names and `--data` says where to read, or the task's scored ones.

    Args:
        data: `FILE`, or `NAME=FILE` for a local copy of the data set NAME.

    Raises:
        LoopbenchError: the two do not fit together, or the task has no such data set.
    """
    named = list(dict.fromkeys(named))
    if data is None:
        return [(name, None) for name in named or _scored_splits(task)]
    match = re.fullmatch(r"([\w-]+)=(.+)", data, re.DOTALL)
    if not match:
        if named:
            raise LoopbenchError(f"{data} is evaluated as a whole: leave out --split, or write --data NAME=FILE")
        return [(None, Path(data))]
    source, file = match[1], Path(match[2])
    of_source = [split.name for split in task.splits if split.downloaded and split.source == source]
    if not of_source:
        known = ", ".join(sorted({split.source for split in task.splits if split.downloaded})) or "none"
        raise LoopbenchError(f"task {task.name} has no data set {source!r} for --data NAME=FILE; it has {known}")
    if named and not set(named) & set(of_source):
        raise LoopbenchError(f"--data {source} is of no use here: its splits are {', '.join(of_source)}")
    names = named or [name for name in of_source if not name.startswith("dev-")]
    return [(name, file if name in of_source else None) for name in names]


def _scored_splits(task: "Task") -> list[str]:
    """The benchmark's splits that need no download, or all such splits of a task without a benchmark."""
    here = [split.name for split in task.splits if not split.downloaded]
    scored = task.benchmark.splits if task.benchmark else None
    names = [name for name in here if (name in scored if scored else not name.startswith("dev-"))]
    if not names:
        known = ", ".join(split.name for split in task.splits)
        raise LoopbenchError(f"every scored split of {task.name} needs a download: name one with --split, of {known}")
    return names
