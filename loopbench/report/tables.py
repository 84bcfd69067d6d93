"""The tables of a report: text for a page or a terminal, CSV and LaTeX."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from loopbench.evaluation.statistics import summarize, wilson
from loopbench.report.results import Result
from loopbench.report.summary import Row, Spread, compared_axes

NONE = "–"
LATEX = {char: f"\\{char}" for char in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
}
Table = list[list[str]]
"""Rows of cells; the first row is the head, the first column names the rows."""


def accuracy_table(rows: Sequence[Row], split: str) -> Table:
    """Accuracy in % after all iterations: the mean over seeds, and from the least to the most of them."""
    return _crossed(rows, lambda row: _spread(row.spread(split), row.wanted))


def chosen_table(rows: Sequence[Row]) -> Table:
    """What was chosen on dev of each tuned axis."""
    return _crossed(rows, lambda row: ", ".join(row.chosen.values()))


def to_latex(table: Table, caption: str) -> str:
    """A booktabs table."""
    lines = [" & ".join(map(_latex, cells)) + r" \\" for cells in table]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{_latex(caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(table[0]) - 1)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def to_csv(results: Iterable[Result]) -> str:
    """Every curve of every cell in a line: its labels, its peak and its end with a 95 % Wilson interval."""
    results = list(results)
    axes = list(results[0].labels) if results else []
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    numbers = [
        "examples",
        "iterations",
        "peak",
        "peak_at",
        "last",
        "low",
        "high",
        "overthinking",
        "retention",
        "settled",
    ]
    writer.writerow([*axes, "task", "status", "split", *numbers])
    for result in results:
        labels = [*result.labels.values(), result.task]
        if result.failed:
            writer.writerow([*labels, "failed", *[""] * (1 + len(numbers))])
        for split, record in result.records.items():
            found, n = summarize(record), record.primary.n
            low, high = wilson(record.primary.correct[-1], n)
            rates = [found.peak, found.peak_iteration, found.last, low, high]
            rates += [found.overthinking, found.retention, found.settled]
            shown = ["" if rate is None else f"{rate:.6g}" for rate in rates]
            writer.writerow([*labels, "done", split, n, record.protocol.iterations, *shown])
    return file.getvalue()


def _crossed(rows: Sequence[Row], show: Callable[[Row], str]) -> Table:
    """The last of the compared axes across, the others down."""
    axes = compared_axes(rows) or list(rows[0].labels)[-1:]
    down, across = axes[:-1], axes[-1]
    columns = list(dict.fromkeys(row.labels[across] for row in rows))
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        lines.setdefault(tuple(row.labels[axis] for axis in down), {})[row.labels[across]] = show(row)
    head = [", ".join(down) or " ", *columns]
    return [
        head,
        *([", ".join(name) or across, *(cells.get(c, NONE) for c in columns)] for name, cells in lines.items()),
    ]


def _spread(spread: Spread | None, wanted: int) -> str:
    """`97.1 (95.0–99.0)`; `; 2 of 3` if seeds are missing, and how many failed."""
    if spread is None:
        return NONE
    found = f"{100 * spread.mean:.1f}"
    if spread.seeds > 1:
        found += f" ({100 * spread.low:.1f}–{100 * spread.high:.1f})"
    notes = [f"{spread.seeds} of {wanted}"] if spread.seeds < wanted else []
    notes += [f"{spread.failed} failed"] if spread.failed else []
    return "; ".join([found, *notes])


def _latex(text: str) -> str:
    return "".join(LATEX.get(char, char) for char in text)
