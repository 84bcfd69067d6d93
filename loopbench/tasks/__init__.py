"""The built-in tasks."""

from collections.abc import Iterable

from loopbench.contracts import Task
from loopbench.hookspecs import hookimpl

LOOPBENCH_API = 1


@hookimpl
def loopbench_tasks() -> Iterable[Task]:
    from loopbench.tasks.chess.task import Chess
    from loopbench.tasks.prefix_sums import PrefixSums
    from loopbench.tasks.sudoku.task import Sudoku

    return [PrefixSums(), Sudoku(), Chess()]
