"""The tables of docs/stability.md: `python benchmarks/stability.py [--run [OPTION …] | --pictures | --points]`.

They are made from the records in leaderboard/diagnoses. With `--run`, every bundled model is diagnosed first, which
takes minutes a model; options go to `loopbench diagnose`. With `--pictures`, the page's pictures are drawn instead;
with `--points`, the fixed points that N inputs reach are counted.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bands import names as chess_names
from presets import names, print_table, records_of, score, short
from tiers import names as sudoku_names

from loopbench.evaluation.statistics import summarize
from loopbench.hub import load_model
from loopbench.plugins import get_task
from loopbench.stability import Diagnosis, follow, read_diagnosis
from loopbench.stability.charts import charts, compare
from loopbench.stability.input_dependence import count_points

DIAGNOSES = Path(__file__).parents[1] / "leaderboard" / "diagnoses"
ITERATIONS = 256  # long enough that what contracts by 4 % an iteration arrives
IMAGES = Path(__file__).parents[1] / "docs" / "images"
PICTURES = {
    "prefix-sums-recall-s0": ("residuals", "stops", "spectra", "paths"),
    "prefix-sums-loop-outer-s0": ("paths", "distinct"),
    "prefix-sums-internal-recall-s0": ("residuals", "paths"),
}
RESAMPLES = 10_000
STRINGS, STRING_BITS, STRING_ITERATIONS = 256, 32, 256


def splits() -> dict[str, str]:
    """On which split each bundled model is diagnosed."""
    return (
        dict.fromkeys(names(), "bits-64")
        | dict.fromkeys(sudoku_names(), "gentle")
        | dict.fromkeys(chess_names(), "mate-1")
    )


def run(options: list[str]) -> None:
    for name, split in splits().items():
        examples = "32" if split == "bits-64" else "16"
        command = ["loopbench", "diagnose", "--model", name, "--split", split, "--output", str(DIAGNOSES / name)]
        size = ["--examples", examples, "--iterations", str(ITERATIONS)]
        subprocess.run([*command, *size, *options], check=True)


def found() -> dict[str, Diagnosis]:
    paths = {name: next((DIAGNOSES / name).glob("*.json"), None) for name in splits()}
    return {name: read_diagnosis(path) for name, path in paths.items() if path}


def axes(diagnosis: Diagnosis) -> dict[str, float]:
    """The numbers that are held against accuracy; those that are not defined are left out."""
    paths, points = diagnosis.path_independence, diagnosis.geometry.fixed_points
    spectrum = diagnosis.geometry.spectra[-1].radius if diagnosis.geometry.spectra else None
    values = {
        "reached": diagnosis.reachability.reached,
        "same point": paths.same.get("starts") if paths else None,
        "input-dependence": diagnosis.input_dependence.ratio,
        "ρ at T": spectrum,
        "sensitivity": points.sensitivity,
    }
    return {name: estimate.value for name, estimate in values.items() if estimate is not None}


def row(name: str, diagnosis: Diagnosis) -> list[str]:
    values, summary = axes(diagnosis), summarize(records_of(name)[splits()[name]])
    distinct = diagnosis.input_dependence
    points = f"{distinct.distinct[-1].counts[-1]} of {distinct.converged}" if distinct.converged else "–"
    fates = ", ".join(f"{count} {fate}" for fate, count in diagnosis.reachability.fates.items())
    cells = [f"{values[key]:.3g}" if key in values else "–" for key in ("same point", "input-dependence")]
    ends = [f"{values[key]:.3g}" if key in values else "–" for key in ("ρ at T", "sensitivity")]
    numbers = score(name)
    return [
        short(name),
        fates,
        *cells,
        points,
        *ends,
        f"{100 * summary.last:.1f}",
        f"{100 * summary.overthinking:.1f}",
        f"{numbers.value:.1f}" if numbers else "–",
    ]


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, ties sharing their mean."""
    below = (values[..., None, :] < values[..., :, None]).sum(-1)
    equal = (values[..., None, :] == values[..., :, None]).sum(-1)
    return below + (equal + 1) / 2


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rank correlation along the last axis (Spearman 1904); not a number where one of the two is constant."""
    a, b = (ranks(v) - ranks(v).mean(-1, keepdims=True) for v in (x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def correlation(x: Sequence[float], y: Sequence[float]) -> str:
    """The rank correlation over models, its bootstrap interval and its permutation p-value (two-sided)."""
    a, b = np.array(x), np.array(y)
    draw = np.random.Generator(np.random.Philox(0))
    rho = spearman(a, b)
    if len(a) < 4 or np.isnan(rho):
        return f"– (n = {len(a)})"
    rows = draw.integers(len(a), size=(RESAMPLES, len(a)))
    low, high = np.nanpercentile(spearman(a[rows], b[rows]), (2.5, 97.5))
    shuffled = spearman(a, b[draw.permuted(np.tile(np.arange(len(a)), (RESAMPLES, 1)), axis=1)])
    p = (1 + (np.abs(shuffled) >= abs(rho) - 1e-12).sum()) / (1 + RESAMPLES)
    return f"{rho:+.2f} [{low:+.2f}, {high:+.2f}], p = {p:.3f} (n = {len(a)})"


def print_correlations(diagnoses: dict[str, Diagnosis]) -> None:
    outcomes = {
        "score": {name: value.value for name in diagnoses if (value := score(name))},
        "bits-512 at the end": {
            name: records["bits-512"].primary.correct[-1] / records["bits-512"].primary.n
            for name in diagnoses
            if "bits-512" in (records := records_of(name))
        },
        "most overthinking": {
            name: max(summarize(r).overthinking for r in records_of(name).values()) for name in diagnoses
        },
    }
    keys = dict.fromkeys(key for diagnosis in diagnoses.values() for key in axes(diagnosis))
    rows: list[list[str]] = []
    for key in keys:
        values = {name: axes(diagnosis)[key] for name, diagnosis in diagnoses.items() if key in axes(diagnosis)}
        cells = [
            correlation([values[n] for n in values if n in outcome], [outcome[n] for n in values if n in outcome])
            for outcome in outcomes.values()
        ]
        rows.append([key, *cells])
    print_table(("rank correlation with", *outcomes), rows)


def print_points() -> None:
    """How many fixed points N strings reach, under the tolerances of a diagnosis."""
    task = get_task("prefix-sums")
    inputs = task.sample(STRING_BITS, 0, STRINGS).inputs
    rows: list[list[str]] = []
    columns = [2**i for i in range(STRINGS.bit_length())]
    for name in names():
        model = load_model(name).double().requires_grad_(False)
        course = follow(model, inputs, STRING_ITERATIONS, batch_size=256)
        n, counted, distinct = count_points(model, course)
        for points in distinct:
            by_count = dict(zip(counted, points.counts, strict=True))
            cells = [str(by_count.get(column, "–")) for column in columns]
            rows.append([short(name), f"{points.tolerance:g}", *cells, f"{points.counts[-1] if n else 0} of {n}"])
    print(f"{STRINGS} strings of {STRING_BITS} bits, T = {STRING_ITERATIONS}\n")
    print_table(("model", "tolerance", *(f"N = {column}" for column in columns), "of those that reach a point"), rows)


def save_pictures(diagnoses: dict[str, Diagnosis]) -> None:
    for name, pictures in PICTURES.items():
        found = charts(diagnoses[name]) if name in diagnoses else {}
        for picture in pictures:
            if picture in found:
                found[picture].save(str(IMAGES / f"stability-{picture}-{short(name)}.png"), scale_factor=1.5)
    sums = [diagnosis for name, diagnosis in diagnoses.items() if name in names()]
    compare(sums).save(str(IMAGES / "stability-compare.png"), scale_factor=1.5)


def main() -> None:
    if sys.argv[1:] == ["--points"]:
        print_points()
        return
    if sys.argv[1:] == ["--pictures"]:
        save_pictures(found())
        return
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2:])
    diagnoses = found()
    columns = (
        "model",
        "fates",
        "same point",
        "input-dependence",
        "distinct",
        "ρ at T",
        "sensitivity",
        "last",
        "overthinking",
        "score",
    )
    print_table(columns, [row(name, diagnosis) for name, diagnosis in diagnoses.items()])
    print_correlations({name: diagnosis for name, diagnosis in diagnoses.items() if name in names()})


if __name__ == "__main__":
    main()
