"""The packages in plugins/, built as wheels and installed beside the core, without an index or a network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
PYTHON_SEAM = {
    "contracts",
    "errors",
    "hookspecs",
    "loop",
    "picture",
    "tasks.metrics",
    "tasks.splits",
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Built from copies, which building leaves files in."""
    folder = tmp_path_factory.mktemp("wheels")
    for package in PACKAGES:
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    sources = [folder / package.name for package in PACKAGES]
    pip("wheel", "--no-build-isolation", "--wheel-dir", folder, *sources)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--target", folder, *wheels)
    return folder


def pip(command: str, *arguments: str | Path) -> None:
    offline = ["--no-index", "--no-deps", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", command, *offline, *arguments], check=True)


def test_the_code_that_ran_is_the_wheels(site: Path, tmp_path: Path) -> None:
    script = "import loopbench_deepthinking, loopbench_mazes, loopbench_trm, sys; from importlib.metadata import files;"
    script += "[print(sys.modules[m].__file__, files(m.replace('_', '-'))[0].locate()) for m in sys.modules if m in"
    script += "('loopbench_deepthinking', 'loopbench_mazes', 'loopbench_trm')]"
    paths = os.pathsep.join([str(site), str(ROOT)])
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    places = done.stdout.split()
    assert len(places) == 6
    assert all(Path(place).is_relative_to(site) for place in places)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_uses_nothing_but_the_public_seam(package: Path) -> None:
    own = package.name.replace("-", "_")
    lines = [line.split() for path in (package / own).rglob("*.py") for line in path.read_text().splitlines()]
    imported = {words[1] for words in lines if len(words) > 1 and words[0] in ("import", "from")}
    core = {name.removeprefix("loopbench.") for name in imported if name.split(".")[0] == "loopbench"}
    assert core <= PYTHON_SEAM
    assert core  # it is read
