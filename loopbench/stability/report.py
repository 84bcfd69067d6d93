"""Diagnoses as one HTML page: pictures inline, no script, no request to any host."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from loopbench.files import write_bytes
from loopbench.page import draw_figure, draw_page, draw_table
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

WIDE = ("spectra",)


def draw_report(diagnoses: Sequence[Diagnosis]) -> str:
    """The page: first all models side by side, then each of them."""
    body = [_table(diagnoses)]
    if len(diagnoses) > 1:
        title, text = "Input-dependence against reachability", "With 95 % intervals over inputs. Top right is the aim."
        body.append(f"<section>{draw_figure(compare(diagnoses), title, text, wide=True)}</section>")
    for diagnosis in diagnoses:
        body.append(f"<h2>{escape(_name(diagnosis))}</h2>")
        body.append(f"<section>{_figures(charts(diagnosis))}</section>")
    title = ", ".join(dict.fromkeys(printable(diagnosis.model.ref, 60) for diagnosis in diagnoses))
    return draw_page(f"Stability of {title}", "Stability", body)


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
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return draw_table(["", *(printable(diagnosis.model.ref, 60) for diagnosis in diagnoses)], rows)


def _figures(found: Mapping[str, Chart]) -> str:
    return "".join(draw_figure(chart, *CAPTIONS[name], wide=name in WIDE) for name, chart in found.items())
