"""A report: a page with the figures and tables, the tables as LaTeX, and every curve's numbers as CSV."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from loopbench.errors import LoopbenchError
from loopbench.files import write_bytes
from loopbench.page import draw_figure, draw_page, draw_table
from loopbench.report.charts import curves, stability
from loopbench.report.results import Result
from loopbench.report.summary import Row, reported_splits, summarize_study
from loopbench.report.tables import Table, accuracy_table, chosen_table, to_csv, to_latex
from loopbench.sweep.study import Study
from loopbench.validation import printable

PAGE, LATEX, CSV = "report.html", "tables.tex", "curves.csv"
ACCURACY = (
    "Exact accuracy in % after all iterations: the mean over seeds, and from the least to the most of them. "
    "A seed that failed counts as 0."
)
FIGURE = (
    "Mean over seeds, bands from the least to the most of them; dashed: a model that runs once. "
    "Grey: the iterations that training steps ran."
)


def save_report(folder: Path, study: Study, results: Sequence[Result]) -> list[Path]:
    """Write the page, the LaTeX and the CSV, and return their paths.

    Raises:
        LoopbenchError: no cell has ended, or they cannot be written.
    """
    sections = make_sections(study, results)
    files = {PAGE: draw(study, results, sections), LATEX: _latex(sections), CSV: to_csv(results)}
    for name, text in files.items():
        write_bytes(folder / name, text.encode())
    return [folder / name for name in files]


def make_sections(study: Study, results: Sequence[Result]) -> dict[str, list[Row]]:
    """The rows of each task.

    Raises:
        LoopbenchError: no cell has ended.
    """
    rows = summarize_study(study, results)
    if not rows:
        raise LoopbenchError(f"no cell of study {study.name} has ended yet")
    return {task: [row for row in rows if row.task == task] for task in dict.fromkeys(row.task for row in rows)}


def titled_tables(task: str, rows: Sequence[Row]) -> Iterator[tuple[str, Table]]:
    """The tables of a task with their titles."""
    for split in reported_splits(rows):
        yield f"{task}, {split}", accuracy_table(rows, split)
    if any(row.chosen for row in rows):
        yield f"{task}: {', '.join(rows[0].chosen)}, chosen on dev splits", chosen_table(rows)


def standing(study: Study, results: Sequence[Result]) -> str:
    """How much of the study has been run, and what of it failed."""
    count, failed = sum(1 for _ in study.points()), sum(result.failed for result in results)
    return f"{len(results)} of {count} cells have ended; {failed} of them failed"


def draw(study: Study, results: Sequence[Result], sections: dict[str, list[Row]]) -> str:
    """The page."""
    body = [f"<p>{escape(printable(study.about, 4000))}</p>", f"<p>{standing(study, results)}.</p>"]
    for task, rows in sections.items():
        body.append(f"<h2>{escape(task)}</h2><section>")
        splits = reported_splits(rows)
        drawn = {split: chart for split in splits if (chart := curves(rows, split))}
        body += [draw_figure(chart, split, FIGURE, wide=True) for split, chart in drawn.items()]
        hardest = splits[-1] if splits else ""
        if chart := stability(rows, hardest):
            text = f"Accuracy on {hardest} against reachability, of the cells that were diagnosed."
            body.append(draw_figure(chart, "Stability against accuracy", text, wide=True))
        body.append("</section>")
        tables = titled_tables(task, rows)
        body += [f"<h3>{escape(title)}</h3>{draw_table(table[0], table[1:])}" for title, table in tables]
        body.append(f"<p>{ACCURACY}</p>")
    return draw_page(f"Study {study.name}", f"Study {study.name}", body)


def _latex(sections: dict[str, list[Row]]) -> str:
    tables = (titled for task, rows in sections.items() for titled in titled_tables(task, rows))
    return "\n".join(to_latex(table, title) for title, table in tables)
