"""Every command of docs/guide.md, in its order, with smaller numbers, against a Hub on this machine."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from loopback import TOKEN, Hub

from loopbench import plugins
from loopbench.cli import main

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]

# What is added to a command that begins so; of an option that stands twice the last one counts.
SMALLER = {
    "loopbench train": "--set steps=2 --set schedule.warmup_steps=1 --set batch_size=4 --set probe=null "
    "--set compile=false",
    "loopbench eval --model hub:": "--batch-size 500",
    "loopbench eval --model ./": "--limit 4 --iterations 4",
    "loopbench watch": "--iterations 4",
    "loopbench diagnose": "--examples 2 --iterations 64",
    "pip install": "--no-deps --no-build-isolation --no-index --disable-pip-version-check --quiet --target {site}",
    "pip wheel": "--no-build-isolation --no-index --disable-pip-version-check --quiet",
    "pytest": "-q -p no:cacheprovider",
}


@pytest.fixture
def here(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """An empty folder beside a clone with an empty leaderboard; plugins are installed into `site`."""
    (tmp_path / "loopbench" / "leaderboard" / "results").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield tmp_path
    plugins.reports.cache_clear()
    for name in [name for name in sys.modules if name.startswith(("loopbench_gated", "loopbench_long"))]:
        del sys.modules[name]


def test_the_guide_goes_through(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = ""
    assert len(COMMANDS) > 20
    for command in COMMANDS:
        more = next((more for start, more in SMALLER.items() if command.startswith(start)), "")
        more += " --set config.width=1" if command.startswith("loopbench train") and "gated" in Path.cwd().name else ""
        arguments = shlex.split(f"{command.replace('COMMIT', commit)} {more.format(site=here / 'site')}", comments=True)
        code = RUNNERS.get(arguments[0], module)(monkeypatch, arguments)
        out, err = capsys.readouterr()
        assert code == 0, f"{command}\n{out}\n{err}"
        if pushed := re.search(r"hub:me/gated-loop@([0-9a-f]{40})", out):
            commit = pushed[1]
    entry = here / "loopbench/leaderboard/results/gated-loop"
    assert (entry / "loopbench_gated_loop-0.1.0-py3-none-any.whl").is_file()
    assert "data: the training data of prefix-sums, as it is by default" in (entry / "submission.yaml").read_text()
    for made in (
        "loopbench-gated-loop/curve.png",
        "loopbench-gated-loop/watch.html",
        "loopbench-long-addition/sum.svg",
    ):
        assert (here / made).stat().st_size > 1000


def loopbench(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> int:
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def cd(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> int:
    monkeypatch.chdir(arguments[1])
    return 0


def module(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> int:
    """pip or pytest, for the package in the present folder."""
    paths = [str(Path.cwd()), str(Path.cwd().parent / "site"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, "-m", *arguments], env=environment, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    monkeypatch.syspath_prepend(Path.cwd())  # as an editable installation does
    plugins.reports.cache_clear()
    return done.returncode


RUNNERS: dict[str, Callable[[pytest.MonkeyPatch, list[str]], int]] = {"loopbench": loopbench, "cd": cd}
