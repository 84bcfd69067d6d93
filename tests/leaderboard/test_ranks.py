from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm, permutation_test

from loopbench.leaderboard.ranks import RADEMACHER, compare, ranks

Points = list[NDArray[np.uint8]]


def drawn(rng: np.random.Generator, m: int, sizes: tuple[int, ...] = (60, 90), rate: float = 0.5) -> Points:
    """Equally good models: each example has a difficulty that all of them share."""
    found: Points = []
    for n in sizes:
        easy = rng.beta(4 * rate, 4 * (1 - rate), n)
        found.append(rng.binomial(4, easy, (m, n)).astype(np.uint8))
    return found


def exact(points: Points) -> float:
    """The two-sided p-value of the paired permutation test of two models, from all of its sign flips."""
    differences = np.concatenate([(p[0].astype(int) - p[1]) / p.shape[1] for p in points])
    differences = differences[differences != 0]
    signs = np.array(list(product((-1, 1), repeat=len(differences))))
    return float((np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12).mean()) if len(differences) else 1.0


def test_the_constant_is_the_published_one() -> None:
    assert pytest.approx(1 / (4 * norm.sf(2**0.5))) == RADEMACHER
    assert pytest.approx(3.178, abs=1e-3) == RADEMACHER


def test_the_lead_is_the_difference_of_the_means_over_splits() -> None:
    points = [np.array([[4, 4], [0, 2]], np.uint8), np.array([[1, 1, 1], [4, 4, 1]], np.uint8)]
    lead, _ = compare(points)
    assert lead[0, 1] == pytest.approx((4 - 1) + (1 - 3))
    assert lead[1, 0] == -lead[0, 1]


def test_p_is_never_below_that_of_the_permutation_test_and_rarely_far_above() -> None:
    rng = np.random.default_rng(0)
    ratios: list[float] = []
    for _ in range(300):
        n = int(rng.integers(1, 8))
        points = [rng.integers(0, 5, (2, n)).astype(np.uint8), rng.integers(0, 5, (2, n + 1)).astype(np.uint8)]
        truth, bound = exact(points), compare(points)[1][0, 1]
        assert bound >= truth - 1e-12
        ratios.append(bound / truth)
    assert max(ratios) < 10


def test_p_against_scipy_where_there_are_too_many_flips_to_list() -> None:
    rng = np.random.default_rng(1)
    points = drawn(rng, 2, (300, 200))
    points[0][0] = np.minimum(4, points[0][0] + rng.binomial(1, 0.12, 300))
    weighted = np.concatenate([(p[0].astype(float) - p[1]) / p.shape[1] for p in points])
    found = permutation_test(
        (weighted,), lambda x, axis: x.sum(axis), permutation_type="samples", n_resamples=20_000, rng=rng
    )
    bound = compare(points)[1][0, 1]
    assert found.pvalue <= bound <= 4 * found.pvalue


def test_equal_models_are_seldom_told_apart() -> None:
    """Of a table of equal models, at most one in twenty has two ranks: that is what 5 % means."""
    rng = np.random.default_rng(2)
    wrong = sum(set(ranks(drawn(rng, 6))) != {1} for _ in range(300))
    assert wrong <= 0.05 * 300


def test_a_clear_difference_is_found() -> None:
    rng = np.random.default_rng(3)
    points = [
        np.concatenate([better, worse])
        for better, worse in zip(drawn(rng, 2, rate=0.7), drawn(rng, 2, rate=0.3), strict=True)
    ]
    assert ranks(points) == [1, 1, 3, 3]


def test_nobody_is_better_than_an_equal() -> None:
    points = [np.tile(np.arange(100, dtype=np.uint8) % 5, (3, 1))]
    assert ranks(points) == [1, 1, 1]
    assert (compare(points)[1] == 1).all()


def test_only_rivals_count() -> None:
    points = [np.array([[4], [2], [0]], np.uint8).repeat(200, axis=1)]
    assert ranks(points) == [1, 2, 3]
    assert ranks(points, np.array([False, True, True])) == [1, 1, 2]
    assert ranks([p[:1] for p in points]) == [1]


def test_all_pairs_are_one_family() -> None:
    """The same two models with the same answers are told apart alone, and not among many who are all alike."""
    better, worse = np.zeros((2, 400), np.uint8)
    better[:14] = 1
    pair = np.stack([better, worse])
    assert compare([pair])[1][0, 1] < 0.05
    assert ranks([pair]) == [1, 2]
    assert ranks([np.concatenate([pair, worse[None].repeat(20, axis=0)])]) == [1] * 22


def test_the_order_of_examples_and_models_decides_nothing() -> None:
    rng = np.random.default_rng(4)
    points = drawn(rng, 5, (500,), rate=0.4)
    points[0][3] = np.minimum(4, points[0][3] + 1)
    columns, rows = rng.permutation(500), rng.permutation(5)
    assert [ranks([points[0][rows][:, columns]])[i] for i in np.argsort(rows)] == ranks(points)
