"""The pictures of a report, as Vega-Lite charts."""

from typing import Any

import altair as alt
import numpy as np

from loopbench.evaluation.plot import FAINT, INK, STYLE
from loopbench.page import Chart
from loopbench.report.summary import Section, Spread

PANEL_WIDTH, ONLY_WIDTH, PANEL_HEIGHT = 190, 280, 200
POINTS = 120
COLORS = ["#3b4cc0", "#e0762f", "#2a9d6f", "#8a8a8a", "#b23a78", "#7a5c2e", "#17becf", "#000000"]
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]]
"""Of lines whose colour is another's, too."""
SHAPES = ["circle", "square", "triangle-up", "cross", "diamond", "triangle-down", "triangle-right", "triangle-left"]

Datum = dict[str, Any]


def curves(section: Section, split: str) -> Chart:
    """Accuracy over iterations on a split that was measured: the section's panels and lines.

    The line is the mean over seeds, the band goes from the least to the most of them.
    """
    last = max(2, section.iterations(split))
    spaced = np.unique(np.geomspace(1, last, POINTS).round().astype(int)).tolist()
    panels: list[alt.LayerChart | alt.FacetChart] = []
    for panel in section.panels:
        inside = [row for row in section.rows if section.panel(row) == panel]
        points = [
            _point(section.line(row), t, found) for row in inside for t in spaced if (found := row.spread(split, t))
        ]
        steps = [r.records[split].model.train_iterations for row in inside for r in row.results if split in r.records]
        trained = max((t for t in steps if t is not None), default=None)
        title = panel if len(section.panels) > 1 else ""
        panels.append(_panel(title, points, section, last, trained))
    return alt.hconcat(*panels, background="transparent", config=_config(), spacing=14)


def stability(section: Section, split: str) -> Chart | None:
    """Accuracy after all iterations against the share of inputs whose state arrives, both on one split.

    A point is a cell of which both are known; `None` if there is no such cell.
    """
    points = [
        {
            "line": section.line(row),
            "panel": section.panel(row),
            "reached": found.reachability.reached.value,
            "accuracy": rate,
        }
        for row in section.rows
        for result in row.results
        if (found := result.diagnoses.get(split)) and (rate := result.accuracy(split)) is not None
    ]
    if not points:
        return None
    x = (
        alt.X("reached:Q", title="share of inputs whose state arrives")
        .scale(domain=[0, 1])
        .axis(format=".0%", grid=False)
    )
    y = alt.Y("accuracy:Q", title="exact accuracy").scale(domain=[0, 1]).axis(format=".0%", tickCount=5)
    panels = section.panels
    shape = alt.Shape("panel:N").scale(domain=panels, range=[SHAPES[i % len(SHAPES)] for i in range(len(panels))])
    shape = shape.legend(symbolType="circle") if len(panels) > 1 else shape.legend(None)
    # points that fall on one another are all seen
    marks = alt.Chart(alt.Data(values=points)).mark_point(size=90, opacity=0.6, strokeWidth=2, clip=False)
    marks = marks.encode(x=x, y=y, color=_color(section), shape=shape)
    return alt.layer(marks, width=420, height=280, background="transparent", config=_config())


def _panel(
    title: str, points: list[Datum], section: Section, last: int, trained: int | None
) -> alt.LayerChart | alt.FacetChart:
    x = alt.X("t:Q", title="iterations").scale(type="log", base=2, domain=[1, last], nice=False)
    x = x.axis(values=[4**i for i in range(last.bit_length()) if 4**i <= last], format=",d", grid=False)
    y = alt.Y("mean:Q", title="exact accuracy").scale(domain=[0, 1]).axis(format=".0%", tickCount=5)
    base = alt.Chart(alt.Data(values=points)).encode(x=x, color=_color(section))
    dashes = [DASHES[i // len(COLORS) % len(DASHES)] for i in range(len(section.lines))]
    dash = alt.StrokeDash("line:N").scale(domain=section.lines, range=dashes)
    layers = [
        base.mark_area(opacity=0.18, strokeWidth=0).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(strokeWidth=2).encode(y=y, strokeDash=dash),
    ]
    if trained is not None:
        span = alt.Chart(alt.Data(values=[{"from": 1, "to": min(trained, last)}]))
        layers = [span.mark_rect(color="#000000", opacity=0.06).encode(x="from:Q", x2="to:Q"), *layers]
    width = PANEL_WIDTH if len(section.panels) > 1 else ONLY_WIDTH
    label = alt.TitleParams(title, fontSize=14, offset=8, anchor="start", color=INK)
    return alt.layer(*layers, width=width, height=PANEL_HEIGHT, title=label)


def _color(section: Section) -> alt.Color:
    colors = [COLORS[i % len(COLORS)] for i in range(len(section.lines))]
    # a panel has room for a column of the legend
    legend = alt.Legend(orient="top", columns=max(1, len(section.panels)))
    return alt.Color("line:N").scale(domain=section.lines, range=colors).legend(legend)


def _config() -> Datum:
    # a browser's font can be wider than the one that the picture is laid out with
    return STYLE | {
        "axis": {**STYLE["axis"], "titlePadding": 10},
        "legend": {**STYLE["legend"], "columnPadding": 30, "labelLimit": 300, "labelColor": INK},
        "title": {"color": FAINT},
    }


def _point(line: str, t: int, found: Spread) -> Datum:
    return {"line": line, "t": t, "mean": found.mean, "low": found.low, "high": found.high}
