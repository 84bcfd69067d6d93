"""Training: recipes, objectives and the resumable loop."""

from collections.abc import Iterable

from loopbench.contracts import Objective
from loopbench.hookspecs import hookimpl

LOOPBENCH_API = 1


@hookimpl
def loopbench_objectives() -> Iterable[Objective]:
    from loopbench.training.objectives import EVERY_ITERATION, PROGRESSIVE

    return [PROGRESSIVE, EVERY_ITERATION]
