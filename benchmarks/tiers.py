"""The README's table of tiers, and that of their dev twins in docs/sudoku.md: `python benchmarks/tiers.py [--run …]`.

They are made from the records in leaderboard. With `--run`, every bundled sudoku model is evaluated first (the large
one minutes a tier on two cores); options go to `loopbench eval`. A tier of which a model solves nothing is left out,
but for the lowest. With `--picture`, the curves of the small models on that one are drawn instead.
"""

import subprocess
import sys
from pathlib import Path

import altair as alt
import numpy as np
from presets import STRESS, print_table, records_of

from loopbench.evaluation import Record
from loopbench.evaluation.plot import HEIGHT, POINTS, STYLE, WIDTH
from loopbench.evaluation.statistics import summarize
from loopbench.registry import entries
from loopbench.tasks.sudoku.tiers import TIERS

ITERATIONS = (16, 64, 256, 1024)
EXAMPLES = {"": 250, "dev-": 50}
"""Puzzles of a tier, and of its twin."""
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "sudoku-presets.png"
NORMS = {"outer": "outer norm", "pre": "pre-norm"}
COLORS = {"recall": "#0072b2", "internal": "#e69f00", "none": "#333333"}
"""Of the recalls; three that are told apart without red and green."""
SMALL = 100_000
"""Parameters that a model of the picture has at most."""


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


def save_picture() -> None:
    tier = TIERS[0].name
    found = [records_of(name, iterations=ITERATIONS[-1])[tier] for name in names()]
    small = [record for record in found if record.model.parameters <= SMALL]
    spaced: list[int] = np.unique(np.geomspace(1, ITERATIONS[-1], POINTS).round().astype(int)).tolist()
    points = [
        {
            "t": t,
            "accuracy": record.primary.correct[t - 1] / record.primary.n,
            "recall": str(record.model.config["recall"]),
            "norm": NORMS[str(record.model.config["norm"])],
            "seed": str(record.model.ref).rpartition("-s")[2],
        }
        for record in small
        for t in spaced
    ]
    ticks = [2**i for i in range(ITERATIONS[-1].bit_length())]
    x = (
        alt.X("t:Q", title="iterations")
        .scale(type="log", base=2, nice=False)
        .axis(grid=False, values=ticks, format="d", labelFlush=False)
    )
    y = alt.Y("accuracy:Q", title=f"valid boards of {tier}").scale(domain=[0, 1]).axis(format=".0%", tickCount=5)
    color = alt.Color("recall:N", title="recall").scale(domain=list(COLORS), range=list(COLORS.values()))
    lines = alt.Chart(width=WIDTH // 2, height=HEIGHT).mark_line(strokeWidth=2, strokeJoin="round")
    lines = lines.encode(x=x, y=y, color=color, strokeDash=alt.StrokeDash("seed:N", title="seed"))
    chart = lines.facet(
        alt.Column("norm:N", title=None).sort(list(NORMS.values())).header(labelFontSize=14),
        data=alt.Data(values=points),
        background="white",
        config=STYLE,
    )
    chart.save(str(PICTURE), scale_factor=1.5)


def main() -> None:
    if sys.argv[1:] == ["--picture"]:
        save_picture()
        return
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2:])
    columns = ("model", "tier", *(f"t = {t}" for t in ITERATIONS), "overthinking", "retention", "settled")
    found = {name: records_of(name, iterations=ITERATIONS[-1]) for name in names()}
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
