"""The comment under a pull request: what is wrong, or the new rows beside the nearest old ones."""

from collections.abc import Iterator, Sequence

from loopbench.evaluation.statistics import Estimate
from loopbench.leaderboard.check import Checked
from loopbench.leaderboard.standings import Row, Table, standings
from loopbench.leaderboard.submission import Entry

NEIGHBOURS = 2
MAX_FINDINGS = 50
COLUMNS = ("", "entry", "rank", "score", "accuracy at 8 D", "overthinking", "retention", "parameters")


def comment(checked: Checked, board: Sequence[Entry]) -> str:
    """Markdown, in which nothing that a stranger wrote has a meaning.

    Args:
        board: the entries that are there already.
    """
    if checked.findings:
        more = len(checked.findings) - MAX_FINDINGS
        lines = [*checked.findings[:MAX_FINDINGS], *([f"and {more} more"] if more > 0 else [])]
        listed = "\n".join(line.replace("`", "'") for line in lines)
        return f"`loopbench leaderboard check` found:\n\n```\n{listed}\n```\n"
    before = {entry.name: entry for entry in board}
    new = {entry.name for entry in checked.entries if not _same(entry, before.get(entry.name))}
    if not new:
        return "`loopbench leaderboard check` found nothing wrong, and no entry is new.\n"
    tables = standings([*(before | {entry.name: entry for entry in checked.entries}).values()])
    parts = ["`loopbench leaderboard check` found nothing wrong. These are the new rows, not verified yet:"]
    parts += ["\n".join(_lines(table, new)) for table in tables if any(row.entry.name in new for row in table.rows)]
    return "\n\n".join(parts) + "\n"


def _same(entry: Entry, before: Entry | None) -> bool:
    return before is not None and (entry.submission, entry.evidence) == (before.submission, before.evidence)


def _lines(table: Table, new: set[str]) -> Iterator[str]:
    """The new rows of a table, and the two above and below each."""
    yield f"**{table.task.name}**, {table.track} track{', time-dependent' if table.time_dependent else ''}\n"
    yield f"| {' | '.join(COLUMNS)} |"
    yield "| --- " * len(COLUMNS) + "|"
    places = [place for place, row in enumerate(table.rows) if row.entry.name in new]
    for place, row in enumerate(table.rows):
        if any(abs(place - other) <= NEIGHBOURS for other in places):
            yield f"| {' | '.join(_cells(row, row.entry.name in new))} |"


def _cells(row: Row, new: bool) -> list[str]:
    name = f"`{row.entry.name}`"  # letters, digits and hyphens
    figures = map(_shown, (row.score, row.accuracy, row.overthinking, row.retention))
    return ["new" if new else "", name, str(row.rank or "–"), *figures, f"{row.parameters:,}"]


def _shown(figure: Estimate | None) -> str:
    return f"{figure.value:.1f} [{figure.low:.1f}, {figure.high:.1f}]" if figure else "–"
