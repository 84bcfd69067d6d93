"""Distributions that are really installed: a module and its .dist-info on the path."""

from collections.abc import Callable
from pathlib import Path

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


def write_distribution(site: Path, distribution: str, source: str) -> None:
    module = f"plugin_{distribution.replace('-', '_').replace('.', '_')}"
    (site / f"{module}.py").write_text(source)
    info = site / f"{distribution.replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(f"[loopbench]\nanything = {module}\n")
    (info / "RECORD").write_text(f"{module}.py,,\n{info.name}/METADATA,,\n{info.name}/entry_points.txt,,\n")
