"""Verifying an entry: its model is run again, on examples of its records and on some that nobody has seen."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from loopbench.contracts import Task
from loopbench.evaluation.environment import current_environment
from loopbench.evaluation.protocol import scored_iterations
from loopbench.evaluation.record import Record, now
from loopbench.leaderboard.comparison import Verdicts, compare, mismatches, refusals
from loopbench.leaderboard.model_files import ModelFiles, check_files
from loopbench.leaderboard.plugin_code import plugin_code
from loopbench.leaderboard.samples import Key, Sample, fresh_examples, public_rows, verdicts
from loopbench.leaderboard.sandbox import Fault, Said, open_sandbox
from loopbench.leaderboard.submission import Entry
from loopbench.leaderboard.verification import Verification, VerifiedSplit
from loopbench.plugins import get_task
from loopbench.tasks.splits import derived_seed, find_split
from loopbench.weights import MAX_HEADER_BYTES

FLOPS_TOLERANCE = 0.05
"""Versions of torch may count an operation differently."""


@dataclass(frozen=True)
class Plan:
    """How entries are verified.

    Attributes:
        seed: decides what is drawn.
        commit: that the seed was derived from.
        share: of a split's examples that are run again.
        seconds: that each of a model's two processes may take.
    """

    seed: int
    commit: str | None
    share: float
    seconds: float


def verify(entry: Entry, files: ModelFiles, plan: Plan) -> Verification:
    """Run an entry's model again.

    Args:
        entry: one that passed `check`.

    Raises:
        LoopbenchError: it needs a plugin that is neither its own nor installed.
    """
    task = get_task(entry.record.task.name)
    splits: dict[str, VerifiedSplit] = {}
    try:
        check_files(entry, files)
        samples = _samples(task, entry, plan)
        with tempfile.TemporaryDirectory() as folder:
            trained, untrained = _run(task, entry, files, samples, plan, Path(folder))
        splits = compare(task, entry.records, samples, trained, untrained)
        refused = refusals(splits)
    except Fault as fault:
        refused = [str(fault)]
    different = mismatches(splits, entry.records)
    return Verification(
        schema_version=1,
        created=now(),
        seed=plan.seed,
        commit=plan.commit,
        share=plan.share,
        evidence=entry.evidence,
        splits=splits,
        verdict="refused" if refused else "mismatch" if different else "verified",
        reasons=refused + different,
        environment=current_environment(torch.device("cpu"), False),
    )


def _samples(task: Task, entry: Entry, plan: Plan) -> dict[Key, Sample]:
    """Of every split that needs no download, and fresh examples like it."""
    samples: dict[Key, Sample] = {}
    for name, record in entry.records.items():
        split = find_split(task, name)
        if split.downloaded:
            continue
        scored = scored_iterations(split, record.model.layers_per_step)
        iterations = tuple(t for t in scored if t <= record.protocol.iterations)
        precision = record.protocol.precision
        precision = "float32" if precision == "tf32" else precision  # which needs CUDA
        rows = public_rows(name, split.count, plan.share, plan.seed)
        retirement = record.protocol.retirement
        samples[name, "public"] = Sample(task.load(name).select(rows), rows, iterations, precision, retirement)
        if (fresh := fresh_examples(task.name, name, len(rows), plan.seed)) is not None:
            samples[name, "fresh"] = Sample(fresh, (), iterations, precision, retirement)
    return samples


def _run(
    task: Task, entry: Entry, files: ModelFiles, samples: Mapping[Key, Sample], plan: Plan, folder: Path
) -> tuple[Verdicts, Verdicts]:
    """What the model solves of all samples, and what it solves of the splits' own before any training."""
    code = plugin_code(entry, task, folder / "plugin")
    files.write(folder / "trained")
    with open_sandbox(folder / "trained", code, plan.seconds) as sandbox:
        _check_said(sandbox.said, entry)
        for (name, kind), sample in samples.items():
            if kind == "public":
                _check_flops(sandbox.flops(sample.examples.inputs[:1]), entry.records[name])
        limit = len(files.weights) + MAX_HEADER_BYTES
        blank = ModelFiles(files.config, sandbox.untrained(derived_seed(plan.seed, "untrained"), limit))
        trained = verdicts(sandbox, task, samples, plan.seed)
    blank.write(folder / "untrained")
    public = {key: sample for key, sample in samples.items() if key[1] == "public"}
    with open_sandbox(folder / "untrained", code, plan.seconds) as sandbox:
        return trained, verdicts(sandbox, task, public, plan.seed)


def _check_said(said: Said, entry: Entry) -> None:
    model = entry.record.model
    for what, found, recorded in (
        ("parameters", said.parameters, model.parameters),
        ("layers a step", said.layers_per_step, model.layers_per_step),
    ):
        if found != recorded:
            raise Fault(f"the model has {found:,} {what}, but the records say {recorded:,}")
    if said.time_dependent != entry.submission.model.time_dependent:
        does = "depends" if said.time_dependent else "does not depend"
        raise Fault(f"its package says that the update {does} on t, but submission.yaml says otherwise")


def _check_flops(found: int, record: Record) -> None:
    assert record.cost is not None  # it is complete
    recorded = record.cost.flops_per_iteration
    if abs(found - recorded) > FLOPS_TOLERANCE * max(found, recorded):
        raise Fault(f"a step has {found:,} FLOPs on {record.split.name}, but the record says {recorded:,}")
