"""The sudoku table of the README from the records in leaderboard: `python benchmarks/tiers.py [--run …]`.

With `--run`, evaluates every bundled sudoku model first (minutes a tier on two cores); options go to `loopbench eval`.
"""

import subprocess
import sys

from presets import STRESS, print_table, records_of

from loopbench.evaluation import Record
from loopbench.evaluation.statistics import summarize
from loopbench.registry import entries
from loopbench.tasks.sudoku.tiers import TIERS

ITERATIONS = (16, 64, 256, 1024)
EXAMPLES = 250


def run(options: list[str]) -> None:
    tiers = [argument for tier in TIERS for argument in ("--split", tier.name)]
    size = ["--limit", str(EXAMPLES), "--iterations", str(ITERATIONS[-1])]
    for name in names():
        command = ["loopbench", "eval", "--model", name, "--output", str(STRESS / name), *tiers, *size]
        subprocess.run([*command, *options], check=True)


def names() -> list[str]:
    """Of the looped transformers; the plugins' models are in benchmarks/plugins.py."""
    found = [entry for entry in entries() if entry.task == "sudoku" and entry.architecture != "trm"]
    return [entry.name for entry in found if entry.name.startswith("sudoku-")]


def row(record: Record) -> list[str]:
    summary, curve = summarize(record), record.primary
    rates = [f"{100 * curve.correct[t - 1] / curve.n:.1f}" for t in ITERATIONS]
    shares = ["–" if share is None else f"{100 * share:.1f}" for share in (summary.retention, summary.settled)]
    return [*rates, f"{100 * summary.overthinking:.1f}", *shares]


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2:])
    columns = ("model", "tier", *(f"t = {t}" for t in ITERATIONS), "overthinking", "retention", "settled")
    found = {name: records_of(name, STRESS) for name in names()}
    rows = [
        [name.removeprefix("sudoku-"), tier.name, *row(records[tier.name])]
        for name, records in found.items()
        for tier in TIERS
        if tier.name in records
    ]
    print_table(columns, rows)


if __name__ == "__main__":
    main()
