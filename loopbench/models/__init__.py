"""The built-in architectures."""

from collections.abc import Iterable

from loopbench.contracts import Architecture
from loopbench.hookspecs import hookimpl

LOOPBENCH_API = 1


@hookimpl
def loopbench_architectures() -> Iterable[Architecture]:
    from loopbench.models.presets import ARCHITECTURES

    return ARCHITECTURES
