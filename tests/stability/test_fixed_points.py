"""Fixed points, and how they move: against formulas, full decompositions and finite differences."""

import numpy as np
import pytest
import torch
from evaluation_toys import Toy
from stability_maps import CONTRACTION, DRIFT, FORGETFUL, INPUTS, NAN, TWO_POINTS, linear, toy, turn
from torch import Tensor

from loopbench import load_model, load_task
from loopbench.contracts import LoopedModel
from loopbench.stability import follow, measure_fixed_points, measure_spectra, sample
from loopbench.stability.fixed_points import FixedPoints, derivative, polish
from loopbench.stability.linearization import Linearization, Products
from loopbench.stability.spectrum import measure_growth, spectrum_at

TRAINED = "prefix-sums-recall-outer-s0"
STEP = 1e-5


@pytest.fixture(scope="module")
def trained() -> tuple[LoopedModel, Tensor]:
    """A bundled model in float64 on strings of 8 bits: 256 numbers in a state."""
    model = load_model(TRAINED).double().requires_grad_(False)
    return model, load_task("prefix-sums").sample(8, 0, 3).inputs


def measure(model: Toy, iterations: int = 64) -> FixedPoints:
    return measure_fixed_points(*sample(model, follow(model, INPUTS, iterations), 4))


def test_arnoldi_agrees_with_the_full_decomposition_of_a_trained_model(trained: tuple[LoopedModel, Tensor]) -> None:
    model, inputs = trained
    e = model.encode(inputs)
    h = model.step(model.step(e, e), e)
    full = spectrum_at(model, h, e, Products(), size=256)
    few = spectrum_at(model, h, e, Products(), size=64)
    for i in range(len(inputs)):
        jacobian = torch.func.jacrev(lambda x, at=e[i : i + 1]: model.step(x, at)[0])(h[i : i + 1])
        expected = np.linalg.eigvals(jacobian.reshape(256, 256).numpy())
        expected = expected[np.argsort(-np.abs(expected))]
        assert np.abs(expected[:20].imag).max() > 0.01, "there are complex pairs among the largest"
        assert full.residuals[i].max() < 1e-9
        # simple eigenvalues of condition below 1e4; the smallest, which huddle at 0, are worse
        assert max(np.abs(full.values[i] - value).min() for value in expected[:20]) < 1e-8
        assert np.abs(few.values[i] - expected[0]).min() < 1e-3 * abs(expected[0])


@pytest.mark.parametrize(
    ("matrix", "radius"),
    [
        ([[0.5, 0.0], [0.0, -0.8]], 0.8),
        ([[0.5, 7.0], [0.0, 0.4]], 0.5),
        (turn(0.7, 0.9), 0.9),
        (turn(0.7, 1.0), 1.0),
        (turn(0.7, 1.2), 1.2),
        ([[1.5, 0.0], [0.0, -0.2]], 1.5),
    ],
)
def test_linear_maps(matrix: list[list[float]], radius: float) -> None:
    """h* = (I − A)⁻¹ e, whose derivative is (I − A)⁻¹ everywhere, whatever the radius: it moves by up to 1/σ_min."""
    singular = np.linalg.svd(np.eye(2) - np.array(matrix))[1].min()
    model = linear(matrix)
    found = measure(model, 16)
    for point in found.points:
        assert point.undefined is None
        assert point.residual is not None and point.residual < 1e-10
        assert point.radius == pytest.approx(radius, rel=1e-10)
        assert point.reachable is (radius < 1) or radius == 1  # on the circle rounding decides
        assert point.smallest_singular == pytest.approx(singular, rel=1e-6)
        assert point.sensitivity == pytest.approx(1 / singular, rel=1e-6)
    spectra = measure_spectra(*sample(model, follow(model, INPUTS, 16), 4))
    assert [spectrum.t for spectrum in spectra] == [1, 2, 4, 8, 16]
    for spectrum in spectra:
        assert spectrum.radius is not None
        assert spectrum.radius.value == pytest.approx(radius, rel=1e-10)
        assert spectrum.reliable == 4


def test_growth_of_a_non_normal_map_comes_down_to_its_radius() -> None:
    """‖Aᵏ‖ ≤ 5 k 0.5^(k−1) + …: above 1 at first, and its k-th root within 15 % of 0.5 at k = 32 (by (64·5)^(1/32))."""
    model = linear([[0.5, 7.0], [0.0, 0.4]])
    found = measure_growth(*sample(model, follow(model, INPUTS, 16), 4))
    assert found is not None
    assert found.k == [1, 2, 4, 8, 16, 32]
    assert found.median[0] is not None and found.median[-1] is not None
    assert found.median[0] > 1
    assert found.median[-1] == pytest.approx(0.5, rel=0.2)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (DRIFT, "no fixed point"),
        (toy(lambda h, e: h + torch.exp(-h.clamp(max=20)), start=lambda e: 0 * e), "no fixed point"),
        (toy(lambda h, e: h), "I − J is singular"),  # every state is one
        (linear([[1.0, 0.0], [0.0, 0.5]], injected=0), "I − J is singular"),
        (linear([[1.0 + 1e-8, 0.0], [0.0, 0.5]]), "I − J is singular"),
    ],
    ids=["drift", "slowing-drift", "identity", "line-of-points", "almost"],
)
def test_undefined_is_not_a_number(model: Toy, reason: str) -> None:
    found = measure(model, 16)
    assert found.sensitivity is None
    for point in found.points:
        assert point.sensitivity is None
        assert point.undefined == reason


def test_near_a_singularity_it_is_defined() -> None:
    for point in measure(linear([[0.9999, 0.0], [0.0, 0.5]]), 16).points:
        assert point.undefined is None
        assert point.sensitivity == pytest.approx(1e4, rel=1e-6)


def test_a_fixed_point_that_ignores_the_input_does_not_move() -> None:
    for model in (FORGETFUL, TWO_POINTS):
        assert {point.sensitivity for point in measure(model).points} == {0.0}


def test_a_nonlinear_contraction_has_the_derivative_of_its_formula() -> None:
    """h* = e + tanh(h*)/2, so dh*/de = 1 / (1 − sech²(h*)/2); the norm of a diagonal matrix is its largest entry."""
    model = toy(lambda h, e: e + torch.tanh(h) / 2)
    course = follow(model, INPUTS, 64)
    expected = (1 / (1 - (1 - course.end.tanh() ** 2) / 2)).max(1).values
    found = measure_fixed_points(*sample(model, course, 6))
    assert [point.sensitivity for point in found.points] == pytest.approx(expected.tolist(), rel=1e-6)


def differences(model: LoopedModel, h: Tensor, e: Tensor, w: Tensor) -> Tensor:
    """How the polished fixed point moves with the injected input along w."""
    ends = [polish(model, h, e + sign * STEP * w, Products()) for sign in (1, -1)]
    assert max(end.residual.max().item() for end in ends) < 1e-10
    return ((ends[0].h - ends[1].h) / (2 * STEP)).flatten(1)


def check_against_differences(model: LoopedModel, h: Tensor, e: Tensor) -> Linearization:
    """Residuals of 1e-10 in both ends leave 1e-10 ‖h‖ / (σ_min · STEP), about 1e-4 of the derivative."""
    polished = polish(model, h, e, Products())
    assert polished.residual.max() < 1e-10
    w = torch.randn(e.shape, generator=torch.Generator().manual_seed(0), dtype=e.dtype)
    step = Linearization(model, polished.h, e, Products())
    found, residual = derivative(step, w.flatten(1))
    assert residual.max() < 1e-8
    expected = differences(model, polished.h, e, w)
    assert ((found - expected).norm(dim=1) < 1e-3 * expected.norm(dim=1)).all()
    return step


def test_implicit_sensitivity_of_a_trained_model(trained: tuple[LoopedModel, Tensor]) -> None:
    model, inputs = trained
    course = follow(model, inputs, 128)
    with torch.no_grad():
        check_against_differences(model, course.end, model.encode(inputs))


def test_implicit_sensitivity_where_iteration_would_not_arrive() -> None:
    """h = e − 2 tanh(h) has one root, near e / 3, where the slope is near −2."""
    model = toy(lambda h, e: e - 2 * torch.tanh(h), start=lambda e: e / 3)
    e = INPUTS.double() / 8
    with torch.no_grad():
        check_against_differences(model, e / 3, e)
    small = toy(lambda h, e: e / 8 - 2 * torch.tanh(h), start=lambda e: e / 24)
    for point in measure(small, 16).points:
        assert point.undefined is None
        assert point.reachable is False
        assert point.radius is not None and 1 < point.radius <= 2


def test_newton_reaches_a_point_that_the_loop_runs_away_from() -> None:
    found = measure(linear(turn(0.7, 1.05)), 128)
    for point in found.points:
        assert point.residual is not None and point.residual < 1e-10
        assert point.moved is not None and point.moved > 0.5
        assert point.reachable is False


def test_examples_that_are_not_finite_are_left_out() -> None:
    course = follow(NAN, INPUTS, 16)
    found = measure_fixed_points(*sample(NAN, course, 4))
    assert found.points == [] and found.sensitivity is None
    assert measure_spectra(*sample(NAN, course, 4)) == []
    # a step that breaks for large states: two examples are not finite
    half = toy(lambda h, e: torch.where(h.sum(1, keepdim=True) < 3, 0.5 * h, torch.nan), start=lambda e: 1.0 * e)
    assert len(sample(half, follow(half, INPUTS, 16), 8)[1]) == 4


def test_one_example() -> None:
    model, course = sample(CONTRACTION, follow(CONTRACTION, INPUTS[:1], 16), 8)
    (point,) = measure_fixed_points(model, course).points
    assert point.sensitivity == pytest.approx(2, rel=1e-6)
