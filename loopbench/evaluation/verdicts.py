"""What is known of every single example, and the compressed file that keeps it beside the record."""

import gzip
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import DEPTH_MULTIPLIERS

HEADER_BYTES = 4096


@dataclass(frozen=True, eq=False)
class Verdicts:
    """The primary metric's verdicts on n examples, in the order of the split.

    Attributes:
        first_solved: `(n,)` int32, the first iteration at which an example is solved; 0: never.
        iterations: `(k,)` int32, ascending: the powers of two, the scored iterations and T.
        solved: `(k, n)` bool, whether an example is solved at those iterations.
    """

    first_solved: NDArray[np.int32]
    iterations: NDArray[np.int32]
    solved: NDArray[np.bool_]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Verdicts) and self.pack() == other.pack()

    def pack(self) -> bytes:
        """The verdicts as gzipped safetensors, one bit for each of `solved`; equal verdicts give equal bytes."""
        blob = save(
            {
                "first_solved": self.first_solved,
                "iterations": self.iterations,
                "solved": np.packbits(self.solved, axis=1),
            }
        )
        return gzip.compress(blob, mtime=0)

    def until(self, iterations: int) -> "Verdicts":
        """The verdicts as if the run had ended at an earlier iteration."""
        kept = self.iterations <= iterations
        first_solved = np.where(self.first_solved <= iterations, self.first_solved, 0).astype(np.int32)
        return Verdicts(first_solved, self.iterations[kept], self.solved[kept])


def recorded_iterations(iterations: int, scored: tuple[int, ...]) -> list[int]:
    """The iterations at which every example's verdict is kept: powers of two, the scored ones, the last."""
    powers = (2**i for i in range(iterations.bit_length()))
    return sorted({t for t in (*powers, *scored, iterations) if t <= iterations})


def max_packed_bytes(count: int) -> int:
    """More than `Verdicts.pack` ever needs for `count` examples, of 4 bytes and a bit at up to 25 iterations each."""
    return HEADER_BYTES + 8 * count


def unpack(data: bytes, count: int, iterations: int, what: str) -> Verdicts:
    """Read `Verdicts.pack` of `count` examples and T iterations, trusting nothing.

    Raises:
        LoopbenchError: it is anything else.
    """
    try:
        decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        blob = decompressor.decompress(data, max_packed_bytes(count))
        if not decompressor.eof or decompressor.unused_data:
            raise ValueError("it does not end where it should")
        tensors = load(blob)
        if set(tensors) != {"first_solved", "iterations", "solved"}:
            raise ValueError("it does not hold first_solved, iterations and solved")
        first, at, bits = tensors["first_solved"], tensors["iterations"], tensors["solved"]
        if first.dtype != np.int32 or first.shape != (count,) or not ((first >= 0) & (first <= iterations)).all():
            raise ValueError(f"first_solved is not {count} int32 from 0 to {iterations}")
        if at.dtype != np.int32 or at.ndim != 1 or not len(at) or at[-1] != iterations or at[0] < 1:
            raise ValueError(f"iterations is not a list of int32 from 1 to {iterations}")
        most = iterations.bit_length() + len(DEPTH_MULTIPLIERS) + 1  # powers of two, scored ones, T
        if len(at) > most:  # bits that are all alike take next to nothing until they are unpacked
            raise ValueError(f"it has verdicts at {len(at)} iterations, and a run of {iterations} keeps {most} at most")
        if not (np.diff(at) > 0).all():
            raise ValueError("iterations does not ascend")
        if bits.dtype != np.uint8 or bits.shape != (len(at), -(-count // 8)):
            raise ValueError("solved has not one bit for each example at each iteration")
    except (zlib.error, SafetensorError, ValueError, KeyError) as error:  # KeyError: a dtype that numpy has not
        raise LoopbenchError(f"{what} is not a file of verdicts: {error}") from error
    solved = np.unpackbits(bits, axis=1, count=count).view(np.bool_)
    if any((row & ((first == 0) | (first > t))).any() for t, row in zip(at, solved, strict=True)):
        raise LoopbenchError(f"{what} is not a file of verdicts: an example is solved before it is first solved")
    return Verdicts(first, at, solved)
