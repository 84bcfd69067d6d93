"""A model zoo and an extrapolation benchmark for looped transformers.

Importing this package is cheap: torch is imported when one of its functions is first asked for.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from loopbench.errors import LoopbenchError

if TYPE_CHECKING:
    from loopbench.evaluation import evaluate
    from loopbench.hub import build_model, load_model, save_model
    from loopbench.plugins import get_task as load_task

__version__ = version("loopbench-zoo")
__all__ = ["LoopbenchError", "__version__", "build_model", "evaluate", "load_model", "load_task", "save_model"]

_HOMES = {
    "build_model": "loopbench.hub:build_model",
    "evaluate": "loopbench.evaluation:evaluate",
    "load_model": "loopbench.hub:load_model",
    "load_task": "loopbench.plugins:get_task",
    "save_model": "loopbench.hub:save_model",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
