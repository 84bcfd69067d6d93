"""Ranks that uncertainty allows: 1 + the number of models that are significantly better.

Two models are compared on the same examples. If they were equally good, the two answers to an example could as well be
swapped: their difference would have either sign with probability ½. The score difference is then a sum of the
differences with random signs, a Rademacher sum, whose tail is never above 3.178 times that of the normal distribution
with the same variance, whatever the differences are (Bentkus & Dzindzalieta 2015, https://doi.org/10.3150/14-BEJ603).
That bound is the p-value of the paired permutation test: it needs no permutations, it errs on the safe side alone, and
all pairs of models cost one matrix product a split.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from loopbench.evaluation.statistics import holm

ALPHA = 0.05
RADEMACHER = 1 / (2 * math.erfc(1))  # 1 / 4 P(Z ≥ √2)


def ranks(points: Sequence[NDArray[np.uint8]], rivals: NDArray[np.bool_] | None = None) -> list[int]:
    """The rank of each of m models.

    Args:
        points: of each split a matrix `(m, n)`: at how many of the scored depths a model is right on an example. Every
            split weighs the same.
        rivals: `(m,)`, which models count when they are better; default: all.
    """
    lead, p = compare(points)
    pairs = np.triu_indices(len(p), 1)  # p is symmetric: each pair of models is one hypothesis
    apart = np.zeros(p.shape, np.bool_)
    apart[pairs] = holm(p[pairs], ALPHA)
    better = (lead < 0) & (apart | apart.T)
    if rivals is not None:
        better &= rivals
    return (1 + better.sum(1)).tolist()


def compare(points: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By how many points a model leads over another in the mean over splits of their means over examples, and the
    two-sided p-value of that: two matrices `(m, m)`."""
    m = len(points[0])
    lead, variance = np.zeros((m, m)), np.zeros((m, m))
    for each in points:
        totals = each.sum(1, dtype=np.int64)
        lead += (totals[:, None] - totals) / each.shape[1]
        values = each.astype(np.float64)  # integers: every sum and product is exact, in whatever order it is done
        products = values @ values.T
        squares = products.diagonal()
        variance += (squares[:, None] + squares - 2 * products) / each.shape[1] ** 2
    z = np.divide(np.abs(lead), np.sqrt(variance), out=np.zeros_like(lead), where=variance > 0)
    both_tails = np.vectorize(math.erfc, otypes=[np.float64])(z / math.sqrt(2))
    return lead, np.minimum(1, RADEMACHER * both_tails)
