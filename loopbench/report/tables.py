"""The tables of a report: text for a page or a terminal, CSV and LaTeX."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from loopbench.evaluation.statistics import summarize, wilson
from loopbench.report.results import Result
from loopbench.report.summary import Row, Section, Spread
from loopbench.sweep.study import Labels

NONE = "–"
LATEX = {char: f"\\{char}" for char in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
}
Table = list[list[str]]
"""Rows of cells; the first row is the head, the first column names the rows."""


def accuracy_table(section: Section, split: str) -> Table:
    """Accuracy in % after all iterations: the mean over seeds, and from the least to the most of them."""
    return _crossed(section, lambda row: _spread(row.spread(split)))


def chosen_table(section: Section) -> Table:
    """What was chosen on dev of each tuned axis."""
    return _crossed(section, _chosen)


def failed_table(results: Iterable[Result]) -> Table:
    """The cells that failed, and why."""
    failed = [result for result in results if result.reason is not None]
    return [["cell", "reason"], *([_described(result), result.reason or ""] for result in failed)]


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


def results_csv(results: Sequence[Result]) -> str:
    """A line for each split of every cell that has ended: the peak, and the end with a 95 % Wilson interval.

    A cell that failed has the `last` 0 on every split that the study asks for.
    """
    numbers = ["examples", "iterations", "peak", "peak_at", "last", "last_low", "last_high"]
    numbers += ["overthinking", "retention", "settled"]
    lines: list[Sequence[object]] = [[*_columns(results[0]), "status", "split", *numbers]]
    for result in results:
        labels = _columns(result).values()
        if result.status == "failed":
            missing = dict[str, object].fromkeys(numbers, "") | {"last": 0}
            lines += [[*labels, result.status, split, *missing.values()] for split in result.splits]
        for split, record in result.records.items():
            found, n = summarize(record), record.primary.n
            low, high = wilson(record.primary.correct[-1], n)
            rates = [found.peak, found.peak_iteration, found.last, low, high]
            rates += [found.overthinking, found.retention, found.settled]
            shown = ["" if rate is None else f"{rate:.6g}" for rate in rates]
            lines.append([*labels, result.status, split, n, record.protocol.iterations, *shown])
    return _csv(lines)


def curves_csv(results: Sequence[Result]) -> str:
    """A line for each iteration t of every curve: how many of n examples are right after it."""
    lines: list[Sequence[object]] = [[*_columns(results[0]), "split", "metric", "t", "correct", "n"]]
    for result in results:
        labels = _columns(result).values()
        for split, record in result.records.items():
            for metric, curve in record.curves.items():
                lines += [[*labels, split, metric, t, right, curve.n] for t, right in enumerate(curve.correct, 1)]
    return _csv(lines)


def _columns(result: Result) -> Labels:
    """A cell's labels, and its task where no axis says it."""
    return {"task": result.task} | result.labels


def _csv(lines: Iterable[Iterable[object]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()


def _crossed(section: Section, show: Callable[[Row], str]) -> Table:
    """The section's panels across, its lines down."""
    cells = {(section.line(row), section.panel(row)): show(row) for row in section.rows}
    head = [", ".join(section.line_axes) or " ", *section.panels]
    return [head, *([line, *(cells.get((line, panel), NONE) for panel in section.panels)] for line in section.lines)]


def _chosen(row: Row) -> str:
    return (", ".join(row.chosen.values()) or NONE) + ("; provisional" if row.chosen and row.provisional else "")


def _described(result: Result) -> str:
    return ", ".join(f"{axis} {label}" for axis, label in result.labels.items())


def _spread(spread: Spread | None) -> str:
    """`97.1 (95.0–99.0)`; `; 2 of 3` if seeds are missing, and how many failed."""
    if spread is None:
        return NONE
    found = f"{100 * spread.mean:.1f}"
    if spread.seeds > 1:
        found += f" ({100 * spread.low:.1f}–{100 * spread.high:.1f})"
    notes = [f"{spread.seeds} of {spread.wanted}"] if spread.seeds < spread.wanted else []
    notes += [f"{spread.failed} failed"] if spread.failed else []
    return "; ".join([found, *notes])


def _latex(text: str) -> str:
    return "".join(LATEX.get(char, char) for char in text)
