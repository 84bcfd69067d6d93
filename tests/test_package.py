import subprocess
import sys

import loopbench


def test_importing_the_package_imports_no_torch() -> None:
    code = "import loopbench, sys; print('torch' in sys.modules, loopbench.__version__, loopbench.LoopbenchError)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", loopbench.__version__, "<class", "'loopbench.errors.LoopbenchError'>"]


def test_every_public_name_is_there() -> None:
    assert all(getattr(loopbench, name) for name in loopbench.__all__)
    assert set(loopbench.__all__) <= set(dir(loopbench))
