from loopbench.testing import task_tests
from loopbench_my_plugin.task import MyPlugin

test_task = task_tests(MyPlugin())
