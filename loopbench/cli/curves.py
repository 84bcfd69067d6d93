"""What `loopbench eval` prints of its records: tables, or one JSON document."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import typer

from loopbench.cli.output import print_wide_table
from loopbench.errors import LoopbenchError
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import Estimate, summarize, wilson
from loopbench.leaderboard.scores import score
from loopbench.plugins import get_task

MARK = "*"
LEGEND = """\
overthinking: peak − last (at T); retention: of what was solved at any t, the
part still solved at T; settled: states that stopped moving before T (in doubt:
answers changed after that; –: nobody looked)"""


def print_curves(records: Sequence[Record], scored: Mapping[str, Sequence[int]]) -> None:
    """Accuracy at the powers of two, at the scored iterations and at T; then each split in a few numbers; the score.

    Args:
        scored: the scored iterations of each split.
    """
    splits = [record.split.name for record in records]
    rows = [[t, *(_rate(record, t, scored) for record in records)] for t in _rows(records, scored)]
    print_wide_table(["t", *splits], rows)
    marked = any(MARK in str(cell) for row in rows for cell in row)
    legend = f"; {MARK} scored depth" if marked else ""
    typer.echo(f"\n% solved{_part(records)}, with the 95 % Wilson interval{legend}\n")
    summaries = [summarize(record) for record in records]
    facts = {
        "peak": [f"{100 * s.peak:.1f}" for s in summaries],
        "peak's t": [str(s.peak_iteration or "–") for s in summaries],
        "last": [f"{100 * s.last:.1f}" for s in summaries],
        "overthinking": [f"{100 * s.overthinking:.1f}" for s in summaries],
        "retention": [_percent(s.retention) for s in summaries],
        "settled": [
            "in doubt" if record.retired and record.retired.disagreements else _percent(summary.settled)
            for record, summary in zip(records, summaries, strict=True)
        ],
    }
    for metric in sorted(set(records[0].curves) - {records[0].task.primary_metric}):
        rates = [[100 * count / record.primary.n for count in record.curves[metric].correct] for record in records]
        facts[f"peak, {metric}"] = [f"{max(rate):.1f}" for rate in rates]
        facts[f"last, {metric}"] = [f"{rate[-1]:.1f}" for rate in rates]
    print_wide_table(["%", *splits], [[name, *cells] for name, cells in facts.items()])
    typer.echo(f"\n{LEGEND}")
    found, reason = _score(records)
    typer.echo(f"\nscore {found.value:.2f} [{found.low:.2f}, {found.high:.2f}]" if found else f"\n{reason}")


def as_document(records: Sequence[Record]) -> str:
    """The records, their summaries and the score as JSON."""
    found, reason = _score(records)
    document = {
        "records": [record.model_dump(mode="json") for record in records],
        "summaries": {record.split.name: asdict(summarize(record)) for record in records},
        "score": asdict(found) if found else None,
        "no_score": reason,
    }
    return json.dumps(document, indent=2, allow_nan=False)


def _rows(records: Sequence[Record], scored: Mapping[str, Sequence[int]]) -> list[int]:
    ends = [record.protocol.iterations for record in records]
    powers = [2**i for i in range(max(ends).bit_length())]
    return sorted({*powers, *ends, *(t for ts in scored.values() for t in ts if t <= max(ends))})


def _rate(record: Record, t: int, scored: Mapping[str, Sequence[int]]) -> str:
    if t > record.protocol.iterations:
        return ""
    correct, n = record.primary.correct[t - 1], record.primary.n
    low, high = wilson(correct, n)
    mark = MARK if t in scored[record.split.name] else ""
    return f"{100 * correct / n:.1f} {100 * low:.0f}–{100 * high:.0f}{mark}"


def _part(records: Sequence[Record]) -> str:
    """Which examples, where those are not all of a split."""
    counts = sorted({record.examples.count for record in records if record.partial})
    return f" of the first {' or '.join(map(str, counts))} examples" if counts else ""


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _score(records: Sequence[Record]) -> tuple[Estimate | None, str | None]:
    """The benchmark's score of the records, or why there is none."""
    try:
        return score(get_task(records[0].task.name), records), None
    except LoopbenchError as error:
        return None, str(error)
