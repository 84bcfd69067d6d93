"""A sweep's folder without a run: outcomes and records with curves that are known."""

from pathlib import Path
from typing import Any

from evaluation_toys import made_record

from loopbench.evaluation.store import save_record
from loopbench.files import sha256, write_bytes, write_json
from loopbench.sweep.cells import Measurement
from loopbench.sweep.outcome import CELLS, RECORDS, Measured, Outcome
from loopbench.sweep.run import STUDY
from loopbench.sweep.study import Study, dump_study

GRID: dict[str, Any] = {
    "seed": [0, 1, 2],
    "optimizer.lr": [0.001, 0.003],
    "recall": {"recall": {}, "internal": {}, "none": {}, "fixed_depth": {}},
    "norm": {"pre": {}, "outer": {}},
}
STUDY_OF = Study.model_validate({"name": "made", "about": "Curves that are <known>.", "recipe": {}, "grid": GRID})
N = 20


def write_cell(
    folder: Path, labels: dict[str, str], solved: dict[str, list[int]] | None, iterations: int = 64, **changes: Any
) -> Path:
    """A cell whose record of each split says when every example is first solved (0: never); `None`: it failed."""
    name = "-".join(labels.values())
    weights, measured = sha256(name.encode()), []
    for split, first in (solved or {}).items():
        parts = {
            "model": {"weights_sha256": weights, "train_iterations": 30},
            "split": {"name": split, "difficulty": float(split.rpartition("-")[2])},
        }
        record = made_record(first, iterations, **parts)
        save_record(folder / RECORDS, record)
        what = Measurement(split=split, diagnosis=False, iterations=iterations, limit=None, precision="float32")
        measured.append(Measured(what=what, file=record.file_name))
    fields: dict[str, Any] = {
        "schema_version": 1,
        "cell": sha256(b"cell" + name.encode()),
        "labels": labels,
        "recipe": {"task": "prefix-sums"},
        "status": "done" if solved else "failed",
        "created": "2026-01-01T00:00:00Z",
        "reason": None if solved else "diverged: the loss was nan",
        "weights_sha256": weights if solved else None,
        "train_s": 1.0,
        "measure_s": 1.0,
        "measured": measured,
    }
    outcome = Outcome(**fields | changes)
    path = folder / CELLS / f"{name}-{outcome.cell[:16]}.json"
    write_json(path, outcome.model_dump(mode="json"))
    return path


def solved(count: int, first: int = 4) -> list[int]:
    """The first `count` of N examples solved, one iteration after another."""
    return [first + i if i < count else 0 for i in range(N)]


def write_sweep(folder: Path) -> Path:
    """Most cells of the study: of some a seed is missing, and of one it failed."""
    write_bytes(folder / STUDY, dump_study(STUDY_OF).encode())
    for labels, _ in STUDY_OF.points():
        seed, fast = int(labels["seed"]), labels["optimizer.lr"] == "0.003"
        if labels["norm"] == "outer" and seed == 2:
            continue
        if labels["recall"] == "none" and labels["norm"] == "pre" and seed == 1:
            write_cell(folder, labels, None)
            continue
        base = {"recall": 16, "internal": 12, "none": 6, "fixed_depth": 8}[labels["recall"]]
        # the slow rate is better on the reported splits, and the fast one on dev: that one counts
        right = base - seed - (4 if fast else 0)
        dev = solved(18 if fast else 10)
        iterations = 1 if labels["recall"] == "fixed_depth" else 64
        at = [1 if t else 0 for t in solved(right)] if iterations == 1 else solved(right)
        dev = [1 if t else 0 for t in dev] if iterations == 1 else dev
        write_cell(folder, labels, {"bits-32": at, "bits-64": at, "dev-bits-32": dev}, iterations)
    return folder
