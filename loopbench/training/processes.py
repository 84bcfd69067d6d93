"""One process, or several under torchrun."""

import os
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import distributed

from loopbench.contracts import Examples
from loopbench.errors import LoopbenchError
from loopbench.validation import printable
from loopbench.workers import end_with_parent

T = TypeVar("T")
LOST = re.compile("gloo|Connection (closed|reset)")
"""What gloo says when a process is gone, for which it has no exception of its own."""


@dataclass(frozen=True)
class Processes:
    """This process among those of a run."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def share(self, examples: Examples) -> Examples:
        """This process's part of a global batch.

        Raises:
            LoopbenchError: the batch does not split evenly.
        """
        if len(examples) % self.count:
            raise LoopbenchError(f"batch_size {len(examples)} must be a multiple of the {self.count} processes")
        return examples if self.count == 1 else examples.select(range(self.rank, len(examples), self.count))

    def mean(self, value: torch.Tensor) -> float:
        """The mean of a scalar over all processes."""
        if self.count > 1:
            distributed.all_reduce(value)
        return value.item() / self.count

    def agree(self, value: Callable[[], T]) -> T:
        """The first process's value, on every process; the others do not ask.

        Raises:
            LoopbenchError: on every process, if the first one's `value` does.
        """
        if self.count == 1:
            return value()
        answers: list[Any] = [None]
        if self.first:
            try:
                answers = [value()]
            except LoopbenchError as error:
                answers = [error]
        distributed.broadcast_object_list(answers)
        if isinstance(answers[0], LoopbenchError):
            raise answers[0]
        return answers[0]


@contextmanager
def joined(device: torch.device) -> Generator[Processes]:
    """Join the process group that torchrun describes in the environment, if there is one.

    Raises:
        LoopbenchError: what the environment says is incomplete, or the processes do not find each other.
    """
    if "RANK" not in os.environ:
        yield Processes()
        return
    end_with_parent()  # torchrun's processes would train on without it
    if device.type == "cuda":
        torch.cuda.set_device(device)  # collectives of Python objects go through the current device
    try:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (ValueError, RuntimeError) as error:
        raise LoopbenchError(
            f"RANK is set, as torchrun does, but the processes cannot join: {printable(str(error))}; "
            "start them with torchrun, or unset RANK to train with one"
        ) from error
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    except RuntimeError as error:
        if not (isinstance(error, distributed.DistError) or LOST.search(str(error))):
            raise
        raise LoopbenchError(
            "another process of this run has ended, and with it the run; --resume goes on from its last checkpoint"
        ) from error
    finally:
        distributed.destroy_process_group()
