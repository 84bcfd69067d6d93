"""Rates from a record's integers, and how far they can be trusted."""

import math
from dataclasses import dataclass

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
