from loopbench.testing import architecture_tests
from loopbench_my_plugin.model import ARCHITECTURE

test_architecture = architecture_tests(ARCHITECTURE, {"width": 8})
