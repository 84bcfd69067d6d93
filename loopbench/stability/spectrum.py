"""Axis three, locally: how one step stretches and turns the states near those on the path."""

from copy import deepcopy
from typing import Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from loopbench.contracts import LoopedModel
from loopbench.evaluation.protocol import Stored
from loopbench.evaluation.record import Count
from loopbench.loop import trajectory
from loopbench.stability.course import Course
from loopbench.stability.estimate import Estimate, Pair, Positive, Size, median
from loopbench.stability.krylov import Ritz, eigenvalues
from loopbench.stability.linearization import Linearization, Products
from loopbench.stability.vectors import Values, normalized, norms, random_unit, to_values

SIZE = 64  # of the Krylov space
RELIABLE = 1e-2  # of the radius: Ritz residuals up to that are reported as eigenvalues
POWERS = 32


class Spectrum(Stored):
    """The eigenvalues of J = ∂step/∂h at iteration t that Arnoldi finds, those of largest modulus first."""

    t: int = Field(ge=1, description="J is taken at h_t")
    radius: Estimate | None = Field(description="median of |λ₁| over examples")
    reliable: Count = Field(description="examples whose leading Ritz value has a residual below 1 % of it")
    eigenvalues: list[Pair] = Field(
        description="real and imaginary parts, of all examples: every Ritz value with such a residual"
    )


class Growth(Stored):
    """‖Jᵏ v‖^(1/k) at h_T for a random unit v, which tends to ρ(J); above it while J stretches before it shrinks."""

    k: list[Positive] = Field(description="powers")
    median: list[Size | None] = Field(description="over examples; none: beyond any number")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.k) != len(self.median):
            raise ValueError("k and median differ in length")
        return self


def sample(model: LoopedModel, course: Course, count: int) -> tuple[LoopedModel, Course]:
    """The first `count` examples of a course that stay finite, and the model, both in float64; products with Jacobians
    are taken of so few. The path they took stays in the precision that it was in."""
    rows = torch.as_tensor(np.flatnonzero(course.finite)[:count], device=course.inputs.device)
    index = rows.cpu().numpy()
    return deepcopy(model).double(), Course(
        inputs=course.inputs[rows],
        start=course.start[rows].double(),
        end=course.end[rows].double(),
        norms=course.norms[:, index],
        changes=course.changes[:, index],
        cosines=course.cosines[:, index],
        returns=course.returns[:, index],
        answered_at=course.answered_at[index],
        epsilon=course.epsilon,
        batch_size=course.batch_size,
    )


def measure_spectra(model: LoopedModel, course: Course, products: Products | None = None) -> list[Spectrum]:
    """ρ(∂step/∂h) and the eigenvalues behind it, at t = 1, 2, 4 … T; nothing without a finite example.

    By Arnoldi's process on products J v (https://doi.org/10.1090/qam/42792): plain power iteration never settles on a
    complex pair. With D ≤ 64 numbers in a state, it is the whole spectrum.

    Args:
        model, course: as `sample` gives them.
    """
    if not len(course):
        return []
    products = products or Products()
    times = {*(2**i for i in range(course.iterations.bit_length())), course.iterations}
    found: list[Spectrum] = []
    with torch.no_grad():
        e = model.encode(course.inputs)
        for t, h in enumerate(trajectory(model, course.inputs, course.iterations, start=course.start), 1):
            if t in times:
                found.append(_spectrum(t, spectrum_at(model, h, e, products)))
    return found


def spectrum_at(model: LoopedModel, h: Tensor, e: Tensor, products: Products, size: int = SIZE) -> Ritz:
    """Ritz values of J at given states."""
    return eigenvalues(Linearization(model, h, e, products).push, random_unit(h), size)


def measure_growth(model: LoopedModel, course: Course, products: Products | None = None) -> Growth | None:
    """‖Jᵏ v‖^(1/k) for k = 1, 2, 4 … 32 at the end of the loop; `None` without a finite example.

    Args:
        model, course: as `sample` gives them.
    """
    if not len(course):
        return None
    with torch.no_grad():
        e = model.encode(course.inputs)
    step = Linearization(model, course.end, e, products or Products())
    v = random_unit(course.end)
    logarithm = torch.zeros_like(v[:, 0])
    powers, medians = list[int](), list[float | None]()
    for k in range(1, POWERS + 1):
        v = step.push(v)
        logarithm += norms(v).log()
        v = normalized(v)
        if k.bit_count() == 1:
            powers.append(k)
            medians.append(finite_median(to_values((logarithm / k).exp())))
    return Growth(k=powers, median=medians)


def finite_median(values: Values) -> float | None:
    """The median of values of which some may be infinite; `None` if it is, or there is no value."""
    values = values[~np.isnan(values)]
    middle = float(np.quantile(values, 0.5, method="nearest")) if len(values) else np.inf
    return middle if np.isfinite(middle) else None


def _spectrum(t: int, ritz: Ritz) -> Spectrum:
    radius = np.abs(ritz.values[:, 0])
    good = ritz.residuals <= RELIABLE * radius[:, None]
    chosen = ritz.values[good]
    return Spectrum(
        t=t,
        radius=median(radius),
        reliable=int(good[:, 0].sum()),
        eigenvalues=[[float(value.real), float(value.imag)] for value in chosen[np.isfinite(chosen)]],
    )
