"""Rates from a record's integers, and how far they can be trusted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbench.evaluation.protocol import iterations_to_depth
from loopbench.evaluation.record import Record
from loopbench.evaluation.retirement import PERIOD

Z = 1.959963984540054  # the normal quantile of 97.5 %: intervals are of 95 %


def wilson(correct: float, n: int) -> tuple[float, float]:
    """The 95 % score interval of a rate (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953).

    Args:
        correct: of `n`; need not be an integer, if it is a sum of numbers between 0 and 1.
    """
    p, z2n = correct / n, Z * Z / n
    centre = (p + z2n / 2) / (1 + z2n)
    half = Z * math.sqrt(p * (1 - p) / n + z2n / (4 * n)) / (1 + z2n)
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    def __mul__(self, factor: float) -> "Estimate":
        return Estimate(factor * self.value, factor * self.low, factor * self.high)

    __rmul__ = __mul__


def rate(correct: float, n: int) -> Estimate:
    """A rate with its Wilson interval."""
    return Estimate(correct / n, *wilson(correct, n))


def mean(parts: Sequence[Estimate]) -> Estimate:
    """The mean of independent estimates, its interval by the method of variance estimates recovery (Zou & Donner 2008,
    https://doi.org/10.1002/sim.3095)."""
    value = math.fsum(part.value for part in parts) / len(parts)
    below = math.hypot(*(part.value - part.low for part in parts)) / len(parts)
    above = math.hypot(*(part.high - part.value for part in parts)) / len(parts)
    return Estimate(value, value - below, value + above)


def difference(first: Estimate, second: Estimate, correlation: float) -> Estimate:
    """How much more the first rate is than the second, on the same examples (Newcombe 1998, method 10,
    https://doi.org/10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C).

    Args:
        correlation: of the verdicts behind the two.
    """

    def half(a: float, b: float) -> float:
        return math.sqrt(max(0.0, a * a - 2 * correlation * a * b + b * b))

    value = first.value - second.value
    below = half(first.value - first.low, second.high - second.value)
    above = half(first.high - first.value, second.value - second.low)
    return Estimate(value, max(-1.0, value - below), min(1.0, value + above))


def correlation(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Of two lists of verdicts on the same examples: φ with Newcombe's correction, 0 where one of them is constant."""
    n, both, p, q = len(first), int((first & second).sum()), int(first.sum()), int(second.sum())
    scale = math.sqrt(p * (n - p) * q * (n - q))
    excess = n * both - p * q
    return (max(0.0, excess - n / 2) if excess > 0 else excess) / scale if scale else 0.0


def fisher(correct: int, n: int, others: int, m: int) -> float:
    """Fisher's exact test: how probable it is that at least `correct` of n are right, if the n + m examples were dealt
    at random into n and m, and `correct` + `others` of all are right."""
    right, total = correct + others, n + m
    ways = _log_choose(total, n)
    most = min(n, right)
    terms = (_log_choose(right, k) + _log_choose(total - right, n - k) - ways for k in range(correct, most + 1))
    return min(1.0, math.fsum(map(math.exp, terms)))


def binomial_tail(k: int, n: int, p: float) -> float:
    """P(at least k of n) if each happens with probability p."""
    if p in (0, 1):  # which have no logarithms
        return float(k <= n * p)
    terms = (_log_choose(n, i) + i * math.log(p) + (n - i) * math.log1p(-p) for i in range(k, n + 1))
    return min(1.0, math.fsum(map(math.exp, terms)))


def holm(p_values: Sequence[float] | NDArray[np.float64], level: float) -> NDArray[np.bool_]:
    """Which hypotheses are rejected at a level in all (Holm 1979, https://www.jstor.org/stable/4615733)."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    passes = p[order] <= level / np.arange(len(p), 0, -1)
    rejected = np.zeros(len(p), np.bool_)
    rejected[order] = np.logical_and.accumulate(passes)
    return rejected


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) if 0 <= k <= n else -math.inf


@dataclass(frozen=True)
class Summary:
    """A record's curve in a few numbers.

    Attributes:
        peak: the highest accuracy. Its iteration was chosen on these very examples: a choice belongs on a dev split.
        peak_iteration: the first iteration that reaches it; `None` if nothing is ever solved.
        last: accuracy at T.
        overthinking: peak − last.
        retention: of the examples solved at some iteration, the share still solved at T; `None` if there is none.
        settled: the share of the examples whose state came to rest before T; `None` where nobody looked, or the audit
            found that it had not.
    """

    peak: float
    peak_iteration: int | None
    last: float
    overthinking: float
    retention: float | None
    settled: float | None


def summarize(record: Record) -> Summary:
    """The summary of a complete record under its primary metric."""
    correct, n = record.primary.correct, record.primary.n
    peak, last = max(correct), correct[-1]
    looked = record.protocol.retirement and not record.cut and record.protocol.iterations > PERIOD
    retired = record.retired if looked else None
    ever = int((record.verdicts.first_solved > 0).sum())
    return Summary(
        peak=peak / n,
        peak_iteration=correct.index(peak) + 1 if peak else None,
        last=last / n,
        overthinking=(peak - last) / n,
        retention=last / ever if ever else None,
        settled=retired.count / record.examples.count if retired and not retired.disagreements else None,
    )


def correct_at_depth(record: Record, depth: int) -> int | None:
    """How many examples are right at an effective depth in layers; `None` if the record ends before it."""
    t = iterations_to_depth(depth, record.model.layers_per_step)
    return record.primary.correct[t - 1] if t <= record.protocol.iterations else None
