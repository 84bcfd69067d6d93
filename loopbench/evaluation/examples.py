"""The examples of a split, or of a local file."""

import logging
import re
from dataclasses import replace
from pathlib import Path

from loopbench.contracts import Examples, Split, Task
from loopbench.errors import LoopbenchError
from loopbench.tasks.lines import Skipped
from loopbench.tasks.splits import canonical_sha256, find_split, standard_depth

logger = logging.getLogger(__name__)

MAX_NAME = 100  # of a split in a record


def load_examples(
    task: Task, split: str | None, data: Path | None, *, skip_bad: bool = False
) -> tuple[Split, Examples]:
    """A split and its examples.

    What is read from a file never passes for an official split: its name is `local-…` and its hash is its own.

    Args:
        split: its name; `None`: every example of `data`, as a split of difficulty 0 that is named after the file.
        data: a file of one's own, or a local copy of the data set that the split is downloaded from.
        skip_bad: leave out the bad rows of the file, and log a line that says how many.

    Raises:
        LoopbenchError: no such split, one that no file stands in for, or a file that the task cannot read.
    """
    if data is None and skip_bad:
        raise LoopbenchError(f"only a file has bad rows to skip, and {split} is not read from one")
    if split is None:
        if data is None:
            raise LoopbenchError(f"name a split of task {task.name}, or a file in its place")
        examples = _read(task, None, data, skip_bad)
        depth = standard_depth(max(examples.inputs.shape[1:]))
        return _local(Split(data.name, 0, depth, len(examples), "", ""), examples), examples
    spec = find_split(task, split)
    if data is None:
        return spec, task.load(split)
    if not spec.downloaded:
        raise LoopbenchError(f"split {split} of task {task.name} is {spec.source}: it is not read from a file")
    examples = _read(task, split, data, skip_bad)
    return _local(spec, examples), examples


def _read(task: Task, split: str | None, data: Path, skip_bad: bool) -> Examples:
    skipped = Skipped()
    examples = task.load_good(split, data, skipped) if skip_bad else task.load(split, data)
    if not len(examples):
        nothing = f"{data} has no example" + (f" of split {split}" if split else "")
        raise LoopbenchError(f"{nothing}: {skipped}" if skipped.count else nothing)
    if skipped.count:
        logger.warning(skipped)
    return examples


def _local(like: Split, examples: Examples) -> Split:
    """The split that some local examples make."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"local-{like.name}")[:MAX_NAME]
    return replace(like, name=name, count=len(examples), source="local", sha256=canonical_sha256(examples))
