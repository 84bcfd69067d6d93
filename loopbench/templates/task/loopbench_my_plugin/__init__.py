"""The task `my-plugin`, for loopbench."""

from loopbench.hookspecs import hookimpl

LOOPBENCH_API = 1


@hookimpl
def loopbench_tasks():
    from loopbench_my_plugin.task import MyPlugin  # imported when somebody asks for it

    return [MyPlugin()]
