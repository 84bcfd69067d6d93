import math

import numpy as np
import pytest
from evaluation_toys import made_record
from scipy.stats import binom, fisher_exact

from loopbench.evaluation.statistics import (
    Z,
    binomial_tail,
    correct_at_depth,
    correlation,
    difference,
    fisher,
    holm,
    mean,
    rate,
    summarize,
    wilson,
)


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    # Newcombe 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_as_published(correct: int, n: int, low: float, high: float) -> None:
    assert wilson(correct, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("correct", "n"), [(1, 2), (3, 7), (485, 500), (499, 500), (17, 10_000)])
def test_a_wilson_interval_ends_where_the_score_test_rejects(correct: int, n: int) -> None:
    for end in wilson(correct, n):
        assert abs(correct / n - end) == pytest.approx(Z * math.sqrt(end * (1 - end) / n))


def test_a_wilson_interval_of_all_or_nothing_holds_it() -> None:
    for n in (1, 3, 500, 10**7):
        assert wilson(0, n)[0] == 0
        assert wilson(n, n)[1] == 1


def test_the_summary_of_a_curve_that_falls() -> None:
    record = made_record([1, 2, 3, 0, 4], 20, lost={0: 10, 1: 12})
    summary = summarize(record)
    assert (summary.peak, summary.peak_iteration, summary.last) == (0.8, 4, 0.4)
    assert summary.overthinking == pytest.approx(0.4)
    assert summary.retention == pytest.approx(2 / 4)


def test_there_is_no_retention_of_nothing() -> None:
    summary = summarize(made_record([0, 0], 5))
    assert summary.retention is None
    assert (summary.peak, summary.peak_iteration, summary.last, summary.overthinking) == (0, None, 0, 0)


@pytest.mark.parametrize(
    ("layers", "depth", "count"), [(1, 2, 2), (1, 10, 3), (1, 11, None), (4, 5, 2), (4, 8, 2), (4, 9, 3)]
)
def test_accuracy_at_an_effective_depth(layers: int, depth: int, count: int | None) -> None:
    record = made_record([1, 2, 3], 10, model={"layers_per_step": layers})
    assert correct_at_depth(record, depth) == count


def test_a_mean_of_one_estimate_is_itself_and_more_are_narrower() -> None:
    part = rate(30, 100)
    assert mean([part]) == part
    several = mean([part] * 4)
    assert several.value == pytest.approx(0.3)
    assert several.value - several.low == pytest.approx((part.value - part.low) / 2)
    assert several.high - several.value == pytest.approx((part.high - part.value) / 2)


def test_an_interval_of_a_paired_difference_is_narrower_the_more_the_verdicts_go_together() -> None:
    solved = np.arange(200) < 120
    several = {
        "as one": np.arange(200) < 118,
        "unrelated": np.arange(200) % 100 < 59,
        "opposed": np.arange(200) >= 82,
    }
    found = [difference(rate(120, 200), rate(118, 200), correlation(solved, other)) for other in several.values()]
    assert [estimate.value for estimate in found] == pytest.approx([0.01] * 3)
    widths = [estimate.high - estimate.low for estimate in found]
    assert widths == sorted(widths)
    assert widths[0] < 0.05 < 0.2 < widths[-1]


def test_the_interval_of_no_difference_between_nothing_and_nothing() -> None:
    nothing = np.zeros(50, np.bool_)
    found = difference(rate(0, 50), rate(0, 50), correlation(nothing, nothing))
    assert (found.value, found.low, found.high) == (0, -wilson(0, 50)[1], wilson(0, 50)[1])


def test_an_interval_of_a_paired_difference_holds_it_19_times_in_20() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        solved = rng.random(200) < 0.6
        kept = solved & (rng.random(200) < 0.95)
        found = difference(rate(int(solved.sum()), 200), rate(int(kept.sum()), 200), correlation(solved, kept))
        held += found.low <= 0.6 * 0.05 <= found.high
    assert held / 2000 == pytest.approx(0.96, abs=0.03)


@pytest.mark.parametrize(
    ("correct", "n", "others", "m"),
    [
        (3, 4, 1, 4),
        (500, 500, 490, 500),
        (480, 500, 480, 500),
        (0, 10, 3, 10),
        (10, 10, 0, 10),
        (900, 1000, 150, 200),
        (5, 5, 0, 0),
    ],
)
def test_fishers_test_against_scipy(correct: int, n: int, others: int, m: int) -> None:
    table = [[correct, n - correct], [others, m - others]]
    assert fisher(correct, n, others, m) == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-9)


def test_the_lady_tasting_tea() -> None:
    assert fisher(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert fisher(3, 4, 1, 4) == pytest.approx(17 / 70)


@pytest.mark.parametrize(
    ("k", "n", "p"),
    [
        (3, 5, 0.3),
        (0, 5, 0.3),
        (6, 5, 0.3),
        (5, 5, 0.3),
        (4, 50, 0.01),
        (20, 25, 0.008),
        (30, 1100, 0.01),
        (5200, 10_000, 0.5),
        (0, 25, 0.0),
        (1, 25, 0.0),
        (25, 25, 1.0),
        (26, 25, 1.0),
    ],
)
def test_a_binomial_tail_against_scipy(k: int, n: int, p: float) -> None:
    assert binomial_tail(k, n, p) == pytest.approx(binom.sf(k - 1, n, p), rel=1e-9)


@pytest.mark.parametrize(
    ("p_values", "level", "rejected"),
    [
        ([0.02, 0.001, 0.004], 0.01, [False, True, True]),
        ([0.004, 0.006], 0.01, [True, True]),
        ([0.006, 0.006], 0.01, [False, False]),
        ([0.01, 0.02, 0.001], 0.02, [True, True, True]),
        # Holm 1979, section 3: the smallest against 0.05/6 = 0.0083, then 0.01, 0.0125; 0.02 fails at 0.0167, and with
        # it all that are larger, though 0.021 is below 0.025
        ([0.008, 0.0099, 0.02, 0.012, 0.021, 0.5], 0.05, [True, True, False, True, False, False]),
        ([], 0.01, []),
    ],
)
def test_holm_rejects_from_the_least_on(p_values: list[float], level: float, rejected: list[bool]) -> None:
    assert holm(p_values, level).tolist() == rejected
