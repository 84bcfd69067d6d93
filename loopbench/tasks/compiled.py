"""The one door to numba, which has no types of its own."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba  # pyright: ignore[reportMissingTypeStubs]

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function compiled by numba, without the GIL, kept on disk where a disk lets it.

    What is kept is renewed when the file of the function itself changes; after a change to a function that it calls
    from another file, delete `__pycache__`.
    """
    try:
        return numba.njit(function, cache=True, nogil=True)  # pyright: ignore
    except RuntimeError:  # no folder that a cache could be written to
        return numba.njit(function, nogil=True)  # pyright: ignore
