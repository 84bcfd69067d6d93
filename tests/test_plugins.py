"""Loading of plugins, with distributions that are really installed: a module and its .dist-info on the path."""

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from loopbench import plugins
from loopbench.cli import main
from loopbench.contracts import Provider
from loopbench.errors import LoopbenchError
from loopbench.hub import build_model, save_model

Install = Callable[..., None]

PREAMBLE = """
from pydantic import BaseModel
from loopbench.contracts import Architecture
from loopbench.hookspecs import hookimpl

LOOPBENCH_API = 1

class Config(BaseModel):
    pass

def build(shape, config):
    raise NotImplementedError

def architecture(name, **changes):
    values = {"version": 1, "summary": "for a test", "config": Config, "build": build, "paper": "none"}
    return Architecture(name, **(values | changes))
"""
PROVIDES = """
@hookimpl
def loopbench_architectures():
    yield architecture({!r})
"""

TASK = """
from dataclasses import replace
from loopbench.contracts import Metric
from loopbench.hookspecs import hookimpl
from loopbench.tasks.prefix_sums import PrefixSums

LOOPBENCH_API = 1

class Mine(PrefixSums):
    name = "mine"
    {}

@hookimpl
def loopbench_tasks():
    return [Mine()]
"""

# distribution: (source of its module, what is reported)
BROKEN = {
    "no-import": ("import a_module_that_is_not_there", "failed to load: ModuleNotFoundError: No module named 'a_mod"),
    "bad-syntax": ("def (:", "SyntaxError: invalid syntax"),
    "exits": ("raise SystemExit(3)", "failed to load: SystemExit: 3"),
    "no-api": (
        PREAMBLE.replace("LOOPBENCH_API = 1", ""),
        "does not state LOOPBENCH_API; it must state LOOPBENCH_API = 1",
    ),
    "other-api": (
        PREAMBLE.replace("LOOPBENCH_API = 1", "LOOPBENCH_API = 2"),
        "states LOOPBENCH_API = 2; it must state LOOPBENCH_API = 1",
    ),
    "old-api": (
        PREAMBLE.replace("LOOPBENCH_API = 1", "LOOPBENCH_API = 0"),
        "states LOOPBENCH_API = 0; it must state LOOPBENCH_API = 1",
    ),
    "no-hook": (PREAMBLE + "def loopbench_architectures(): return []", "has no function marked with @hookimpl"),
    "misspelt": (
        PREAMBLE + PROVIDES.format("beside-misspelt") + "@hookimpl\ndef loopbench_architecture(): return []",
        "none of loopbench_architectures, loopbench_tasks, loopbench_objectives: unknown hook 'loopbench_architecture'",
    ),
    "bad-signature": (
        PREAMBLE + "@hookimpl\ndef loopbench_tasks(config): return []",
        "Argument(s) {'config'} are declared in the hookimpl but can not be found in the hookspec",
    ),
    "raises": (
        PREAMBLE + PROVIDES.format("beside-raises") + "@hookimpl\ndef loopbench_tasks(): return 1 / 0",
        "failed in loopbench_tasks: ZeroDivisionError: division by zero",
    ),
    "generator": (
        PREAMBLE + PROVIDES.format("before-the-end") + "    raise SystemExit('while iterating')",
        "failed in loopbench_architectures: SystemExit: while iterating",
    ),
    "not-iterable": (
        PREAMBLE + "@hookimpl\ndef loopbench_objectives(): return 7",
        "failed in loopbench_objectives: TypeError: 'int' object is not iterable",
    ),
    "junk": (
        PREAMBLE + PROVIDES.format("beside-junk") + "    yield 'recall'",
        "provides a broken architecture: 'recall' is not an instance of loopbench.contracts.Architecture",
    ),
    "bad-name": (PREAMBLE + PROVIDES.format("Not Kebab"), "'Not Kebab': name: String should match pattern"),
    "none": (
        PREAMBLE + "@hookimpl\ndef loopbench_tasks(): pass",
        "failed in loopbench_tasks: it returned None instead of its tasks",
    ),
    "bad-build": (
        PREAMBLE + "@hookimpl\ndef loopbench_architectures(): return [architecture('unbuilt', build=None)]",
        "provides a broken architecture: 'unbuilt': build: Input should be callable",
    ),
    "bad-task": (
        "from loopbench.contracts import Task\n"
        + PREAMBLE
        + "Bare = type('Bare', (Task,), {'name': 'bare', 'version': 1} | dict.fromkeys(Task.__abstractmethods__))\n"
        + "@hookimpl\ndef loopbench_tasks(): return [Bare()]",
        "provides a broken task: 'bare': summary: Field required",
    ),
    "no-splits": (TASK.format("splits = ()"), "'mine': splits: Tuple should have at least 1 item"),
    "no-metrics": (TASK.format("metrics = ()"), "'mine': metrics: Tuple should have at least 1 item"),
    "same-splits": (TASK.format("splits = 2 * PrefixSums.splits[:1]"), "splits: more than one is named 'bits-32'"),
    "bad-split": (TASK.format("splits = (replace(PrefixSums.splits[0], name='a b'),)"), "splits.0.name: String should"),
    "bad-metric": (TASK.format("metrics = (Metric('Exact', len),)"), "metrics.0.name: String should match"),
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Install]:
    """Installs a distribution and has the plugins looked up anew."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("LOOPBENCH_PLUGINS", raising=False)

    def install(distribution: str, source: str) -> None:
        write_distribution(tmp_path, distribution, source)
        plugins.reports.cache_clear()

    plugins.reports.cache_clear()
    yield install
    plugins.reports.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("plugin_"):
            del sys.modules[name]


def write_distribution(site: Path, distribution: str, source: str) -> None:
    module = f"plugin_{distribution.replace('-', '_').replace('.', '_')}"
    (site / f"{module}.py").write_text(source)
    info = site / f"{distribution.replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(f"[loopbench]\nanything = {module}\n")
    (info / "RECORD").write_text(f"{module}.py,,\n{info.name}/METADATA,,\n{info.name}/entry_points.txt,,\n")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def problems(distribution: str) -> list[str]:
    return [p for r in plugins.reports() if r.provider.distribution == distribution for p in r.problems]


def test_a_plugin_adds_an_architecture(install: Install) -> None:
    install("mine", PREAMBLE + PROVIDES.format("my-architecture"))
    assert plugins.get_architecture("my-architecture").summary == "for a test"
    assert plugins.architecture_provider("my-architecture") == Provider(distribution="mine", version="1.5")
    assert "my-architecture" in plugins.names("architecture")
    assert problems("mine") == []


def test_the_core_is_a_plugin_without_problems() -> None:
    assert problems("loopbench-zoo") == []
    assert plugins.architecture_provider("recall").distribution == "loopbench-zoo"
    assert plugins.get_task("prefix-sums").name in plugins.names("task")
    assert plugins.get_objective("progressive").name in plugins.names("objective")


def test_broken_plugins_are_reported_and_break_nothing_else(install: Install) -> None:
    for distribution, (source, _) in BROKEN.items():
        install(distribution, source)
    for distribution, (_, expected) in BROKEN.items():
        assert [expected in problem for problem in problems(distribution)] == [True], problems(distribution)
    assert problems("loopbench-zoo") == []
    for name in ("recall", "beside-misspelt", "beside-raises", "before-the-end", "beside-junk"):
        assert plugins.get_architecture(name).name == name
    assert "unbuilt" not in plugins.names("architecture")


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


def test_an_interrupt_while_loading_is_not_a_problem_of_the_plugin(install: Install) -> None:
    install("interrupted", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plugins.reports()


def test_two_plugins_with_one_name(install: Install) -> None:
    install("first", PREAMBLE + PROVIDES.format("wanted"))
    install("second", PREAMBLE + PROVIDES.format("wanted") + "    yield architecture('other')")
    with pytest.raises(LoopbenchError, match=r"'wanted' is provided by first 1\.5 and second 1\.5; leave"):
        plugins.get_architecture("wanted")
    assert "wanted" not in plugins.names("architecture")
    assert plugins.get_architecture("other").name == "other"
    assert "provided by first 1.5 and second 1.5" in problems("first")[0]
    assert "provided by first 1.5 and second 1.5" in problems("second")[0]


def test_one_plugin_with_one_name_twice(install: Install) -> None:
    install("twice", PREAMBLE + PROVIDES.format("wanted") + "    yield architecture('wanted')")
    with pytest.raises(LoopbenchError, match=r"provided by twice 1\.5 and twice 1\.5"):
        plugins.get_architecture("wanted")


def test_an_unknown_name_is_one_line_with_close_matches(install: Install) -> None:
    with pytest.raises(LoopbenchError) as error:
        plugins.get_architecture("recal")
    assert str(error.value).startswith("unknown architecture 'recal'; did you mean 'recall'")
    assert "internal-recall-outer" in str(error.value)
    with pytest.raises(LoopbenchError, match=r"^unknown task 'recall'; known: "):
        plugins.get_task("recall")


def test_an_unknown_name_may_belong_to_a_broken_plugin(install: Install) -> None:
    install("broken", "raise ValueError('two\\nlines')")
    with pytest.raises(LoopbenchError, match=r"; plugin 'broken' failed to load: ValueError: two lines$"):
        plugins.get_objective("mine")


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


def test_what_a_plugin_prints_while_loading_stays_out_of_stdout(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(
        "chatty", PREAMBLE + "print('hello from the module')" + PROVIDES.format("mine") + "    print('and the hook')"
    )
    assert plugins.get_architecture("mine")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "hello from the module\nand the hook\n")


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


def test_an_architecture_that_builds_no_looped_model_is_one_line(install: Install) -> None:
    def source(name: str, built: str) -> str:
        return PREAMBLE.replace("raise NotImplementedError", f"return {built}") + PROVIDES.format(name)

    flat = "from loopbench.models.transformer import LoopedTransformer, LoopedTransformerConfig as Size\n"
    flat += "class Flat(LoopedTransformer):\n    layers_per_step = 0\n"
    install("flat", flat + source("flat", "Flat(shape, Size(width=8, heads=2, recall='none', norm='pre'))"))
    with pytest.raises(LoopbenchError, match=r"'flat' of flat 1\.5 builds a Flat with layers_per_step = 0; it must"):
        build_model("flat", {}, "prefix-sums")
    install("empty", source("empty", "None"))
    with pytest.raises(LoopbenchError, match="builds a NoneType with layers_per_step = None"):
        build_model("empty", {}, "prefix-sums")


def test_the_allow_list(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("One.Plugin", PREAMBLE + PROVIDES.format("one"))
    install("other", PREAMBLE + PROVIDES.format("two"))

    def allow(names: str) -> None:
        monkeypatch.setenv("LOOPBENCH_PLUGINS", names)
        plugins.reports.cache_clear()

    allow("one-plugin")
    assert plugins.get_architecture("one").name == "one"
    with pytest.raises(LoopbenchError, match="plugin 'other' is left out by LOOPBENCH_PLUGINS"):
        plugins.get_architecture("two")
    allow("")
    assert "one" not in plugins.names("architecture")
    assert plugins.get_architecture("recall").name == "recall"
    allow("one-plugin, othr")
    with pytest.raises(LoopbenchError, match=r"^LOOPBENCH_PLUGINS: unknown plugin 'othr'; did you mean 'other'"):
        plugins.get_architecture("recall")


def test_plugins_that_are_left_out_are_not_even_imported(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install("untrusted", f"open({str(tmp_path / 'proof')!r}, 'w')")
    monkeypatch.setenv("LOOPBENCH_PLUGINS", "")
    plugins.reports()
    assert not (tmp_path / "proof").exists()


def test_a_distribution_without_metadata_breaks_nothing(install: Install, tmp_path: Path) -> None:
    install("damaged", PREAMBLE + PROVIDES.format("from-damaged"))
    (tmp_path / "damaged-1.5.dist-info" / "METADATA").unlink()
    assert plugins.get_architecture("from-damaged").name == "from-damaged"
    assert plugins.architecture_provider("from-damaged") == Provider(distribution="anything", version="unknown")
