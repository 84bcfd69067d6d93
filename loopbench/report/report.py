"""A report: a page with the figures and tables, the tables as LaTeX, and the numbers as CSV."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from loopbench.errors import LoopbenchError
from loopbench.files import write_bytes
from loopbench.page import draw_figure, draw_page, draw_table
from loopbench.report.charts import curves, stability
from loopbench.report.results import Result
from loopbench.report.summary import Section, summarize_study, unchosen_axes
from loopbench.report.tables import (
    Table,
    accuracy_table,
    chosen_table,
    curves_csv,
    failed_table,
    results_csv,
    to_latex,
)
from loopbench.sweep.study import Study
from loopbench.validation import printable

PAGE, LATEX, RESULTS, CURVES = "report.html", "tables.tex", "results.csv", "curves.csv"
ACCURACY = "% solved, mean over seeds (least–most); a failed seed counts as 0; n of m: seeds that have ended."
CHOICE = "Provisional: not every seed has ended with every choice."
FIGURE = (
    "Mean over seeds, bands from the least to the most of them; a model that takes fewer iterations keeps its last "
    "answer. Grey: the iterations that training steps ran."
)


def save_report(folder: Path, study: Study, results: Sequence[Result]) -> list[Path]:
    """Write the page, the LaTeX and the CSVs, and return their paths.

    Raises:
        LoopbenchError: no cell has ended, or they cannot be written.
    """
    sections = make_sections(study, results)
    files = {
        PAGE: draw(study, results, sections),
        LATEX: _latex(sections),
        RESULTS: results_csv(results),
        CURVES: curves_csv(results),
    }
    for name, text in files.items():
        write_bytes(folder / name, text.encode())
    return [folder / name for name in files]


def make_sections(study: Study, results: Sequence[Result]) -> dict[str, Section]:
    """What is known of each task.

    Raises:
        LoopbenchError: no cell has ended.
    """
    if all(result.status == "waiting" for result in results):
        raise LoopbenchError(f"no cell of study {study.name} has ended yet")
    return summarize_study(study, results)


def titled_tables(task: str, section: Section) -> Iterator[tuple[str, Table]]:
    """The tables of a task with their titles."""
    return ((title, table) for title, _, table in _explained_tables(task, section))


def standing(results: Sequence[Result]) -> str:
    """How much of the study has been run, what of it failed, and what could not be chosen."""
    ended, failed = (
        sum(result.status in statuses for result in results) for statuses in (("done", "failed"), ("failed",))
    )
    said = f"{ended} of {len(results)} cells have ended; {failed} of them failed"
    unchosen = unchosen_axes(results)
    if unchosen:
        said += f"; {', '.join(unchosen)} is compared and not chosen, since not every cell is evaluated on a dev split"
    return said


def draw(study: Study, results: Sequence[Result], sections: dict[str, Section]) -> str:
    """The page."""
    body = [f"<p>{escape(printable(study.about, 4000))}</p>", f"<p>{escape(standing(results))}.</p>"]
    for task, section in sections.items():
        body.append(f"<h2>{escape(task)}</h2><section>")
        body += [draw_figure(curves(section, split), split, FIGURE, wide=True) for split in section.splits()]
        diagnosed = dict.fromkeys(split for row in section.rows for result in row.results for split in result.diagnoses)
        for split in diagnosed:
            if chart := stability(section, split):
                text = f"Accuracy on {split} after all iterations against reachability on {split}: a point a cell."
                body.append(draw_figure(chart, f"Stability against accuracy, {split}", text, wide=True))
        body.append("</section>")
        for title, text, table in _explained_tables(task, section):
            body.append(f"<h3>{escape(title)}</h3>{draw_table(table[0], table[1:])}<p>{escape(text)}</p>")
    failed = failed_table(results)
    if len(failed) > 1:
        body.append(f"<h2>Cells that failed</h2>{draw_table(failed[0], failed[1:])}")
    return draw_page(f"Study {study.name}", f"Study {study.name}", body)


def _explained_tables(task: str, section: Section) -> Iterator[tuple[str, str, Table]]:
    """Titles, how the numbers are to be read, and tables."""
    for split in section.splits():
        yield f"{task}, {split} at T = {section.iterations(split)}", ACCURACY, accuracy_table(section, split)
    chosen = next((row.chosen for row in section.rows if row.chosen), None)
    if chosen:
        yield f"{task}: {', '.join(chosen)}, chosen on dev splits", CHOICE, chosen_table(section)


def _latex(sections: dict[str, Section]) -> str:
    tables = (explained for task, section in sections.items() for explained in _explained_tables(task, section))
    return "\n".join(to_latex(table, f"{title}. {text}") for title, text, table in tables)
