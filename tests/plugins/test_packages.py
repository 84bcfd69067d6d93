"""The packages in plugins/, built as wheels and installed beside the core, without an index or a network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from loopback import TOKEN, running

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
SEAM = {"contracts", "errors", "hookspecs", "loop", "picture", "tasks.metrics", "tasks.splits"}

# every command of a list in one process, as the shell would run them
COMMANDS = """
import json, sys
from loopbench.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["loopbench", *arguments]
    print("$", *sys.argv, flush=True)
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


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


def run(site: Path, folder: Path, commands: list[list[str]], **environment: str) -> str:
    """What the commands print, run in `folder` with the packages of `site` before all others."""
    paths = [str(site), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
    environment.pop("LOOPBENCH_PLUGINS", None)
    command = [sys.executable, "-c", COMMANDS, json.dumps(commands)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def train(recipe: Path, output: str, **changes: object) -> list[str]:
    """Two steps of a small model."""
    small = {
        "config.width": 2,
        "steps": 2,
        "batch_size": 2,
        "probe": "null",
        "compile": "false",
        "schedule.warmup_steps": 0,
    } | changes
    return [
        "train",
        str(recipe),
        "--output",
        output,
        *(x for pair in small.items() for x in ("--set", "{}={}".format(*pair))),
    ]


def test_wheels_are_found_listed_trained_evaluated_and_submitted(
    wheels: list[Path], site: Path, tmp_path: Path
) -> None:
    recipe = {path.stem: path for path in site.glob("*/recipes/*.yaml")}
    (tmp_path / "checkout" / "leaderboard" / "results").mkdir(parents=True)
    with running() as hub:
        client = {
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        printed = run(
            site,
            tmp_path,
            [
                ["plugins", "list"],
                ["tasks", "list"],
                train(recipe["mazes-trm"], "trm"),
                train(recipe["mazes-deepthinking"], "dt"),
                *(
                    ["eval", "--model", model, "--split", "maze-9", "--limit", "4", "--iterations", "3"]
                    for model in ("./trm", "./dt")
                ),
                train(recipe["mazes-deepthinking"], "deep", task="sudoku", data="{}", **{"config.blocks": 16}),
                ["push", "./deep", "--repo", "me/deep", "--license", "apache-2.0"],
            ],
            **client,
        )
        for line in (
            "loopbench-deepthinking  0.1.0    loopbench_deepthinking  1    architectures: deepthinking",
            "loopbench-mazes         0.1.0    loopbench_mazes         1    tasks: mazes",
            "loopbench-trm           0.1.0    loopbench_trm           1    architectures: trm; objectives: deep-superv",
            "mazes        1        12      a maze to the squares of its one path from start to goal",
            "trained: trm (loopbench eval --model ./trm)",
        ):
            assert line in printed
        config = json.loads((tmp_path / "trm" / "config.json").read_text())
        assert (config["provider"]["distribution"], config["task_provider"]["distribution"]) == (
            "loopbench-trm",
            "loopbench-mazes",
        )
        [repo] = hub.repos.values()
        ref = f"hub:me/deep@{repo.find('main')}"
        [wheel] = [path for path in wheels if path.name.startswith("loopbench_deepthinking-")]
        submission = ["--name", "mine", "--author", "me", "--to", "checkout", "--plugin-wheel", str(wheel)]
        run(
            site,
            tmp_path,
            [
                ["eval", "--model", ref, "--output", "records", "--batch-size", "1000"],
                ["submit", "records", *submission],
                ["leaderboard", "check", "checkout/leaderboard/results/mine"],
            ],
            **client,
        )
    entry = tmp_path / "checkout" / "leaderboard" / "results" / "mine"
    assert {path.name for path in entry.iterdir()} > {"submission.yaml", wheel.name}


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
    assert core <= SEAM
    assert core  # it is read
