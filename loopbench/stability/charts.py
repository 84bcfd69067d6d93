"""The pictures of a diagnosis, as Vega-Lite charts."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt
import numpy as np

from loopbench.evaluation.plot import BAND, FAINT, INK, STYLE
from loopbench.stability.diagnosis import Diagnosis
from loopbench.validation import printable

WIDTH, HEIGHT = 420, 260
BLUE, RED = "#3b4cc0", "#c0392b"
FACETS = 4
TINY = 1e-17

Layers = alt.LayerChart | alt.FacetChart  # as altair types them: these are never facets
Chart = Layers | alt.HConcatChart
Row = dict[str, Any]


def charts(diagnosis: Diagnosis) -> dict[str, Chart]:
    """The pictures of one diagnosis by name; one that would show nothing is left out."""
    found = {
        "residuals": _residuals(diagnosis),
        "stops": _stops(diagnosis),
        "spectra": _spectra(diagnosis),
        "radius": _radius(diagnosis),
        "distinct": _distinct(diagnosis),
        "sensitivity": _sensitivity(diagnosis),
        "gradient": _gradient(diagnosis),
        "paths": _paths(diagnosis),
    }
    return {name: chart for name, chart in found.items() if chart is not None}


def compare(diagnoses: Sequence[Diagnosis]) -> Chart:
    """Input-dependence against reachability, a point for each model; one whose input-dependence is unknown has none."""
    rows: list[Row] = []
    for diagnosis in diagnoses:
        reached, ratio = diagnosis.reachability.reached, diagnosis.input_dependence.ratio
        if ratio is not None:
            row = {"model": printable(diagnosis.model.ref, 60), "x": reached.value, "y": ratio.value}
            rows.append(row | {"x1": reached.low, "x2": reached.high, "y1": ratio.low, "y2": ratio.high})
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=_x("x", "reachability: share of inputs that reach a point").scale(domain=[0, 1]),
        y=_y("y", "input-dependence").scale(domain=[0, 1]),
    )
    color, shape = alt.Color("model:N").scale(scheme="tableau20"), alt.Shape("model:N")  # many may lie on one another
    layers = [
        base.mark_rule(color=FAINT, opacity=0.5).encode(x="x1:Q", x2="x2:Q"),
        base.mark_rule(color=FAINT, opacity=0.5).encode(y="y1:Q", y2="y2:Q"),
        base.mark_point(size=110, opacity=1, strokeWidth=2).encode(color=color, shape=shape),
    ]
    return _chart(layers)


def _residuals(diagnosis: Diagnosis) -> Chart:
    names = ("low", "q1", "median", "q3", "high")
    table = enumerate(diagnosis.reachability.residuals, 1)
    # zero has no place on a log axis: a number below rounding stands for it
    rows = [
        {"t": t} | {name: x if x is None else max(x, TINY) for name, x in zip(names, row, strict=True)}
        for t, row in _thinned(table)
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(x=_log_t(diagnosis.conditions.iterations))
    y = _y("median", "‖Δₜ‖ / ‖hₜ‖").scale(type="log").axis(format="~e", tickCount=6, grid=False)
    layers = [
        base.mark_area(color=BAND, clip=True).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_area(color="#c5c5d8", clip=True).encode(y=alt.Y("q1:Q"), y2="q3:Q"),
        base.mark_line(color=INK, strokeWidth=2).encode(y=y),
    ]
    return _chart([*layers, *_trained(diagnosis)])


def _stops(diagnosis: Diagnosis) -> Chart:
    iterations, n = diagnosis.conditions.iterations, diagnosis.examples.count
    examples = diagnosis.reachability.examples
    at = {
        "the answer no longer changes": sorted(example.answered_at for example in examples),
        "the state has arrived": sorted(e.reached_at for e in examples if e.reached_at is not None),
    }
    rows: list[Row] = []
    for what, times in at.items():
        rows.append({"what": what, "t": 1, "share": sum(t <= 1 for t in times) / n})
        rows += [{"what": what, "t": max(t, 1), "share": count / n} for count, t in enumerate(times, 1)]
        rows.append({"what": what, "t": iterations, "share": len(times) / n})
    line = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=_log_t(iterations),
            y=_y("share", "share of the inputs").scale(domain=[0, 1]).axis(format=".0%"),
            color=alt.Color("what:N").scale(domain=list(at), range=[BLUE, RED]).legend(orient="top"),
        )
    )
    return _chart([line])


def _spectra(diagnosis: Diagnosis) -> Chart | None:
    spectra = [spectrum for spectrum in diagnosis.geometry.spectra if spectrum.eigenvalues]
    if not spectra:
        return None
    chosen = sorted({round(i * (len(spectra) - 1) / (FACETS - 1)) for i in range(FACETS)})
    largest = max(abs(x) for i in chosen for pair in spectra[i].eigenvalues for x in pair)
    domain = [-1.05 * max(1.0, largest), 1.05 * max(1.0, largest)]
    panels: list[Layers] = []
    for i in chosen:
        rows = [{"re": re, "im": im} for re, im in spectra[i].eigenvalues]
        circle = _circle()
        points = alt.Chart(alt.Data(values=rows)).mark_circle(size=14, opacity=0.6, color=BLUE)
        points = points.encode(x=_x("re", "real").scale(domain=domain), y=_y("im", "imaginary").scale(domain=domain))
        title = alt.TitleParams(f"t = {spectra[i].t}", fontSize=13, offset=6)
        panels.append(alt.layer(circle, points, width=170, height=170, title=title))
    return alt.hconcat(*panels, background="white", config=STYLE)


def _circle() -> alt.Chart:
    angles = np.linspace(0, 2 * np.pi, 121)
    rows = [{"angle": angle, "re": math.cos(angle), "im": math.sin(angle)} for angle in angles.tolist()]
    line = alt.Chart(alt.Data(values=rows)).mark_line(color=FAINT, strokeWidth=1)
    return line.encode(x="re:Q", y="im:Q", order="angle:Q")


def _radius(diagnosis: Diagnosis) -> Chart | None:
    rows = [
        {"t": spectrum.t, "value": radius.value, "low": radius.low, "high": radius.high}
        for spectrum in diagnosis.geometry.spectra
        if (radius := spectrum.radius) is not None
    ]
    if not rows:
        return None
    base = alt.Chart(alt.Data(values=rows)).encode(x=_log_t(diagnosis.conditions.iterations))
    y = _y("value", "ρ(∂step/∂h), median").scale(zero=False)
    one = alt.Chart(alt.Data(values=[{"y": 1}])).mark_rule(color=FAINT, strokeDash=[4, 3]).encode(y="y:Q")
    line = base.mark_line(color=INK, point=alt.OverlayMarkDef(color=INK))
    return _chart([base.mark_area(color=BAND).encode(y="low:Q", y2="high:Q"), one, line.encode(y=y)])


def _distinct(diagnosis: Diagnosis) -> Chart | None:
    found = diagnosis.input_dependence
    if not found.inputs:
        return None
    rows = [
        {"n": n, "points": count, "tolerance": f"{points.tolerance:.0%} of the norm"}
        for points in found.distinct
        for n, count in zip(found.inputs, points.counts, strict=True)
    ]
    last = max(2, found.inputs[-1])
    ends = [{"n": n, "points": n} for n in (1, last)]
    scale: Row = {"type": "log", "base": 2, "domain": [1, last], "nice": False}
    x, y = _x("n", "inputs that reach a point").scale(**scale), _y("points", "distinct fixed points").scale(**scale)
    all_of_them = alt.Chart(alt.Data(values=ends)).mark_line(color=FAINT, strokeDash=[4, 3], strokeWidth=1)
    line = alt.Chart(alt.Data(values=rows)).mark_line(point=True, strokeWidth=2)
    color = alt.Color("tolerance:N").scale(scheme="plasma").sort(None).legend(orient="top")
    return _chart([all_of_them.encode(x=x, y=y), line.encode(x=x, y=y, color=color)])


def _sensitivity(diagnosis: Diagnosis) -> Chart | None:
    reach = {True: "reached by iteration (ρ < 1)", False: "a fixed point that iteration leaves (ρ ≥ 1)"}
    rows = [
        {"example": i, "value": point.sensitivity, "what": reach[bool(point.reachable)]}
        for i, point in enumerate(diagnosis.geometry.fixed_points.points)
        if point.sensitivity  # zero has no place on a log axis, and the table tells of it
    ]
    if not rows:
        return None
    x = alt.X("example:O", title="example").axis(labelAngle=0)
    y = _y("value", "‖∂h*/∂e‖").scale(type="log").axis(tickCount=5, grid=False)
    color = (
        alt.Color("what:N").scale(domain=list(reach.values()), range=[BLUE, RED]).legend(orient="top", labelLimit=400)
    )
    points = alt.Chart(alt.Data(values=rows)).mark_point(filled=True, size=70, opacity=1)
    return _chart([points.encode(x=x, y=y, color=color)], legend={"symbolType": "circle", "columns": 1})


def _gradient(diagnosis: Diagnosis) -> Chart | None:
    found = diagnosis.geometry.gradient
    if found is None:
        return None
    table = zip(found.k, found.low, found.median, found.high, strict=True)
    rows = [dict(zip(("k", "low", "median", "high"), row, strict=True)) for row in table if all(row)]
    if not rows:
        return None
    base = alt.Chart(alt.Data(values=rows)).encode(x=_x("k", "k, iterations back from T").scale(nice=False))
    y = _y("median", "gradient, of what it was at T").scale(type="log").axis(format="~e", tickCount=6, grid=False)
    return _chart([base.mark_area(color=BAND).encode(y="low:Q", y2="high:Q"), base.mark_line(color=INK).encode(y=y)])


def _paths(diagnosis: Diagnosis) -> Chart | None:
    projection = diagnosis.projection
    if projection is None:
        return None
    names = {"own": "its own start", "starts": "another's start", "ends": "another's end", "draws": "another draw"}
    rows = [
        {"t": t, "x": x, "y": y, "example": track.example, "start": names[track.start]}
        for track in projection.tracks
        for t, x, y in zip(track.t, track.x, track.y, strict=True)
    ]
    first, second = (f"component {i} ({share:.0%} of the variance)" for i, share in enumerate(projection.explained, 1))
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=_x("x", first), y=_y("y", second), color=alt.Color("example:N").legend(None), detail="start:N"
    )
    dash = alt.StrokeDash("start:N").sort(list(names.values())).legend(orient="top")
    last = base.transform_joinaggregate(last="max(t)").transform_filter("datum.t == datum.last")
    return _chart(
        [
            base.mark_line(strokeWidth=1.2, opacity=0.8).encode(strokeDash=dash, order="t:Q"),
            last.mark_point(filled=True, size=60, opacity=1, stroke="white"),
        ]
    )


def _thinned(table: Iterable[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Every iteration to 64, then some twenty to each doubling."""
    kept: list[tuple[int, Any]] = []
    for t, row in table:
        if t <= 64 or t >= 1.035 * kept[-1][0]:
            kept.append((t, row))
    return kept


def _trained(diagnosis: Diagnosis) -> list[alt.Chart]:
    trained = diagnosis.model.train_iterations
    if trained is None or trained > diagnosis.conditions.iterations:
        return []
    line = alt.Chart(alt.Data(values=[{"t": trained, "text": f"trained up to t = {trained}"}])).encode(x="t:Q")
    text = line.mark_text(align="left", dx=4, baseline="top", color=FAINT, fontSize=11)
    return [line.mark_rule(color=FAINT, strokeDash=[4, 3]), text.encode(y=alt.value(2), text="text:N")]


def _log_t(iterations: int) -> alt.X:
    powers = [2**i for i in range(iterations.bit_length())]
    scale: Row = {"type": "log", "base": 2, "domain": [1, iterations], "nice": False}
    return _x("t", "iterations").scale(**scale).axis(values=powers, format="d", grid=False)


def _x(field: str, title: str) -> alt.X:
    return alt.X(f"{field}:Q", title=title)


def _y(field: str, title: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title=title)


def _chart(layers: Sequence[Any], legend: Row | None = None) -> Layers:
    # a browser's font can be wider than the one that the picture is laid out with
    roomy = {"columnPadding": 40, "labelLimit": 400}
    config = STYLE | {
        "axis": {**STYLE["axis"], "titlePadding": 14},
        "legend": {**STYLE["legend"], **roomy, **(legend or {})},
    }
    return alt.layer(*layers, width=WIDTH, height=HEIGHT, background="white", config=config)
