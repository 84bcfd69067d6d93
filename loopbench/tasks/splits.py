"""What fixed splits have in common: one hash, and random bytes that are the same everywhere."""

import hashlib
from functools import lru_cache

import numpy as np

from loopbench.contracts import Examples, Split, Task
from loopbench.errors import LoopbenchError
from loopbench.files import canonical_json


def random_bytes(count: int, *key: str | int) -> bytes:
    """`count` bytes of SHAKE-256 over the key: the same on every platform and library version."""
    return hashlib.shake_256("/".join(map(str, key)).encode()).digest(count)


def derived_seed(*key: str | int) -> int:
    """A 63-bit seed that belongs to the key alone."""
    return int.from_bytes(random_bytes(8, *key), "little") >> 1


def canonical_sha256(examples: Examples) -> str:
    """The SHA-256 of a split.

    It is over its shape as text, then inputs and targets as little-endian int64, row by row, and then `extra`, if there
    is any, as canonical JSON.
    """
    digest = hashlib.sha256(repr(tuple(examples.inputs.shape)).encode())
    for tensor in (examples.inputs, examples.targets):
        digest.update(tensor.contiguous().numpy().astype("<i8").tobytes())
    if examples.extra:
        digest.update(canonical_json({key: list(values) for key, values in examples.extra.items()}))
    return digest.hexdigest()


def find_split(task: Task, name: str) -> Split:
    """The task's split of that name.

    Raises:
        LoopbenchError: there is none.
    """
    for split in task.splits:
        if split.name == name:
            return split
    known = ", ".join(split.name for split in task.splits)
    raise LoopbenchError(f"task {task.name} has no split {name!r}; it has {known}")


def checked(split: Split, examples: Examples) -> Examples:
    """The examples, if they hash to what the split declares.

    Raises:
        LoopbenchError: they do not.
    """
    actual = canonical_sha256(examples)
    if actual != split.sha256:
        raise LoopbenchError(f"split {split.name} has sha256 {actual}, not {split.sha256}: its data was changed")
    return examples


def epoch_rows(size: int, batch_size: int, seed: int, number: int) -> list[int]:
    """The rows of batch `number` of a fixed training set, shuffled anew every epoch; its last partial batch is dropped.

    Raises:
        LoopbenchError: the set is smaller than a batch.
    """
    if size < batch_size:
        raise LoopbenchError(f"{size} training examples are less than one batch of {batch_size}")
    epoch, place = divmod(number, size // batch_size)
    return _shuffled(size, seed, epoch)[place * batch_size : (place + 1) * batch_size].tolist()


@lru_cache(maxsize=2)  # batches made ahead may be of the epoch that follows
def _shuffled(size: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(derived_seed(seed, "epoch", epoch))).permutation(size)


def standard_depth(side: int) -> int:
    """D of a grid whose longest side has so many cells: at two cells a layer its ends meet, but 64 layers at least."""
    return max(64, side // 2)
