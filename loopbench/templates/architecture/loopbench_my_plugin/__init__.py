"""The architecture `my-plugin`, for loopbench."""

from loopbench.hookspecs import hookimpl

LOOPBENCH_API = 1


@hookimpl
def loopbench_architectures():
    from loopbench_my_plugin.model import ARCHITECTURE  # imported when somebody asks for it

    return [ARCHITECTURE]
