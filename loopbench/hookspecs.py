"""The hooks that a plugin can implement, in entry-point group `loopbench`.

A plugin module states `LOOPBENCH_API = 1` and implements any of these with `@hookimpl`.
"""

from collections.abc import Iterable

import pluggy

from loopbench.contracts import Architecture, Objective, Task

GROUP = "loopbench"
API = 1

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def loopbench_architectures() -> Iterable[Architecture]:  # pyright: ignore[reportReturnType]: a specification
    """The architectures that the plugin provides."""


@hookspec
def loopbench_tasks() -> Iterable[Task]:  # pyright: ignore[reportReturnType]: a specification
    """The tasks that the plugin provides, as instances."""


@hookspec
def loopbench_objectives() -> Iterable[Objective]:  # pyright: ignore[reportReturnType]: a specification
    """The training objectives that the plugin provides."""
