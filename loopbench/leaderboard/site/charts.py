"""The chart of the pages, as altair specs without data: the pages' script adds the points that are chosen.

A point is a row {line, color, t, accuracy, low, high, scored}; the legend is HTML, so that it can be read and reached.
"""

from functools import cache
from typing import Any

import altair as alt
import vl_convert

UNITS = {"iterations": "iterations t", "depth": "effective depth, layers", "flops": "FLOPs an example"}
HEIGHT = 280


def specs() -> dict[str, dict[str, Any]]:
    """A Vega-Lite spec for each unit of the axis."""
    return {unit: _chart(unit, title).to_dict() for unit, title in UNITS.items()}


@cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one classic script, the copies that vl-convert brings."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _chart(unit: str, title: str) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(alt.NamedData("points")).encode(
        x=alt.X("x:Q", title=title)
        .scale(type="log", base=10 if unit == "flops" else 2, nice=False)
        .axis(format="~s" if unit == "flops" else ",d", grid=False, labelOverlap="greedy", labelFlush=False),
        color=alt.Color("color:N", scale=None),
        detail="line:N",
    )
    y = alt.Y("accuracy:Q", title="exact accuracy").scale(domain=[0, 1]).axis(format=".0%", tickCount=5)
    tooltip = [
        alt.Tooltip("line:N", title=" "),
        alt.Tooltip("t:Q", title="t", format=",d"),
        alt.Tooltip("accuracy:Q", format=".1%"),
        alt.Tooltip("low:Q", title="from", format=".1%"),
        alt.Tooltip("high:Q", title="to", format=".1%"),
    ]
    layers = [
        base.mark_area(opacity=alt.expr("bands ? 0.16 : 0")).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(strokeWidth=2).encode(y=y, strokeDash=alt.StrokeDash("dash:N", scale=None)),
        base.mark_point(filled=True, size=42).encode(
            y=y, opacity=alt.condition("datum.scored", alt.value(1), alt.value(0))
        ),
        base.mark_point(size=140, opacity=0, filled=True).encode(y=y, tooltip=tooltip),  # easier to hit than a line
    ]
    bands = alt.param(name="bands", value=True)
    return alt.layer(*layers, width="container", height=HEIGHT).add_params(bands)
