"""The picture: accuracy over iterations, a line for each split."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import altair as alt
import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import wilson
from loopbench.files import check_writable, write_with
from loopbench.validation import printable

POINTS = 200
WIDTH, HEIGHT = 640, 360
INK, FAINT, BAND = "#333333", "#8a8a8a", "#e2e2ea"

STYLE = {
    "view": {"strokeWidth": 0},
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": 17,
        "offset": 22,
        "subtitleColor": FAINT,
        "subtitleFontSize": 12,
    },
    "axis": {
        "labelColor": INK,
        "labelFontSize": 12,
        "titleColor": INK,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
    },
    "axisY": {"domain": False, "gridColor": "#e6e6e6", "ticks": False},
    "legend": {"labelColor": INK, "labelFontSize": 12, "symbolOpacity": 1, "symbolType": "stroke", "title": None},
}

Format = Literal["png", "svg", "html"]


def check_plot(path: Path) -> None:
    """Find out early whether a picture can be written.

    Raises:
        LoopbenchError: it cannot, or its suffix is none of .png, .svg and .html.
    """
    _format(path)
    if path.is_dir():
        raise LoopbenchError(f"cannot plot to {path}: it is a folder")
    check_writable(path.parent)


def _format(path: Path) -> Format:
    match path.suffix.lower():
        case ".png":
            return "png"
        case ".svg":
            return "svg"
        case ".html":
            return "html"
        case suffix:
            found = f", not {printable(suffix)}" if suffix else ""
            raise LoopbenchError(f"cannot plot to {path}: use .png, .svg or .html{found}")


def save_plot(path: Path, records: Sequence[Record], scored: Mapping[str, Sequence[int]]) -> None:
    """Draw complete records of one model on one task; an HTML file needs nothing else to be shown.

    Args:
        scored: the iterations of each split that are marked with a dot.

    Raises:
        LoopbenchError: the file's suffix is none of .png, .svg and .html, or it cannot be written.
    """
    kind = _format(path)
    chart = draw(records, scored)
    options: dict[str, Any] = {"png": {"scale_factor": 2}, "svg": {}, "html": {"inline": True}}[kind]
    write_with(path, lambda file: chart.save(str(file), format=kind, **options))


def draw(records: Sequence[Record], scored: Mapping[str, Sequence[int]]) -> alt.LayerChart | alt.FacetChart:
    """The chart that `save_plot` writes."""
    records = sorted(records, key=lambda record: record.split.difficulty)
    last = max(record.protocol.iterations for record in records)
    points = [point for record in records for point in _points(record, scored.get(record.split.name, ()))]
    color = alt.Color("split:N").scale(
        domain=[record.split.name for record in records],
        # light to dark with difficulty, and told apart without colour vision
        scheme=alt.SchemeParams(name="plasma", extent=[0.8, 0.0]),
    )
    ends = [1, last] if last > 1 else [0.5, 2]
    x = alt.X("t:Q", title="iterations").scale(type="log", base=2, domain=ends, nice=False)
    x = x.axis(
        values=[2**i for i in range(last.bit_length())],
        format=",d",
        grid=False,
        labelOverlap="greedy",
        labelFlush=False,
    )
    y = alt.Y("accuracy:Q", title="exact accuracy").scale(domain=[0, 1]).axis(format=".0%", tickCount=5)
    base = alt.Chart(alt.Data(values=points)).encode(x=x, color=color)
    layers = [
        # one opaque colour: where the bands of several splits coincide, they look like one
        base.mark_area(opacity=1).encode(
            y=alt.Y("low:Q").scale(domain=[0, 1]), y2="high:Q", color=alt.value(BAND), detail="split:N"
        ),
        base.mark_line(strokeWidth=2).encode(y=y),
        base.transform_filter("datum.alone").mark_rule(strokeWidth=2, opacity=0.4).encode(y="low:Q", y2="high:Q"),
        base.transform_filter("datum.scored || datum.alone").mark_point(filled=True, size=45, opacity=1).encode(y=y),
    ]
    trained = records[0].model.train_iterations
    if trained is not None:
        layers = [*_training_range(trained, last), *layers]
    title = _title(records, dots=any(point["scored"] for point in points))
    return alt.layer(*layers, width=WIDTH, height=HEIGHT, background="white", title=title, config=STYLE)


def _points(record: Record, scored: Sequence[int]) -> list[dict[str, Any]]:
    """Every power of two, every scored iteration and some 200 more, evenly spaced as the axis is."""
    curve, last = record.primary, record.protocol.iterations
    spaced = np.unique(np.geomspace(1, last, POINTS).round().astype(int)).tolist()
    powers = [2**i for i in range(last.bit_length())]
    rows: list[dict[str, Any]] = []
    for t in sorted({*spaced, *powers, *(t for t in scored if t <= last)}):
        low, high = wilson(curve.correct[t - 1], curve.n)
        rate = {"accuracy": curve.correct[t - 1] / curve.n, "low": low, "high": high}
        rows.append({"split": record.split.name, "t": t, "scored": t in scored, "alone": last == 1, **rate})
    return rows


def _training_range(trained: int, last: int) -> list[alt.Chart]:
    span = alt.Chart(alt.Data(values=[{"from": 1, "to": min(trained, last), "text": f"trained up to t = {trained}"}]))
    text = span.mark_text(align="left", baseline="bottom", dy=-5, color=FAINT, fontSize=11)
    return [
        span.mark_rect(color="#000000", opacity=0.045).encode(x="from:Q", x2="to:Q"),
        text.encode(x="from:Q", y=alt.value(0), text="text:N"),
    ]


def _title(records: Sequence[Record], *, dots: bool) -> alt.TitleParams:
    model, task = records[0].model, records[0].task
    counts = sorted({record.examples.count for record in records})
    examples = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    notes = [f"{examples} examples a split", "bands: 95 % Wilson intervals"]
    if dots:
        notes.append("dots: scored depths")
    # Altair puts the text into a script as it is, where "</script>" would end it.
    ref = printable(model.ref, 60).replace("<", "‹")
    return alt.TitleParams(f"{ref} on {task.name}", subtitle=" · ".join(notes))
