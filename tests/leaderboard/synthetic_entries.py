"""Entries that nobody trained: records, verdicts and verifications with the shape of real ones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from loopbench.contracts import Provider, Split, Task
from loopbench.evaluation.environment import Environment
from loopbench.evaluation.protocol import Protocol, scored_iterations
from loopbench.evaluation.record import Correct, Cost, Record, Retired, VerdictsFile, cell_hash
from loopbench.evaluation.store import save_record
from loopbench.evaluation.verdicts import Verdicts, recorded_iterations
from loopbench.files import sha256, write_json
from loopbench.leaderboard.submission import Entry, Submission
from loopbench.leaderboard.verification import Fresh, Reproduced, Untrained, Verification, VerifiedSplit
from loopbench.tasks.splits import find_split
from loopbench.validation import dump_yaml

ENVIRONMENT = Environment(
    loopbench="0.1.0", torch="2.11.0", python="3.11.2", device="cpu (x86_64)", threads=2, compiled=False, git=None
)
CREATED = "2026-01-01T00:00:00Z"


def make_entry(
    task: Task,
    name: str,
    *,
    skill: float = 1.0,
    splits: Sequence[str] | None = None,
    recall: str = "recall",
    norm: str = "outer",
    verdict: str | None = "verified",
    weights_sha256: str | None = None,
    time_dependent: bool = False,
    ref: str | None = None,
    **submitted: Any,
) -> Entry:
    """An entry whose model solves the share `skill` of every split, harder ones later, and forgets a little of it.

    Args:
        splits: default: the scored ones.
        verdict: of its verification; `None`: there is none.
        submitted: fields of the submission that are not to be as usual.
    """
    seed = int(sha256(name.encode())[:8], 16)
    weights = weights_sha256 or sha256(f"weights of {name}".encode())
    model: dict[str, Any] = {
        "ref": ref or name,
        "repo": None,
        "revision": None,
        "weights_sha256": weights,
        "architecture": "looped-transformer",
        "version": 1,
        "config": {"width": 32, "heads": 2, "recall": recall, "norm": norm},
        "provider": Provider(distribution="loopbench-zoo", version="0.1.0"),
        "parameters": 10_000 + seed % 90_000,
        "layers_per_step": 1,
        "train_iterations": 30,
    }
    names = splits or (task.benchmark.splits if task.benchmark else ())
    records = {each: make_record(task, find_split(task, each), model, skill, seed + i) for i, each in enumerate(names)}
    fields: dict[str, Any] = {
        "name": name,
        "model": {"ref": ref or name, "weights_sha256": weights, "time_dependent": time_dependent},
        "authors": ["A. Turing"],
        "track": "closed",
        "training": {"data": "generated", "recipe": "a recipe"},
        "runs_tried": 1,
    }
    entry = Entry(Path(name), Submission.model_validate(fields | submitted), records, None)
    return replace(entry, verification=make_verification(entry, verdict)) if verdict else entry


def save_entry(results: Path, entry: Entry) -> None:
    """Write the folder that `read_entry` reads."""
    folder = results / entry.name
    folder.mkdir(parents=True)
    (folder / "submission.yaml").write_text(dump_yaml(entry.submission.model_dump(mode="json")))
    for record in entry.records.values():
        save_record(folder, record)
    if entry.verification:
        write_json(folder / "verification.json", entry.verification.model_dump(mode="json"))


def make_record(task: Task, split: Split, model: dict[str, Any], skill: float, seed: int) -> Record:
    """A complete record whose counts are those of its verdicts."""
    draw = np.random.default_rng(seed)
    scored = scored_iterations(split, model["layers_per_step"])
    last, n = scored[-1], split.count
    solves = draw.random(n) < skill
    first = np.where(solves, np.clip(draw.normal(split.depth, split.depth / 3, n), 1, last), 0).astype(np.int32)
    forgets = solves & (draw.random(n) < 0.02)
    until = np.where(forgets, last // 2, last)  # the last t at which it is still right
    steps = np.arange(1, last + 1)
    at = np.array(recorded_iterations(last, scored), np.int32)
    gained = np.searchsorted(np.sort(first[solves]), steps, "right")
    lost = np.searchsorted(np.sort(np.maximum(until, first)[solves]), steps, "left")
    solved = (first[None] > 0) & (first[None] <= at[:, None]) & (np.maximum(until, first)[None] >= at[:, None])
    fields: dict[str, Any] = {
        "schema_version": 1,
        "status": "complete",
        "created": CREATED,
        "model": model,
        "task": {"name": task.name, "version": task.version, "primary_metric": task.metrics[0].name},
        "split": {
            "name": split.name,
            "difficulty": split.difficulty,
            "count": n,
            "data_sha256": split.sha256,
        },
        "examples": {"first": 0, "count": n},
        "partial": False,
        "protocol": Protocol(iterations=last, precision="float32", batch_size=8, retirement=True, seed=0),
        "curves": {task.metrics[0].name: Correct(n=n, correct=(gained - lost).tolist())},
        "per_example": VerdictsFile(file="verdicts.gz", sha256="0" * 64),
        "retired": Retired(count=0, audited=0, disagreements=0),
        "environment": ENVIRONMENT,
        "cost": Cost(wall_s=1.0, flops_per_iteration=1_000_000 + seed % 1000, peak_memory_bytes=1),
    }
    return _signed(fields, Verdicts(first, at, solved))


def _signed(fields: dict[str, Any], verdicts: Verdicts) -> Record:
    """The record of these fields and verdicts, with the hashes of what they say."""
    parts = {name: Record.model_fields[name].annotation for name in ("model", "task", "split", "examples")}
    typed = {name: kind.model_validate(fields[name]) for name, kind in parts.items()}
    record = Record(cell=cell_hash(Record.model_construct(**fields | typed)), **fields | typed)
    digest = sha256(verdicts.pack())
    file = VerdictsFile(file=f"{record.file_name.removesuffix('.json')}.{digest[:16]}.gz", sha256=digest)
    return record.model_copy(update={"per_example": file}).with_verdicts(verdicts)


def make_verification(entry: Entry, verdict: str) -> Verification:
    """What finds just what was reported, on one example in twenty, and nothing else."""
    splits: dict[str, VerifiedSplit] = {}
    for name, record in entry.records.items():
        counts, n = record.primary.correct, max(20, record.primary.n // 20)
        at = [len(counts) // k for k in (8, 4, 2, 1)]
        found = [round(n * counts[t - 1] / record.primary.n) for t in at]
        splits[name] = VerifiedSplit(
            reproduced=Reproduced(
                n=n, iterations=at, reported=found, found=found, flips=[0] * 4, agrees=verdict == "verified"
            ),
            fresh=Fresh(n=n, correct=found, p_value=0.5, agrees=True),
            untrained=Untrained(n=n, correct=[0] * 4, chance=0.0, agrees=True),
        )
    return Verification(
        schema_version=1,
        created=CREATED,
        seed=0,
        commit=None,
        share=0.05,
        evidence=entry.evidence,
        splits=splits,
        verdict=verdict,
        reasons=[] if verdict == "verified" else ["the counts differ"],
        environment=ENVIRONMENT,
    )
