"""A step can be differentiated, forwards, backwards and twice; training reaches every parameter."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from loopbench.contracts import LoopedModel
from loopbench.devices import computing
from loopbench.loop import final_state, trajectory
from loopbench.stability.linearization import Linearization, Products
from loopbench.testing.contract import broken
from loopbench.testing.shapes import Case, begin, iterations, seeded

EXACT = 1e-9
"""Relative: two exact derivatives in float64 differ by rounding alone."""

DIFFERENCES = 1e-5
"""Relative: a central difference is wrong by ε² (curvature) + 2^-53/ε (rounding), 1e-10 at its best ε; the rest is room
for steep updates. The best of several ε counts, since a kink (ReLU) may lie inside the wider ones."""

EPSILONS = (1e-4, 1e-5, 1e-6, 1e-7)

T = TypeVar("T")


def gradients_reach_every_parameter(case: Case) -> None:
    """A loss at the end of a few iterations has a gradient for every parameter."""
    model, inputs = case.model().train(), case.inputs()
    _loss(case, model, inputs).backward()  # pyright: ignore[reportUnknownMemberType]: untyped
    unreached = [
        name for name, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())
    ]
    if unreached:
        broken(f"no gradient reaches {', '.join(unreached)}: unused, or cut off (detach, no_grad, argmax …)")
    if endless := [name for name, p in model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]:
        broken(f"the gradient of {', '.join(endless)} is not finite")


def step_is_differentiable(case: Case) -> None:
    """torch.func.jvp and vjp of a step agree with each other, with finite differences and with double backward."""
    model = case.model().requires_grad_(False)
    h, e = begin(model, case.inputs(2))
    h = model.step(h, e).detach()
    e = e.detach()
    generator = torch.Generator().manual_seed(2)
    v, w, u = (torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in (h, e, h))
    linear = Linearization(model, h, e, Products())
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no forward-mode derivative
        _check_products("h", lambda x: model.step(x, e), h, v, u, linear.push)
        _check_products("e", lambda x: model.step(h, x), e, w, u, linear.push_input)


def bf16_runs(case: Case) -> None:
    """Under bf16 autocast, training and evaluation run and everything is finite."""
    model, inputs = case.build(), case.inputs()
    with computing("bf16-autocast", torch.device("cpu")):
        loss = _loss(case, model.train(), inputs)
    loss.backward()  # pyright: ignore[reportUnknownMemberType]: untyped
    wrong = [name for name, p in model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
    if wrong or not loss.isfinite():
        broken(f"the loss is {loss.item():g}, the gradients of {', '.join(wrong) or 'none'} are not finite")
    with torch.no_grad(), computing("bf16-autocast", torch.device("cpu")):
        h = final_state(trajectory(model.eval(), inputs, iterations(model, 3)))
        if not model.readout(h).isfinite().all():
            broken("the logits are not finite")


@torch.no_grad()
def cuda_agrees(case: Case) -> None:
    """A CUDA device, where there is one, gives the CPU's answers: in float64 to rounding."""
    if not torch.cuda.is_available():
        return
    model, inputs = case.model(), case.inputs()
    h, e = begin(model, inputs)
    here = (e, *_steps(model, h, e))
    cuda = torch.device("cuda")
    model = model.to(cuda)
    model.start(e.to(cuda), torch.Generator(cuda).manual_seed(0))
    there = (model.encode(inputs.to(cuda)), *_steps(model, h.to(cuda), e.to(cuda)))
    for what, one, other in zip(("encode", "step", "readout"), here, there, strict=True):
        if (error := _error(other.cpu(), one)) > EXACT:
            broken(f"{what} differs by {error:.2g} of its norm between the CPU and CUDA")


def _steps(model: LoopedModel, h: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
    for _ in range(iterations(model, 2)):
        h = model.step(h, e)
    return h, model.readout(h)


def _loss(case: Case, model: LoopedModel, inputs: Tensor) -> Tensor:
    with seeded(0):
        h, _ = begin(model, inputs)
        logits = model.readout(final_state(trajectory(model, inputs, iterations(model, 3), start=h)))
        targets = torch.randint(0, case.shape.num_classes, inputs.shape)
    return F.cross_entropy(logits.flatten(0, -2).float(), targets.flatten())


def _check_products(
    what: str, step: Callable[[Tensor], Tensor], x: Tensor, v: Tensor, u: Tensor, push: Callable[[Tensor], Tensor]
) -> None:
    """Compare all ways to the derivative of `step` at `x`: along `v`, and pulled back from `u`."""
    forward = _named("torch.func.jvp", lambda: torch.func.jvp(step, (x,), (v,))[1])
    pull = _named("torch.func.vjp", lambda: torch.func.vjp(step, x)[1])
    backward = pull(u)[0]
    one, other = float((u * forward).sum()), float((backward * v).sum())
    if abs(one - other) > EXACT * (1 + _norm(u) * _norm(forward)):
        broken(f"with respect to {what}, ⟨u, jvp(v)⟩ = {one:.10g} and ⟨vjp(u), v⟩ = {other:.10g}; they must be equal")
    with torch.no_grad():
        errors = {ε: _error((step(x + ε * v) - step(x - ε * v)) / (2 * ε), forward) for ε in EPSILONS}
    if (least := min(errors.values())) > DIFFERENCES:
        broken(
            f"with respect to {what}, jvp is {least:.2g} of its norm away from finite differences: a part of the step "
            "is detached, runs under no_grad, or in float32"
        )
    twice = _named("differentiating twice", lambda: push(v.flatten(1)).view_as(forward))
    if (error := _error(twice, forward)) > EXACT:
        broken(f"with respect to {what}, differentiating twice is {error:.2g} of its norm away from jvp")


def _named(what: str, compute: Callable[[], T]) -> T:
    """Run what may not be implemented for an operation of the step."""
    try:
        return compute()
    except (RuntimeError, NotImplementedError) as error:
        broken(f"{what} fails: {' '.join(str(error).split())[:300]}")


def _error(found: Tensor, wanted: Tensor) -> float:
    """Relative, in the Euclidean norm."""
    return _norm(found - wanted) / (_norm(wanted) + 1e-3)  # what is smaller than that may be zero


def _norm(x: Tensor) -> float:
    return float(x.detach().square().sum().sqrt())
