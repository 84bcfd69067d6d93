"""Products alone give what a full decomposition gives."""

import numpy as np
import pytest
import torch
from torch import Tensor

from loopbench.stability.krylov import Krylov, eigenvalues, largest_eigenvalue, solve


def batch(*matrices: Tensor) -> Tensor:
    return torch.stack([matrix.double() for matrix in matrices])


def applied(matrices: Tensor):
    return lambda v: torch.einsum("bij,bj->bi", matrices, v)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """How far any of the expected values is from the nearest found one."""
    return float(np.abs(expected[:, None] - found[None]).min(1).max())


def test_a_full_basis_gives_the_whole_spectrum_with_its_complex_pairs() -> None:
    matrices = random(3, 30, 30)
    found = eigenvalues(applied(matrices), random(3, 30, seed=1), 50)
    assert found.values.shape == (3, 30)
    for matrix, values in zip(matrices, found.values, strict=True):
        expected = np.linalg.eigvals(matrix.numpy())
        assert np.abs(expected.imag).max() > 1, "there are complex pairs"
        assert distance(values, expected) < 1e-10  # the eigenvalues' condition numbers are below 1e3
    assert found.residuals.max() < 1e-10


def test_a_small_basis_finds_a_leading_complex_pair() -> None:
    """Power iteration would turn for ever: 0.99 exp(±i) is far outside a disc of radius 0.7."""
    inner = random(200, 200)
    inner *= 0.7 / np.abs(np.linalg.eigvals(inner.numpy())).max()
    matrix = torch.block_diag(0.99 * torch.tensor([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]]), inner)
    found = eigenvalues(applied(batch(matrix)), random(1, 202, seed=1), 64)
    assert distance(found.values[0, :2], 0.99 * np.exp([1j, -1j])) < 1e-6  # (0.7 / 0.99)^64 is 2e-10, times a condition
    assert found.residuals[0, 0] < 1e-6


@pytest.mark.parametrize(
    ("matrix", "radius"),
    [
        (torch.zeros(5, 5), 0.0),
        (torch.eye(5), 1.0),
        (torch.diag(torch.tensor([3.0, 3.0, 3.0, 1.0, 0.0])), 3.0),
        (torch.ones(5, 5), 5.0),
    ],
    ids=["zero", "identity", "multiple", "rank-one"],
)
def test_an_invariant_subspace_is_left(matrix: Tensor, radius: float) -> None:
    found = eigenvalues(applied(batch(matrix)), random(1, 5), 5)
    assert np.abs(found.values[0, 0]) == pytest.approx(radius, abs=1e-10)
    krylov = Krylov(applied(batch(matrix)), random(1, 5), 5)
    for _ in range(5):
        krylov.extend()
    basis = krylov.basis[:5, 0]
    torch.testing.assert_close(basis @ basis.T, torch.eye(5, dtype=torch.float64))


def test_a_nilpotent_matrix() -> None:
    """Its eigenvalues are all 0, and rounding moves those of a Jordan block of size n by its n-th root."""
    found = eigenvalues(applied(batch(torch.diag(torch.ones(3), 1))), random(1, 4), 4)
    assert np.abs(found.values).max() < 4 * (100 * np.finfo(float).eps) ** (1 / 4)


def test_systems_are_solved() -> None:
    matrices = batch(torch.eye(40) * 3 + 0.3 * random(40, 40), torch.diag(torch.arange(1.0, 41)), torch.eye(40))
    b = random(3, 40, seed=1)
    x, residual = solve(applied(matrices), b, 40, 1e-10)
    assert residual.max() < 1e-10
    torch.testing.assert_close(x, torch.linalg.solve(matrices, b), rtol=1e-8, atol=1e-9)  # condition below 100


def test_a_singular_system_is_not_solved_and_says_so() -> None:
    matrices = batch(torch.diag(torch.tensor([0.0, 1, 2, 3])), torch.zeros(4, 4), torch.eye(4))
    _, residual = solve(applied(matrices), torch.ones(3, 4, dtype=torch.float64), 4, 1e-10)
    assert residual[0] == pytest.approx(0.5)  # the share of b that no x reaches
    assert residual[1] == pytest.approx(1)
    assert residual[2] < 1e-10


def test_zero_is_solved_by_zero() -> None:
    x, residual = solve(applied(random(2, 6, 6)), torch.zeros(2, 6, dtype=torch.float64), 6, 1e-10)
    assert not x.any() and not residual.any()


def test_the_largest_eigenvalue_is_found_from_below() -> None:
    matrices = random(2, 50, 50)
    matrices = matrices @ matrices.mT
    found = largest_eigenvalue(applied(matrices), random(2, 50, seed=1), 30, 1e-3)
    expected = torch.linalg.eigvalsh(matrices)[:, -1].numpy()
    assert (found <= expected * (1 + 1e-12)).all()
    assert (found >= expected * (1 - 1e-3)).all()


def test_what_is_not_finite_is_told_apart() -> None:
    matrices = batch(torch.eye(4), torch.full((4, 4), torch.nan), torch.full((4, 4), torch.inf))
    found = eigenvalues(applied(matrices), torch.ones(3, 4, dtype=torch.float64), 4)
    assert np.abs(found.values[0, 0]) == pytest.approx(1)
    assert np.isnan(found.values[1:]).all()
    _, residual = solve(applied(matrices), torch.ones(3, 4, dtype=torch.float64), 4, 1e-10)
    assert residual[0] < 1e-10 and not (residual[1:] < 1e-10).any()
