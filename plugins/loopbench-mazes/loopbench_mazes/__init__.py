"""The task `mazes`, for loopbench."""

from collections.abc import Iterable

from loopbench.contracts import Task
from loopbench.hookspecs import hookimpl

LOOPBENCH_API = 1


@hookimpl
def loopbench_tasks() -> Iterable[Task]:
    from loopbench_mazes.task import Mazes

    return [Mazes()]
