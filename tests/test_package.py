import subprocess
import sys
import tomllib
from glob import glob  # with which setuptools finds a wheel's files: without hidden ones, unlike Path.glob
from pathlib import Path

import loopbench

ROOT = Path(__file__).parents[1]


def test_importing_the_package_imports_no_torch() -> None:
    code = "import loopbench, sys; print('torch' in sys.modules, loopbench.__version__, loopbench.LoopbenchError)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", loopbench.__version__, "<class", "'loopbench.errors.LoopbenchError'>"]


def test_every_public_name_is_there() -> None:
    assert all(getattr(loopbench, name) for name in loopbench.__all__)
    assert set(loopbench.__all__) <= set(dir(loopbench))


def test_a_wheel_has_all_of_a_new_plugin_s_files() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["loopbench"]
    matches = [glob(str(ROOT / "loopbench" / pattern), recursive=True) for pattern in patterns]  # noqa: PTH207
    packed = {Path(path) for paths in matches for path in paths}
    templates = {path for path in (ROOT / "loopbench" / "templates").rglob("*") if path.is_file()}
    assert any(path.match("task/.github/workflows/tests.yml") for path in templates)
    assert {path for path in templates if "__pycache__" not in path.parts} <= packed
