from collections.abc import Callable
from typing import Any

from loopbench.tasks.compiled import compiled


def test_a_function_that_no_cache_can_hold_is_compiled_all_the_same() -> None:
    """One without a file, as in a folder where nothing can be written."""
    defined: dict[str, Callable[[Any], Any]] = {}
    exec("def double(x):\n    return 2 * x", defined)
    assert compiled(defined["double"])(21) == 42
