"""The derivatives of one step, as products with vectors: no Jacobian is ever built.

Both products are reverse-mode. A pullback u ↦ Jᵀu is linear in u, so its own pullback is v ↦ Jv (J. Townsend 2017, "A
new trick for calculating Jacobian vector products"); at one point it costs a third of a forward-mode product, and asks
of an operation no more than that it can be differentiated twice.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from loopbench.contracts import LoopedModel


@dataclass
class Products:
    """How many products have been computed, each of one example's Jacobian with one vector.

    Attributes:
        jvps: J v, with respect to the state or the injected input.
        vjps: Jᵀ u, with respect to both at once.
    """

    jvps: int = 0
    vjps: int = 0


class Linearization:
    """`step` at a batch of states, where every example has a Jacobian of its own: J = ∂step/∂h and K = ∂step/∂e.

    Vectors are flat: `(B, D)` for D numbers in a state, `(B, E)` for E in an injected input.

    Args:
        h, e: states and injected inputs, batch first; a step may not mix examples.
    """

    def __init__(self, model: LoopedModel, h: Tensor, e: Tensor, products: Products) -> None:
        self._products = products
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # the fused kernels cannot be differentiated twice
            self._at = (h.detach().clone().requires_grad_(), e.detach().clone().requires_grad_())
            self._step = model.step(*self._at)
            self._u = torch.zeros_like(self._step, requires_grad=True)
            self._pullback = _gradients(self._step, self._at, self._u, create_graph=True)
        self.value = self._step.detach()

    def push(self, v: Tensor) -> Tensor:
        """J v."""
        return self._push(0, v)

    def push_input(self, w: Tensor) -> Tensor:
        """K w."""
        return self._push(1, w)

    def pull(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Jᵀ u and Kᵀ u."""
        self._products.vjps += len(u)
        with sdpa_kernel(SDPBackend.MATH):
            first, second = _gradients(self._step, self._at, u.view_as(self._step))
        return first.flatten(1), second.flatten(1)

    def _push(self, which: int, v: Tensor) -> Tensor:
        self._products.jvps += len(v)
        with sdpa_kernel(SDPBackend.MATH):
            return _gradients(self._pullback[which], (self._u,), v.view_as(self._at[which]))[0].flatten(1)


def _gradients(output: Tensor, at: tuple[Tensor, ...], u: Tensor, *, create_graph: bool = False) -> tuple[Tensor, ...]:
    """The pullback of `u`; zero where the output does not depend on an argument."""
    if not output.requires_grad:
        return tuple(torch.zeros_like(x) for x in at)
    return torch.autograd.grad(
        output, at, u, retain_graph=True, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )


Operator = Callable[[Tensor], Tensor]
"""A linear map on flat vectors of a batch: `(B, D)` to the same shape, every row for itself."""
