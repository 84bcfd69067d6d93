"""Eigenvalues and linear systems from products alone, for a batch of operators at once (Saad 2011, "Numerical Methods
for Large Eigenvalue Problems", ch. 6; Saad & Schultz 1986, GMRES, https://doi.org/10.1137/0907058).

Where the space has as many dimensions as the Krylov basis may have, nothing is approximate but for rounding.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loopbench.stability.linearization import Operator
from loopbench.stability.vectors import Values, normalized, norms

BREAKDOWN = 1e-13
CHECKED_EVERY = 16


class Krylov:
    """Arnoldi's process: an orthonormal basis of span{b, Ab, A²b, …}, and A in it as a Hessenberg matrix.

    Where that space is exhausted (it is invariant under A), the process goes on in a fresh direction.

    Attributes:
        basis: `(size + 1, B, D)`, of which `steps + 1` vectors are made.
        hessenberg: `(B, size + 1, size)`.

    Args:
        start: `(B, D)`; need not be normalized.
        size: the most products per example; at most D are made.
    """

    def __init__(self, apply: Operator, start: Tensor, size: int) -> None:
        count, dimension = start.shape
        size = min(size, dimension)
        self.apply, self.size, self.steps = apply, size, 0
        self.basis = start.new_zeros(size + 1, count, dimension)
        self.hessenberg = start.new_zeros(count, size + 1, size)
        self.basis[0] = normalized(start)

    def extend(self) -> None:
        """One product more."""
        k = self.steps
        w = self.apply(self.basis[k])
        floor = BREAKDOWN * norms(w)
        w, coefficients = self._orthogonal(w)
        beta = norms(w)
        beta = torch.where(beta > floor, beta, 0)
        if k + 1 == self.basis.shape[-1]:  # the basis is complete: what is left is rounding
            beta = torch.zeros_like(beta)
        elif not beta.all():
            generator = torch.Generator(w.device).manual_seed(k)
            fresh = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
            w = torch.where(beta[:, None] > 0, w, self._orthogonal(fresh)[0])
        self.hessenberg[:, : k + 1, k] = coefficients
        self.hessenberg[:, k + 1, k] = beta
        self.basis[k + 1] = normalized(w)
        self.steps += 1

    def _orthogonal(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """What is left of `(B, D)` vectors off the basis, and their `(B, k + 1)` parts in it: Gram-Schmidt, twice."""
        made = self.basis[: self.steps + 1]
        coefficients = torch.zeros_like(self.hessenberg[:, : self.steps + 1, 0])
        for _ in range(2):
            part = torch.einsum("kbd,bd->bk", made, w)
            w = w - torch.einsum("kbd,bk->bd", made, part)
            coefficients = coefficients + part
        return w, coefficients

    def combine(self, y: Tensor) -> Tensor:
        """`(B, D)` of `(B, steps)` coefficients."""
        return torch.einsum("kbd,bk->bd", self.basis[: self.steps], y.to(self.basis))


@dataclass(frozen=True)
class Ritz:
    """Approximate eigenvalues, by falling modulus.

    Attributes:
        values: `(B, k)` complex.
        residuals: `(B, k)`, ‖A x − θ x‖ of the unit Ritz vector x. For a normal operator an eigenvalue is as near as
            that; for any other, θ is an eigenvalue of an operator that is as near.
    """

    values: NDArray[np.complex128]
    residuals: Values


def eigenvalues(apply: Operator, start: Tensor, size: int) -> Ritz:
    """Ritz values of `size` products per example (Arnoldi 1951)."""
    krylov = Krylov(apply, start, size)
    while krylov.steps < krylov.size:
        krylov.extend()
    return _ritz(krylov)


def largest_eigenvalue(apply: Operator, start: Tensor, size: int, tolerance: float) -> Values:
    """`(B,)`, of symmetric positive operators: from below, and off by at most `tolerance` of itself, or what `size`
    products give."""
    krylov = Krylov(apply, start, size)
    while True:
        krylov.extend()
        found = _ritz(krylov)
        if krylov.steps == krylov.size or (found.residuals[:, 0] <= tolerance * np.abs(found.values[:, 0])).all():
            return np.abs(found.values[:, 0])


def solve(apply: Operator, b: Tensor, size: int, tolerance: float) -> tuple[Tensor, Tensor]:
    """GMRES without restarts: the `(B, D)` x of least ‖b − A x‖ in the Krylov space, and `(B,)` ‖b − A x‖ / ‖b‖.

    Args:
        size: the most products per example, one more to compute the residual apart.
        tolerance: of the relative residual, at which it stops.
    """
    krylov, norm = Krylov(apply, b, size), norms(b)
    y = b.new_zeros(len(b), 0)
    while krylov.steps < krylov.size:
        krylov.extend()
        if krylov.steps % CHECKED_EVERY == 0 or krylov.steps == krylov.size:
            y, left = _least_squares(krylov)
            if ((left <= tolerance / 2) | (norm == 0).cpu()).all():
                break
    x = krylov.combine(y) * norm[:, None]
    return x, norms(b - apply(x)) / torch.where(norm > 0, norm, 1)


def _least_squares(krylov: Krylov) -> tuple[Tensor, Tensor]:
    """`(B, k)` y that brings the Hessenberg matrix times y nearest to the first unit vector, and how near that is."""
    k = krylov.steps
    matrix = krylov.hessenberg[:, : k + 1, :k].cpu()  # small, and CUDA's solver takes no matrix of deficient rank
    target = torch.zeros_like(matrix[:, :, :1])
    target[:, 0] = 1
    finite = matrix.isfinite().all((1, 2))
    regular = matrix.nan_to_num(0)
    y = cast(
        Tensor,
        torch.linalg.lstsq(regular, target, driver="gelsy").solution,  # pyright: ignore[reportUnknownMemberType]: stubs
    )
    return y[:, :, 0], norms((matrix @ y - target)[:, :, 0]).masked_fill(~finite, torch.inf)


def _ritz(krylov: Krylov) -> Ritz:
    k = krylov.steps
    matrix = krylov.hessenberg[:, : k + 1, :k].cpu().numpy()
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(matrix).all((1, 2)))
    values, vectors = np.linalg.eig(np.where(finite[:, None, None], matrix[:, :k], 0).astype(np.complex128))
    order = np.argsort(-np.abs(values), axis=1, kind="stable")
    last = np.abs(vectors[:, -1] * matrix[:, k, -1:])
    values[~finite] = np.nan
    return Ritz(np.take_along_axis(values, order, 1), np.take_along_axis(last, order, 1))
