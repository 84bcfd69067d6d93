"""The conformance kit: does a plugin keep its contracts?

A plugin's whole test file is three lines:

    from loopbench.testing import architecture_tests
    from my_plugin import ARCHITECTURE
    test_architecture = architecture_tests(ARCHITECTURE)

pytest then has a test for each contract, `test_architecture[examples_are_independent]` and so on; one that fails says
where, what the contract is and what was found. Without pytest, `check_architecture` and `check_task` raise an
AssertionError that says the same.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loopbench.testing.kit import architecture_tests, check_architecture, check_task, task_tests

__all__ = ["architecture_tests", "check_architecture", "check_task", "task_tests"]


def __getattr__(name: str) -> object:  # the process that makes a task's data a second time needs nothing of this
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from loopbench.testing import kit

    return getattr(kit, name)
