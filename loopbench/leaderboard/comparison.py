"""What was reported beside what was found, split by split, and in words where they disagree."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from loopbench.contracts import Task
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import holm
from loopbench.leaderboard.agreement import (
    FRESH_LEVEL,
    above_chance,
    better_than_fresh,
    chance,
    device_explains,
)
from loopbench.leaderboard.samples import Key, Sample
from loopbench.leaderboard.verification import Fresh, Reproduced, Untrained, VerifiedSplit

Verdicts = Mapping[Key, NDArray[np.bool_]]


def compare(
    task: Task, records: Mapping[str, Record], samples: Mapping[Key, Sample], trained: Verdicts, untrained: Verdicts
) -> dict[str, VerifiedSplit]:
    """What was found on every split that was run again.

    Args:
        trained: `(k, n)`, what the model solves of each sample at the k scored iterations.
        untrained: what it solves of the splits' own before any training.
    """
    fresh = {name for name, kind in samples if kind == "fresh"}
    p_values = {name: _p_value(records[name], samples[name, "fresh"], trained[name, "fresh"]) for name in sorted(fresh)}
    easier = dict(zip(p_values, holm(list(p_values.values()), FRESH_LEVEL), strict=True))
    return {
        name: VerifiedSplit(
            reproduced=_reproduced(records[name], sample, trained[name, kind]),
            fresh=Fresh(
                n=len(samples[name, "fresh"].examples),
                correct=_counts(trained[name, "fresh"]),
                p_value=p_values[name],
                agrees=not easier[name],
            )
            if name in fresh
            else None,
            untrained=_untrained(task, name, untrained[name, kind]),
        )
        for (name, kind), sample in samples.items()
        if kind == "public"
    }


def _reproduced(record: Record, sample: Sample, found: NDArray[np.bool_]) -> Reproduced:
    at = record.verdicts.iterations.tolist()
    reported = record.verdicts.solved[[at.index(t) for t in sample.iterations]][:, list(sample.rows)]
    flips = _counts(reported != found)
    return Reproduced(
        n=len(sample.rows),
        iterations=list(sample.iterations),
        reported=_counts(reported),
        found=_counts(found),
        flips=flips,
        agrees=device_explains(flips, len(sample.rows)),
    )


def _p_value(record: Record, sample: Sample, found: NDArray[np.bool_]) -> float:
    public = [record.primary.correct[t - 1] for t in sample.iterations]
    return better_than_fresh(public, record.primary.n, _counts(found), len(sample.examples))


def _untrained(task: Task, split: str, found: NDArray[np.bool_]) -> Untrained:
    correct, n = _counts(found), found.shape[1]
    rate = chance(task.metrics[0], task.load(split), task.shape.num_classes)
    return Untrained(n=n, correct=correct, chance=rate, agrees=not above_chance(correct, n, rate))


def refusals(splits: Mapping[str, VerifiedSplit]) -> list[str]:
    """A line for each split that the model solves before any training."""
    return [
        f"{name}: with weights that were never trained {max(split.untrained.correct)} of {split.untrained.n} are "
        f"right, where chance is below {split.untrained.chance:.1%}: the solver is in the code"
        for name, split in splits.items()
        if not split.untrained.agrees
    ]


def mismatches(splits: Mapping[str, VerifiedSplit], records: Mapping[str, Record]) -> list[str]:
    """A line for each split of which something else was reported than found, or that is easier than fresh examples."""
    lines: list[str] = []
    for name, split in splits.items():
        run, fresh = split.reproduced, split.fresh
        if not run.agrees:
            i = _largest(run.flips)
            lines.append(
                f"{name}: of {run.n} examples {run.reported[i]} were reported right at t = {run.iterations[i]} and "
                f"{run.found[i]} are; {run.flips[i]} verdicts differ, more than another device explains"
            )
        if fresh and not fresh.agrees:
            n = records[name].primary.n
            public = [records[name].primary.correct[t - 1] for t in run.iterations]
            i = _largest([a * fresh.n - b * n for a, b in zip(public, fresh.correct, strict=True)])
            lines.append(
                f"{name}: {public[i]} of {n} were reported right at t = {run.iterations[i]}, but of fresh examples "
                f"like them {fresh.correct[i]} of {fresh.n} are (p = {fresh.p_value:.1g}): it knows the public ones"
            )
    return lines


def _largest(values: Sequence[int]) -> int:
    return max(range(len(values)), key=values.__getitem__)


def _counts(solved: NDArray[np.bool_]) -> list[int]:
    return solved.sum(1).tolist()
