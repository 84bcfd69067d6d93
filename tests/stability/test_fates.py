"""Every map is called what it is."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from evaluation_toys import Toy
from stability_maps import (
    ALTERNATION,
    CONSTANT,
    CONTRACTION,
    DRIFT,
    EXPANSION,
    FORGETFUL,
    HOPF,
    INPUTS,
    LOGISTIC,
    NAN,
    OVERFLOW,
    SLOWING_DRIFT,
    TWO_POINTS,
    linear,
    toy,
    turn,
)

from loopbench.errors import LoopbenchError
from loopbench.stability import Course, follow, measure_reachability
from loopbench.stability.fates import Fate, reached, reached_at
from loopbench.stability.reachability import Reachability


def measure(model: Toy, iterations: int = 256) -> Reachability:
    return measure_reachability(model, follow(model, INPUTS, iterations))


@pytest.mark.parametrize(
    ("model", "fate"),
    [
        (CONTRACTION, "reached"),
        (linear([[0.9, 0.0], [0.0, -0.3]]), "reached"),
        (linear(turn(0.7, 0.9)), "reached"),
        (linear([[0.9, 5.0], [0.0, 0.9]]), "reached"),
        (linear([[0.0, 40.0], [0.0, 0.0]]), "reached"),
        (CONSTANT, "reached"),
        (FORGETFUL, "reached"),
        (TWO_POINTS, "reached"),
        (toy(lambda h, e: 0.95 * h), "converging"),  # to zero, of which no path is a small part
        (linear(turn(0.1), injected=0), "circling"),
        (linear(turn(2 * math.pi / 5), injected=0), "cycle"),
        (ALTERNATION, "cycle"),
        (HOPF, "cycle"),
        (LOGISTIC, "chaotic"),
        (DRIFT, "drifting"),
        (SLOWING_DRIFT, "drifting"),
        (linear([[1.0, 0.3], [0.0, 1.0]], injected=0), "drifting"),
        (EXPANSION, "diverging"),
        (linear(turn(0.7, 1.02), injected=0), "diverging"),
        (linear([[1.1, 0.0], [0.0, 0.5]]), "diverging"),
        (OVERFLOW, "diverging"),
        (NAN, "diverging"),
    ],
    ids=[
        "contraction",
        "normal",
        "spiral",
        "jordan",
        "nilpotent",
        "constant",
        "forgetful",
        "two-points",
        "to-zero",
        "turn",
        "fifth-turn",
        "alternation",
        "hopf",
        "logistic",
        "drift",
        "slowing-drift",
        "shear",
        "expansion",
        "outward-spiral",
        "saddle",
        "overflow",
        "nan",
    ],
)
@pytest.mark.parametrize("iterations", [128, 512])
def test_every_map_has_its_fate(model: Toy, fate: Fate, iterations: int) -> None:
    assert measure(model, iterations).fates == {fate: len(INPUTS)}


@pytest.mark.parametrize(
    ("model", "rate", "tolerance"),
    [
        # exact but for rounding: a window's last changes are 100 epsilon of the state, its first 2^15 times that
        (CONTRACTION, 0.5, 1e-6),
        (linear(turn(0.7, 0.9)), 0.9, 1e-6),
        # the change falls as t 0.9^t, so by (1 + 1/t) 0.9 a step; t > 100 where rounding sets in
        (linear([[0.9, 5.0], [0.0, 0.9]]), 0.9, 0.01),
        (CONSTANT, 0.0, 0.0),
    ],
)
def test_the_rate_of_contraction(model: Toy, rate: float, tolerance: float) -> None:
    found = measure(model).rate
    assert found is not None
    assert found.n == len(INPUTS)
    assert found.value == pytest.approx(rate, rel=tolerance, abs=1e-12)


def test_the_time_of_arrival_is_that_of_the_formula() -> None:
    """h_t = h* + c^t (h_0 − h*), so the path from t on is c^t ‖h_0 − h*‖."""
    course = follow(CONTRACTION, INPUTS, 128)
    point, start = 2.0 * INPUTS, INPUTS + 0.6
    ratio = 1e-3 * point.norm(dim=1) / (start - point).norm(dim=1)
    expected = np.ceil(np.log(ratio.numpy()) / math.log(0.5))
    assert reached_at(course).tolist() == expected.tolist()


@pytest.mark.parametrize(("model", "period"), [(ALTERNATION, 2), (HOPF, 7), (linear(turn(2 * math.pi / 5), 0), 5)])
def test_periods(model: Toy, period: int) -> None:
    assert {example.period for example in measure(model).examples} == {period}


@pytest.mark.parametrize(
    ("model", "exponent", "tolerance"),
    [
        # every |f'| of an orbit is 2 times a ratio of sines, which telescope: off by O(1) / 256 but for rare orbits
        (LOGISTIC, math.log(2), 0.05),
        (ALTERNATION, 0.0, 1e-12),
        (linear(turn(0.1), injected=0), 0.0, 1e-12),
        (DRIFT, 0.0, 1e-12),
        (EXPANSION, math.log(1.05), 1e-12),
        (toy(lambda h, e: 0.95 * h), math.log(0.95), 1e-12),
    ],
)
def test_the_leading_lyapunov_exponent(model: Toy, exponent: float, tolerance: float) -> None:
    found = measure(model, 512).lyapunov
    assert found is not None
    assert found.value == pytest.approx(exponent, abs=tolerance)


class Growing(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor([1.05]))

    def forward(self, h: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
        return self.factor * h


def test_exponents_are_in_float64_also_of_paths_in_float32() -> None:
    model = Toy(Growing(), start=lambda e: e + 0.6)
    course = follow(model, INPUTS, 256)
    assert course.end.dtype == torch.float32
    found = measure_reachability(model, course)
    factor = model.update.factor
    assert factor.dtype == torch.float32, "the model is left as it is"
    assert found.lyapunov is not None
    assert found.lyapunov.value == pytest.approx(math.log(factor.item()), abs=1e-12)


def test_a_drift_has_a_falling_residual_and_converges_nowhere() -> None:
    """h_t = t d, so ‖Δ_t‖ / ‖h_t‖ = 1/t; after a million steps that would pass for rest."""
    found = measure(DRIFT)
    assert [row[2] for row in found.residuals] == pytest.approx([1 / t for t in range(1, 256)])
    assert found.reached.value == 0
    assert found.reached_at is None and found.rate is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounding_does_not_keep_a_contraction_from_arriving(dtype: torch.dtype) -> None:
    """Products with a dense matrix, whose rounding never comes to rest."""
    q, _ = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    model = Toy(lambda h, e: 0.8 * h @ q.to(dtype) + torch.tanh(e), dtype=dtype)
    inputs = torch.randint(-3, 5, (20, 64), generator=torch.Generator().manual_seed(0))
    found = measure_reachability(model, follow(model, inputs, 400))
    assert found.fates == {"reached": 20}
    assert found.rate is not None
    assert found.rate.value == pytest.approx(0.8, rel=1e-3)


def test_a_state_that_rounding_keeps_moving_has_arrived() -> None:
    """Trained models at rest move by up to 8 epsilons of the norm, in sizes that do not shrink."""
    course = follow(CONTRACTION, INPUTS, 128)
    jitter = 8 * course.epsilon * course.norms[1:]
    moving = replace(course, changes=np.maximum(course.changes, jitter))
    assert reached(moving).all()
    assert not reached(replace(course, changes=course.changes + 1e-6)).any(), "that is a drift"


def test_the_last_change_of_the_answer_and_of_the_state_are_told_apart() -> None:
    """h = 8 (1 − 2^−t) − 7.9 changes its sign, which is the answer, at t = 7, and moves on."""
    model = toy(lambda h, e: 0.5 * (h + 7.9) + 4 - 7.9, start=lambda e: 0 * e - 7.9)
    found = measure(model, 64)
    assert {example.answered_at for example in found.examples} == {7}
    assert {example.reached_at for example in found.examples} == {17}  # 8 · 2^−t ≤ 1e-3 · 0.1


def test_batches_change_nothing() -> None:
    whole, parts = follow(LOGISTIC, INPUTS, 64), follow(LOGISTIC, INPUTS, 64, batch_size=4)
    assert torch.equal(whole.end, parts.end)
    for name in ("norms", "changes", "cosines", "returns", "answered_at"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize("iterations", [16, 17, 18, 19, 33])
def test_short_loops_have_a_fate(iterations: int) -> None:
    course: Course = follow(linear([[0.1, 0.0], [0.0, 0.1]]), INPUTS, iterations)
    assert reached(course).all()
    assert measure(DRIFT, iterations).fates == {"drifting": len(INPUTS)}


def test_too_little_is_refused() -> None:
    with pytest.raises(LoopbenchError, match="at least 16"):
        follow(CONTRACTION, INPUTS, 15)
    with pytest.raises(LoopbenchError, match="no example"):
        follow(CONTRACTION, INPUTS[:0], 64)
