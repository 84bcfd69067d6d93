"""What counts as agreement between a record and the model run again; docs/leaderboard.md has the measurements."""

from collections.abc import Sequence

import torch

from loopbench.contracts import IGNORED, Examples, Metric
from loopbench.evaluation.statistics import binomial_tail, fisher, wilson

FLIP_RATE = 0.01
"""Of the verdicts at an iteration; other batches were seen to flip 6 of 9,820 in all, and 3 of 50 where most did."""
FLIP_LEVEL = 0.001
FRESH_LEVEL = 0.01
CHANCE_LEVEL = 1e-6
"""A network that was never trained is not quite the constant answer that chance is measured by; a solver is far off."""


def device_explains(flips: Sequence[int], n: int) -> bool:
    """Whether so many flipped verdicts at each scored iteration, of n examples, may come from another device.

    They may not if verdicts that each flip with probability `FLIP_RATE` flip that often at an iteration in less than
    one of 1,000 cases. A flip counts the same in either direction.
    """
    return all(binomial_tail(count, n, FLIP_RATE) > FLIP_LEVEL for count in flips)


def better_than_fresh(public: Sequence[int], n: int, fresh: Sequence[int], m: int) -> float:
    """The p-value of "the public split is no easier for the model than fresh examples": Fisher's exact test, one-sided,
    at each scored iteration, and the least p-value times their number (Bonferroni).

    Args:
        public: how many of the n public examples are right at the scored iterations.
        fresh: how many of the m fresh ones.
    """
    least = min(fisher(a, n, b, m) for a, b in zip(public, fresh, strict=True))
    return min(1.0, len(public) * least)


def above_chance(correct: Sequence[int], n: int, chance: float) -> bool:
    """Whether it is not by chance that an untrained model solves so many of n examples at the scored iterations."""
    return any(binomial_tail(count, n, chance) * len(correct) < CHANCE_LEVEL for count in correct)


def chance(metric: Metric, examples: Examples, classes: int) -> float:
    """The most that an answer which is the same for every input may solve, as a rate.

    It is the upper end of the 95 % interval of what the commonest class of every cell solves.
    """
    counted = (examples.targets != IGNORED).unsqueeze(-1)
    kinds = torch.nn.functional.one_hot(examples.targets.clamp(min=0), classes) * counted
    commonest = kinds.sum(0).float()  # as logits: their order is what counts
    right = metric.score(commonest.expand(len(examples), *commonest.shape), examples)
    return wilson(int(right.sum()), len(examples))[1]
