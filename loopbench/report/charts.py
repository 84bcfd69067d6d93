"""The pictures of a report, as Vega-Lite charts."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from loopbench.evaluation.plot import FAINT, INK, STYLE
from loopbench.page import Chart
from loopbench.report.summary import Row, Spread, compared_axes

PANEL_WIDTH, PANEL_HEIGHT = 190, 200
POINTS = 120
COLORS = ["#3b4cc0", "#e0762f", "#2a9d6f", "#8a8a8a", "#b23a78", "#7a5c2e", "#17becf", "#000000"]

Datum = dict[str, Any]


def curves(rows: Sequence[Row], split: str) -> Chart | None:
    """Accuracy over iterations: a panel for each choice on the last axis, a line for each on the others.

    The line is the mean over seeds, the band goes from the least to the most of them.
    """
    axes = compared_axes(rows) or list(rows[0].labels)[-1:]
    lines = list(dict.fromkeys(_line(row, axes) for row in rows))
    last = max(_iterations(row, split) for row in rows)
    if last == 0:
        return None
    spaced = np.unique(np.geomspace(1, max(2, last), POINTS).round().astype(int)).tolist()
    panels: list[alt.LayerChart | alt.FacetChart] = []
    for panel in dict.fromkeys(row.labels[axes[-1]] for row in rows):
        inside = [row for row in rows if row.labels[axes[-1]] == panel]
        points = [_point(row, axes, t, found) for row in inside for t in spaced if (found := row.spread(split, t))]
        panels.append(_panel(panel, points, lines, max(2, last), _trained(inside, split)))
    return alt.hconcat(*panels, background="white", config=_config(), spacing=14)


def stability(rows: Sequence[Row], split: str) -> Chart | None:
    """Accuracy at the end against the share of inputs whose state arrives, a point for each diagnosed cell."""
    points: list[Datum] = []
    axes = compared_axes(rows) or list(rows[0].labels)[-1:]
    for row in rows:
        for result in row.results:
            accuracy = result.accuracy(split)
            for diagnosis in result.diagnoses.values():
                if accuracy is not None:
                    reached = diagnosis.reachability.reached
                    where = {"line": _line(row, axes), "panel": row.labels[axes[-1]]}
                    points.append({"reached": reached.value, "accuracy": accuracy, **where})
    if not points:
        return None
    lines = list(dict.fromkeys(_line(row, axes) for row in rows))
    x = (
        alt.X("reached:Q", title="share of inputs whose state arrives")
        .scale(domain=[0, 1])
        .axis(format=".0%", grid=False)
    )
    y = alt.Y("accuracy:Q", title="exact accuracy at T").scale(domain=[0, 1]).axis(format=".0%", tickCount=5)
    marks = alt.Chart(alt.Data(values=points)).mark_point(size=90, opacity=1, strokeWidth=2, clip=False)
    marks = marks.encode(x=x, y=y, color=_color(lines), shape=alt.Shape("panel:N"))
    return alt.layer(marks, width=420, height=280, background="white", config=_config())


def _panel(
    title: str, points: list[Datum], lines: list[str], last: int, trained: int | None
) -> alt.LayerChart | alt.FacetChart:
    x = alt.X("t:Q", title="iterations").scale(type="log", base=2, domain=[1, last], nice=False)
    x = x.axis(values=[4**i for i in range(last.bit_length()) if 4**i <= last], format=",d", grid=False)
    y = alt.Y("mean:Q", title="exact accuracy").scale(domain=[0, 1]).axis(format=".0%", tickCount=5)
    base = alt.Chart(alt.Data(values=points)).encode(x=x, color=_color(lines))
    dash = alt.StrokeDash("once:N").scale(domain=[False, True], range=[[1, 0], [5, 4]]).legend(None)
    layers = [
        base.mark_area(opacity=0.18, strokeWidth=0).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(strokeWidth=2).encode(y=y, strokeDash=dash),
    ]
    if trained is not None:
        span = alt.Chart(alt.Data(values=[{"from": 1, "to": min(trained, last)}]))
        layers = [span.mark_rect(color="#000000", opacity=0.06).encode(x="from:Q", x2="to:Q"), *layers]
    label = alt.TitleParams(title, fontSize=14, offset=8, anchor="start", color=INK)
    return alt.layer(*layers, width=PANEL_WIDTH, height=PANEL_HEIGHT, title=label)


def _color(lines: list[str]) -> alt.Color:
    return alt.Color("line:N").scale(domain=lines, range=COLORS[: len(lines)]).legend(orient="top", columns=0)


def _config() -> Datum:
    # a browser's font can be wider than the one that the picture is laid out with
    return STYLE | {
        "axis": {**STYLE["axis"], "titlePadding": 10},
        "legend": {**STYLE["legend"], "columnPadding": 30, "labelLimit": 300, "labelColor": INK},
        "title": {"color": FAINT},
    }


def _point(row: Row, axes: Sequence[str], t: int, found: Spread) -> Datum:
    runs = {record.protocol.iterations for result in row.results for record in result.records.values()}
    return {
        "line": _line(row, axes),
        "t": t,
        "once": runs == {1},
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
    }


def _line(row: Row, axes: Sequence[str]) -> str:
    return ", ".join(row.labels[axis] for axis in axes[:-1]) or row.labels[axes[-1]]


def _iterations(row: Row, split: str) -> int:
    return max((r.records[split].protocol.iterations for r in row.results if split in r.records), default=0)


def _trained(rows: Sequence[Row], split: str) -> int | None:
    """The most iterations that a model of these was trained to."""
    found = [r.records[split].model.train_iterations for row in rows for r in row.results if split in r.records]
    return max((t for t in found if t is not None), default=None)
