"""What the overview says of an entry, a row of a table, beyond what the standings say."""

from collections.abc import Sequence
from dataclasses import dataclass

from loopbench.contracts import Task
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import Estimate, mean, rate
from loopbench.leaderboard.site.curves import Sparkline, sparkline
from loopbench.leaderboard.standings import Row, Table
from loopbench.leaderboard.verification import Verification
from loopbench.validation import printable

NONE = "–"


@dataclass(frozen=True)
class Rerun:
    """The score of examples that were run by others than the submitter, and whether it bears out the reported one.

    Attributes:
        agrees: on every split.
    """

    score: Estimate
    agrees: bool


@dataclass(frozen=True)
class Listing:
    """One row of the overview.

    Attributes:
        standing: its rank, its score as reported, and the figures beside it.
        verdict: of verification, or `unverified`.
        reproduced: of the sample that was run again; `None`: nobody has.
        fresh: of examples that nobody had seen; `None`: nobody has run any, or the task is no procedure.
    """

    name: str
    standing: Row
    verdict: str
    reproduced: Rerun | None
    fresh: Rerun | None
    architecture: str
    recall: str
    norm: str
    authors: str
    sparkline: Sparkline

    @property
    def values(self) -> Sequence[float]:
        """What the columns are sorted by: rank, score, reproduced, fresh, overthinking, parameters; NaN: unknown."""
        row, unknown = self.standing, float("nan")
        return (
            unknown if row.rank is None else row.rank,
            row.score.value,
            self.reproduced.score.value if self.reproduced else unknown,
            self.fresh.score.value if self.fresh else unknown,
            row.overthinking.value,
            row.parameters,
        )


def make_listing(task: Task, row: Row) -> Listing:
    """What the overview says of a row of the standings."""
    assert task.benchmark is not None  # or there were no standings
    entry, splits = row.entry, task.benchmark.splits
    record, checked = entry.record, entry.verification
    return Listing(
        name=entry.name,
        standing=row,
        verdict=checked.verdict if checked else "unverified",
        reproduced=reproduced(checked, splits) if checked else None,
        fresh=fresh(checked, splits) if checked else None,
        architecture=record.model.architecture,
        recall=setting(record, "recall"),
        norm=setting(record, "norm"),
        authors=", ".join(entry.submission.authors),
        sparkline=sparkline(task, entry.records, splits),
    )


def track_title(table: Table) -> str:
    """The name of a table within its task."""
    return f"{table.track.capitalize()} track" + (", time-dependent updates" if table.time_dependent else "")


def setting(record: Record, name: str) -> str:
    """A setting of an architecture that has it, as one that is not the core's need not."""
    value = record.model.config.get(name)
    return printable(value, 40) if isinstance(value, str) and value else NONE


def reproduced(verification: Verification, splits: Sequence[str]) -> Rerun | None:
    """The score of the sample that was run again."""
    parts = [verification.splits[name].reproduced for name in splits if name in verification.splits]
    if len(parts) < len(splits):
        return None
    return Rerun(points([mean_rate(part.found, part.n) for part in parts]), all(part.agrees for part in parts))


def fresh(verification: Verification, splits: Sequence[str]) -> Rerun | None:
    """The score of the fresh splits."""
    parts = [verification.splits[name].fresh for name in splits if name in verification.splits]
    known = [part for part in parts if part]
    if len(known) < len(splits):
        return None
    return Rerun(points([mean_rate(part.correct, part.n) for part in known]), all(part.agrees for part in known))


def mean_rate(counts: Sequence[int], n: int) -> Estimate:
    """The mean over the scored depths of the rate of n examples that are right."""
    return rate(sum(counts) / len(counts), n)


def points(rates: Sequence[Estimate]) -> Estimate:
    """The mean of rates, in %."""
    return 100 * mean(rates)
