import pytest
from evaluation_toys import made_record

from loopbench.evaluation.statistics import correct_at_depth, summarize, wilson


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    # Brown, Cai & DasGupta's formula, as R's prop.test(correct, n, correct = FALSE) prints it
    [
        (0, 10, 0.0, 0.2775328),
        (1, 10, 0.0178762, 0.4041500),
        (5, 10, 0.2365931, 0.7634069),
        (81, 263, 0.2552721, 0.3661995),
        (485, 500, 0.9510954, 0.9817340),
        (500, 500, 0.9923755, 1.0),
    ],
)
def test_wilson_intervals(correct: int, n: int, low: float, high: float) -> None:
    assert wilson(correct, n) == pytest.approx((low, high), abs=2e-7)


def test_the_summary_of_a_curve_that_falls() -> None:
    record = made_record([1, 2, 3, 0, 4], 20, lost={0: 10, 1: 12})
    summary = summarize(record)
    assert (summary.peak, summary.peak_iteration, summary.last) == (0.8, 4, 0.4)
    assert summary.overthinking == pytest.approx(0.4)
    assert summary.retention == pytest.approx(2 / 4)


def test_there_is_no_retention_of_nothing() -> None:
    summary = summarize(made_record([0, 0], 5))
    assert summary.retention is None
    assert (summary.peak, summary.last, summary.overthinking) == (0, 0, 0)


@pytest.mark.parametrize(
    ("layers", "depth", "count"), [(1, 2, 2), (1, 10, 3), (1, 11, None), (4, 5, 2), (4, 8, 2), (4, 9, 3)]
)
def test_accuracy_at_an_effective_depth(layers: int, depth: int, count: int | None) -> None:
    record = made_record([1, 2, 3], 10, model={"layers_per_step": layers})
    assert correct_at_depth(record, depth) == count
