"""SplitMix64 (Steele, Lea & Flood 2014, https://doi.org/10.1145/2714064.2660195): integers alone, the same everywhere.

The state is one uint64 in an array of length 1.
"""

import numpy as np

from loopbench.tasks.compiled import compiled

GAMMA = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
S27, S30, S31, S32 = (np.uint64(shift) for shift in (27, 30, 31, 32))


@compiled
def start(state: np.ndarray, seed: np.uint64, number: int) -> None:
    """Begin stream `number` of a seed."""
    state[0] = seed + np.uint64(number)
    state[0] = advance(state)


@compiled
def advance(state: np.ndarray) -> np.uint64:
    """The next output, 64 bits."""
    state[0] += GAMMA
    z = state[0]
    z = (z ^ (z >> S30)) * FIRST
    z = (z ^ (z >> S27)) * SECOND
    return z ^ (z >> S31)


@compiled
def below(state: np.ndarray, bound: int | np.int64) -> int:
    """A number from 0 to `bound` − 1: the upper half of the next output, scaled."""
    return np.int64(((advance(state) >> S32) * np.uint64(bound)) >> S32)  # pyright: ignore[reportReturnType] numba's int


@compiled
def shuffle(state: np.ndarray, values: np.ndarray) -> None:
    """Put the values in a random order, in place (Fisher and Yates)."""
    for last in range(len(values) - 1, 0, -1):
        other = below(state, last + 1)
        values[last], values[other] = values[other], values[last]
