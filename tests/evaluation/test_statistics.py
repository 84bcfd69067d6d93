import math

import pytest
from evaluation_toys import made_record

from loopbench.evaluation.statistics import Z, correct_at_depth, summarize, wilson


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
