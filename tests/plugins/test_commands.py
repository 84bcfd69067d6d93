"""The commands, with plugins that are broken, clash or go away between two runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from installed_plugins import BROKEN, PREAMBLE, PROVIDES, TASK, Install

from loopbench import plugins
from loopbench.cli import main
from loopbench.hub import build_model, save_model


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_line_survives_broken_plugins(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for distribution, (source, _) in BROKEN.items():
        install(distribution, source)
    install("rival", PREAMBLE + PROVIDES.format("loop"))

    command = [sys.executable, "-m", "loopbench", "plugins", "list"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    listed = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (listed.returncode, listed.stderr) == (0, "")
    for distribution, (_, expected) in BROKEN.items():
        [line] = [line for line in listed.stdout.splitlines() if line.startswith(f"plugin '{distribution}' ")]
        assert expected in line
    assert "'rival' clashes: architecture 'loop' is provided by loopbench-zoo" in listed.stdout

    assert run(monkeypatch, "tasks", "show", "prefix-sums") == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "bits-512" in shown.out

    quick = ["--model", "looped-prefix-sums", "--split", "dev-bits-32", "--limit", "2", "--iterations", "32"]
    for command in (["recipes"], ["models"], ["eval", *quick, "--output", str(tmp_path / "records")]):
        assert run(monkeypatch, *command) == 0
    assert "dev-bits-32" in capsys.readouterr().out


SIBLING = """
from dataclasses import replace
from loopbench.hookspecs import hookimpl
from loopbench.models.presets import ARCHITECTURES

LOOPBENCH_API = 1

@hookimpl
def loopbench_architectures():
    return [replace(ARCHITECTURES[2], name="sibling")]
"""


def test_a_plugin_that_is_uninstalled_between_two_runs(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    quick = ["--split", "dev-bits-32", "--limit", "2", "--iterations", "4"]
    install("sibling", SIBLING)
    save_model("mine", build_model("sibling", {"width": 8, "heads": 2}, "prefix-sums"))
    assert run(monkeypatch, "eval", "--model", "./mine", *quick) == 0
    assert "dev-bits-32" in capsys.readouterr().out
    records = sorted(path.read_bytes() for path in Path("results").rglob("*.json"))

    info = tmp_path / "sibling-1.5.dist-info"
    info.rename(tmp_path / "uninstalled")
    plugins.reports.cache_clear()
    assert run(monkeypatch, "eval", "--model", "./mine", *quick) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "unknown architecture 'sibling'" in err
    end = "which is not installed: if you trust it, pip install sibling (or the folder of its source)\n"
    assert err.endswith(f"made with sibling 1.5, {end}")
    assert run(monkeypatch, "plugins") == 0
    assert "sibling" not in capsys.readouterr().out
    assert run(monkeypatch, "eval", "--model", "looped-prefix-sums", *quick, "--output", "others") == 0

    (tmp_path / "uninstalled").rename(info)
    plugins.reports.cache_clear()
    assert run(monkeypatch, "eval", "--model", "./mine", *quick) == 0
    assert "the record is there" in capsys.readouterr().err
    assert sorted(path.read_bytes() for path in Path("results").rglob("*.json")) == records


def test_tasks_that_clash_are_listed_as_such(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install("first", TASK.format("pass"))
    install("second", TASK.format("pass"))
    assert run(monkeypatch, "tasks", "list") == 0
    out = capsys.readouterr().out
    assert "prefix-sums" in out
    clash = "task 'mine' is provided by first 1.5 and second 1.5; leave one of them out with LOOPBENCH_PLUGINS"
    assert out.splitlines()[-1] == clash


def test_an_error_inside_a_plugin_names_it_in_one_line(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install("wobbly", TASK.format("def batches(self, *_, **__): return iter([self.nonsuch])"))
    change = ["--set", "task=mine", "--set", "probe=null", "--output", str(tmp_path / "run")]
    assert run(monkeypatch, "train", "prefix-sums-recall", *change) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "error: plugin 'wobbly' 1.5 failed (plugin_wobbly, line 11, in batches): AttributeError: 'Mine' object has no "
        "attribute 'nonsuch'; LOOPBENCH_TRACEBACK=1 shows the traceback\n"
    )
    monkeypatch.setenv("LOOPBENCH_TRACEBACK", "1")
    with pytest.raises(AttributeError, match="nonsuch"):
        run(monkeypatch, "train", "prefix-sums-recall", *change)


def test_an_error_while_loading_has_its_traceback_on_request(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install("wobbly", "LOOPBENCH_API = 1\nraise RuntimeError('boom')\n")
    assert run(monkeypatch, "plugins", "show", "wobbly") == 0
    assert "failed to load: RuntimeError: boom" in (found := capsys.readouterr()).out
    assert found.err == ""
    plugins.reports.cache_clear()
    monkeypatch.delitem(sys.modules, "plugin_wobbly", raising=False)
    monkeypatch.setenv("LOOPBENCH_TRACEBACK", "1")
    assert run(monkeypatch, "plugins", "show", "wobbly") == 0
    assert 'plugin_wobbly.py", line 2' in capsys.readouterr().err
