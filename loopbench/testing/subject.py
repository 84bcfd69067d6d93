"""A task that is looked at, with its data."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from loopbench.contracts import Examples, Split, Task


@dataclass
class Subject:
    """A task.

    Attributes:
        settings: of the training data, in the tests.
        samples: whether fresh examples are drawn.
        where: what is being looked at, for the message.
    """

    task: Task
    settings: Mapping[str, Any]
    samples: bool
    where: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.at("")

    def at(self, detail: str) -> None:
        """Say what is looked at from now on."""
        self.where = f"task {self.task.name!r}" + (f", {detail}" if detail else "")

    @property
    def source(self) -> BaseModel:
        """The training data's settings, validated."""
        return self.task.source.model_validate(self.settings)

    @property
    def splits(self) -> list[Split]:
        """Those that need no network."""
        return [split for split in self.task.splits if not split.downloaded]

    @property
    def sampled(self) -> list[Split]:
        """A split of each difficulty that fresh examples are drawn of."""
        by_difficulty = {split.difficulty: split for split in reversed(self.splits)}
        return list(by_difficulty.values()) if self.samples else []

    def loaded(self) -> Iterator[tuple[Split, Examples]]:
        """Every split that needs no network, with its examples."""
        for split in self.splits:
            self.at(f"split {split.name}")
            yield split, self.task.load(split.name)

    def with_hash(self, split: Split, sha256: str) -> Task:
        """The same task with another hash in the declaration of a split."""
        task = copy.copy(self.task)
        changed = tuple(replace(other, sha256=sha256) if other is split else other for other in task.splits)
        task.splits = changed  # pyright: ignore[reportAttributeAccessIssue]: in this instance alone
        return task
