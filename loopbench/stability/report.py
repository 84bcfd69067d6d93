"""Diagnoses as one HTML page: pictures inline, no script, no request to any host."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

import vl_convert

from loopbench.files import write_bytes
from loopbench.stability.charts import Chart, charts, compare
from loopbench.stability.diagnosis import Diagnosis
from loopbench.stability.table import facts
from loopbench.validation import printable

CAPTIONS = {
    "residuals": (
        "The residual along the loop",
        "How far one more step moves a state, relative to its norm: median, half of the inputs, 90 % of them. On these "
        "axes a drift falls in a straight line, as a power of t; a contraction falls ever more steeply.",
    ),
    "stops": (
        "Where the residual stops, where the answer stops",
        "The share of the inputs whose answer no longer changes after t, and of those whose state has arrived. "
        "Where the first line is far to the left of the second, the answer is settled long before the state is.",
    ),
    "spectra": (
        "The Jacobian's spectrum",
        "Eigenvalues of ∂step/∂h on the path, those of largest modulus. Inside the unit circle a step contracts, "
        "on it a step only turns, outside it a small difference grows.",
    ),
    "radius": (
        "The spectral radius on the way",
        "The median over examples with its 95 % interval. Above 1 early on is no fault: the state is being built. What "
        "counts for reachability is where it ends.",
    ),
    "distinct": (
        "Distinct fixed points",
        "How many points the first N inputs reach that are farther apart than a tolerance. Dashed: a point for every "
        "input.",
    ),
    "sensitivity": (
        "Sensitivity of the fixed point",
        "How far the fixed point moves when the injected input does, by the implicit function theorem. Examples "
        "without a fixed point, or with a singular I − J, have no dot.",
    ),
    "gradient": (
        "The gradient on its way back",
        "What k iterations of backpropagation multiply a gradient by: median, least and largest.",
    ),
    "paths": (
        "Paths",
        "A colour for each input, a dash for each start, a dot for each end, in the plane where they spread most.",
    ),
}

WIDE = ("compare", "spectra")

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>
body { margin: 0; background: #fff; color: #333; font: 16px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1rem; }
section { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1.5rem 2rem; }
h1, h2 { overflow-wrap: anywhere; }
h2 { margin-top: 3rem; border-top: 1px solid #ddd; padding-top: 1rem; }
figure { margin: 0; }
figure.wide { grid-column: 1 / -1; }
figcaption { font-size: 0.875rem; color: #666; }
figcaption b { display: block; color: #333; font-size: 1rem; }
svg { width: 100%; height: auto; max-width: 34rem; overflow: visible; }
figure.wide svg { max-width: 52rem; }
table { border-collapse: collapse; font-size: 0.875rem; }
th { text-align: left; font-weight: normal; white-space: nowrap; color: #666; padding: 0.15rem 1.5rem 0.15rem 0; }
td { min-width: 6rem; padding: 0.15rem 1.5rem 0.15rem 0; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
</style>
</head>
<body>
<main>
<h1>Stability</h1>
$body
</main>
</body>
</html>
""")


def draw_report(diagnoses: Sequence[Diagnosis]) -> str:
    """The page: first all models side by side, then each of them."""
    body = [_table(diagnoses)]
    if len(diagnoses) > 1:
        title, text = "Input-dependence against reachability", "With 95 % intervals over inputs. Top right is the aim."
        body.append(f"<section>{_figure('compare', compare(diagnoses), title, text)}</section>")
    for diagnosis in diagnoses:
        body.append(f"<h2>{escape(_name(diagnosis))}</h2>")
        body.append(f"<section>{_figures(charts(diagnosis))}</section>")
    title = ", ".join(dict.fromkeys(printable(diagnosis.model.ref, 60) for diagnosis in diagnoses))
    return PAGE.substitute(title=escape(f"Stability of {title}"), body="\n".join(body))


def save_report(path: Path, diagnoses: Sequence[Diagnosis]) -> None:
    """Write the page.

    Raises:
        LoopbenchError: it cannot be written.
    """
    write_bytes(path, draw_report(diagnoses).encode())


def _name(diagnosis: Diagnosis) -> str:
    count, iterations = diagnosis.examples.count, diagnosis.conditions.iterations
    ref, split = printable(diagnosis.model.ref, 100), printable(diagnosis.split.name)
    return f"{ref} on {diagnosis.task.name} {split}: {count} examples, T = {iterations}"


def _table(diagnoses: Sequence[Diagnosis]) -> str:
    columns = [facts(diagnosis) for diagnosis in diagnoses]
    head = "".join(f"<td>{escape(printable(diagnosis.model.ref, 60))}</td>" for diagnosis in diagnoses)
    rows = [
        f"<tr><th>{escape(name)}</th>" + "".join(f"<td>{escape(column[name])}</td>" for column in columns) + "</tr>"
        for name in columns[0]
    ]
    return f'<div class="scroll"><table><tr><th></th>{head}</tr>{"".join(rows)}</table></div>'


def _figures(found: Mapping[str, Chart]) -> str:
    return "".join(_figure(name, chart, *CAPTIONS[name]) for name, chart in found.items())


def _figure(name: str, chart: Chart, title: str, text: str) -> str:
    svg = vl_convert.vegalite_to_svg(chart.to_dict())
    wide = ' class="wide"' if name in WIDE else ""
    return f"<figure{wide}><figcaption><b>{escape(title)}</b>{escape(text)}</figcaption>{svg}</figure>"
