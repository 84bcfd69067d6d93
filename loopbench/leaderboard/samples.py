"""What a model is run on: a sample of every split and fresh examples like it, shuffled together."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loopbench.contracts import Examples, Task
from loopbench.devices import Precision
from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import MAX_BATCH
from loopbench.leaderboard.sandbox import Sandbox
from loopbench.plugins import get_task
from loopbench.tasks.splits import derived_seed, find_split

LEAST = 20

Kind = Literal["public", "fresh"]
Key = tuple[str, Kind]


@dataclass(frozen=True)
class Sample:
    """Some examples of a split, or like those of a split.

    Attributes:
        rows: where they stand in the split; none if they are fresh.
        iterations: at which the model is read out, ascending.
        retirement: whether what has settled is iterated no further, as it was not in the record.
    """

    examples: Examples
    rows: tuple[int, ...]
    iterations: tuple[int, ...]
    precision: Precision
    retirement: bool


def sample_size(count: int, share: float) -> int:
    """How many of a split's examples are run again: the share of them, but 20 or all at least."""
    return min(count, max(LEAST, math.ceil(share * count)))


def public_rows(split: str, count: int, share: float, seed: int) -> tuple[int, ...]:
    """The places in a split of a sample of it."""
    draw = np.random.Generator(np.random.Philox(derived_seed(seed, "public", split)))
    return tuple(sorted(draw.choice(count, sample_size(count, share), replace=False).tolist()))


@lru_cache(maxsize=64)
def fresh_examples(task: str, split: str, count: int, seed: int) -> Examples | None:
    """New examples of the split's difficulty; `None` where the task cannot draw any."""
    spec = find_split(get_task(task), split)
    try:
        return get_task(task).sample(spec.difficulty, derived_seed(seed, "fresh", split), count)
    except LoopbenchError:
        return None


def verdicts(sandbox: Sandbox, task: Task, samples: Mapping[Key, Sample], seed: int) -> dict[Key, NDArray[np.bool_]]:
    """`(k, n)` for each sample: whether its examples are right at its iterations, by the task's first metric.

    All that has the same grid and the same iterations goes through one stream in random order, so that nothing but the
    inputs themselves tells a model what is public and what is fresh. The answers stay here.
    """
    streams: dict[object, list[Key]] = defaultdict(list)
    for key, sample in samples.items():
        streams[sample.examples.inputs.shape[1:], sample.iterations, sample.precision, sample.retirement].append(key)
    found: dict[Key, NDArray[np.bool_]] = {}
    for keys in streams.values():
        parts = [samples[key].examples for key in keys]
        logits = _logits(sandbox, task, torch.cat([part.inputs for part in parts]), samples[keys[0]], seed)
        begin = 0
        for key, part in zip(keys, parts, strict=True):
            of_part = logits[:, begin : begin + len(part)]
            found[key] = np.stack([_right(task, at, part) for at in of_part])
            begin += len(part)
    return found


def _logits(sandbox: Sandbox, task: Task, inputs: Tensor, like: Sample, seed: int) -> Tensor:
    """`(k, N, *grid, classes)` logits of inputs that are visited in an order drawn from the seed."""
    order = np.random.Generator(np.random.Philox(derived_seed(seed, "order"))).permutation(len(inputs))
    size = min(MAX_BATCH, max(1, task.batch_cells // inputs[0].numel()))
    classes = task.shape.num_classes
    logits = torch.empty(len(like.iterations), *inputs.shape, classes)
    for first in range(0, len(order), size):
        rows = torch.as_tensor(order[first : first + size])
        found = sandbox.logits(inputs[rows], classes, like.iterations, like.precision, like.retirement, seed)
        logits[:, rows] = torch.as_tensor(found.copy())
    return logits


def _right(task: Task, logits: Tensor, examples: Examples) -> NDArray[np.bool_]:
    finite = logits.isfinite().flatten(1).all(1)
    return (task.metrics[0].score(logits, examples) & finite).numpy()
