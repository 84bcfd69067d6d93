"""The README's table of tiers, and that of their dev twins in docs/sudoku.md: `python benchmarks/tiers.py [--run …]`.

They are made from the records in leaderboard. With `--run`, every bundled sudoku model is evaluated first (the large
one minutes a tier on two cores); options go to `loopbench eval`. A tier of which a model solves nothing is left out,
but for the lowest.
"""

import subprocess
import sys

from presets import STRESS, print_table, records_of

from loopbench.evaluation import Record
from loopbench.evaluation.statistics import summarize
from loopbench.registry import entries
from loopbench.tasks.sudoku.tiers import TIERS

ITERATIONS = (16, 64, 256, 1024)
EXAMPLES = {"": 250, "dev-": 50}
"""Puzzles of a tier, and of its twin."""


def run(options: list[str]) -> None:
    for name in names():
        for twin, count in EXAMPLES.items():
            tiers = [argument for tier in TIERS for argument in ("--split", twin + tier.name)]
            size = ["--limit", str(count), "--iterations", str(ITERATIONS[-1])]
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
    for twin in EXAMPLES:
        rows = [
            [name.removeprefix("sudoku-"), tier, *row(records[tier])]
            for name, records in found.items()
            for tier in (twin + tier.name for tier in TIERS)
            if tier in records and (tier == twin + TIERS[0].name or any(records[tier].primary.correct))
        ]
        print_table(columns, rows)


if __name__ == "__main__":
    main()
