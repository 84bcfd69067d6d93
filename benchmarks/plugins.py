"""The tables of the plugins' models from the records in leaderboard: `python benchmarks/plugins.py [--run [OPTION …]]`.

With `--run`, evaluates every bundled model of a plugin first (hours on two cores); options go to `loopbench eval`.
"""

import subprocess
import sys

from presets import RESULTS, SCORED, print_table, records_of

from loopbench.evaluation import Record
from loopbench.evaluation.statistics import summarize
from loopbench.plugins import get_task
from loopbench.registry import entries

BESIDE = ("recall-s0", "recall-s1", "recall-s2", "recall-outer-s0", "recall-outer-s1", "recall-outer-s2")
"""Looped transformers that the convolutional network stands beside."""
TASKS = {
    "prefix-sums": tuple(SCORED),
    "mazes": ("maze-9", "maze-13", "maze-17", "maze-25", "maze-33", "maze-59"),
    "sudoku": ("gentle", "easy", "medium", "hard", "extreme"),
}


def run(options: list[str]) -> None:
    for task in TASKS:
        for name in names(task):
            scored = get_task(task).benchmark
            assert scored is not None
            splits = [argument for split in (TASKS[task][0], *scored.splits) for argument in ("--split", split)]
            command = ["loopbench", "eval", "--model", name, "--output", str(RESULTS / name), *splits]
            subprocess.run([*command, *options], check=True)


def names(task: str) -> list[str]:
    """Of the bundled models of the plugins' architectures."""
    found = [entry for entry in entries() if entry.task == task and entry.architecture in ("deepthinking", "trm")]
    return [entry.name for entry in found if entry.name == entry.bundled]


def cell(record: Record) -> str:
    """In %: the peak, which the published number is, the iteration of it, and the end."""
    summary, curve = summarize(record), record.primary
    end, few = 100 * curve.correct[-1] / curve.n, f" of {curve.n}" if record.partial else ""
    peak = f"{100 * summary.peak:.4g} (t = {summary.peak_iteration})" if summary.peak_iteration else "0"
    return f"{peak} → {end:.4g}{few}"


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2:])
    for task, splits in TASKS.items():
        beside = [f"prefix-sums-{name}" for name in BESIDE] if task == "prefix-sums" else []
        found = {name: records_of(name) for name in (*names(task), *beside)}
        rows = [
            [name, *(cell(records[split]) if split in records else "–" for split in splits)]
            for name, records in found.items()
            if records
        ]
        if rows:
            print_table((task, *splits), rows)


if __name__ == "__main__":
    main()
