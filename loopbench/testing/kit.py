"""What a plugin's tests call."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import torch

from loopbench.contracts import Architecture, Task
from loopbench.testing import architectures, tasks
from loopbench.testing.architectures import refusals_are_clear
from loopbench.testing.contract import Check, hold
from loopbench.testing.derivatives import cuda_agrees
from loopbench.testing.shapes import SHAPES, Case
from loopbench.testing.subject import Subject

NONE: Mapping[str, Any] = {}

Holds = Callable[[], None]
Tests = Callable[[Holds], None]
"""A test function for pytest, with a case for each contract."""


def architecture_tests(
    architecture: Architecture, config: Mapping[str, Any] = NONE, *, refuses: Collection[str] = ()
) -> Tests:
    """A test function for pytest with a case for each contract of an architecture.

    Args:
        config: its settings in the tests; small ones make them fast. Default: its own.
        refuses: names of those of `SHAPES` that it refuses to build for, with a LoopbenchError; it takes all others.
    """
    return _tests(_of_architecture(architecture, config, refuses))


def task_tests(task: Task, source: Mapping[str, Any] = NONE, *, samples: bool = True) -> Tests:
    """A test function for pytest with a case for each contract of a task. Splits that are downloaded are left out.

    Args:
        source: the training data's settings in the tests. Default: its own.
        samples: whether fresh examples are drawn too, which may take a task long.
    """
    return _tests(_of_task(task, source, samples))


def check_architecture(
    architecture: Architecture, config: Mapping[str, Any] = NONE, *, refuses: Collection[str] = ()
) -> None:
    """Like `architecture_tests`, at once and without pytest.

    Raises:
        AssertionError: the first contract that is broken.
    """
    for holds in _of_architecture(architecture, config, refuses).values():
        holds()


def check_task(task: Task, source: Mapping[str, Any] = NONE, *, samples: bool = True) -> None:
    """Like `task_tests`, at once and without pytest.

    Raises:
        AssertionError: the first contract that is broken.
    """
    for holds in _of_task(task, source, samples).values():
        holds()


def _of_architecture(
    architecture: Architecture, config: Mapping[str, Any], refuses: Collection[str]
) -> dict[str, Holds]:
    if unknown := set(refuses) - set(SHAPES):
        raise ValueError(f"refuses: no shape is named {', '.join(sorted(unknown))}; there are {', '.join(SHAPES)}")

    def holds(check: Check[Case], names: Collection[str]) -> None:
        __tracebackhide__ = True
        settings = architecture.config.model_validate(config)
        for name in names:
            hold(check, Case(architecture, settings, name, SHAPES[name]))

    taken = [name for name in SHAPES if name not in refuses]
    contracts = {check.__name__: partial(holds, check, taken) for check in architectures.CHECKS}
    if refuses:
        contracts[refusals_are_clear.__name__] = partial(holds, refusals_are_clear, refuses)
    return contracts


def _of_task(task: Task, source: Mapping[str, Any], samples: bool) -> dict[str, Holds]:
    def holds(check: Check[Subject]) -> None:
        __tracebackhide__ = True
        hold(check, Subject(task, source, samples))

    return {check.__name__: partial(holds, check) for check in tasks.CHECKS}


def _tests(contracts: Mapping[str, Holds]) -> Tests:
    import pytest  # which the core does without

    no_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
    marks = {cuda_agrees.__name__: [no_cuda]}

    @pytest.mark.parametrize(
        "holds", [pytest.param(holds, id=name, marks=marks.get(name, [])) for name, holds in contracts.items()]
    )
    def test(holds: Holds) -> None:
        __tracebackhide__ = True
        holds()

    return test
