"""⟨v, J u⟩ = ⟨Jᵀ v, u⟩ = the finite difference, and the same from forward mode."""

import pytest
import torch
from stability_maps import CONSTANT, FORGETFUL, INPUTS
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from loopbench.contracts import LoopedModel
from loopbench.hub import build_model
from loopbench.stability.linearization import Linearization, Products

STEP = 1e-6  # a central difference is then off by about STEP² in the value and 1e-16 / STEP in rounding
CELLS = [
    (task, recall, norm)
    for task in ("prefix-sums", "sudoku")
    for recall in ("none", "internal")
    for norm in ("outer", "gru")
]


def made(task: str, recall: str, norm: str) -> tuple[LoopedModel, Tensor]:
    torch.manual_seed(0)
    config = {"width": 16, "heads": 2, "mlp_ratio": 1, "recall": recall, "norm": norm}
    model = build_model("looped-transformer", config, task).double().requires_grad_(False)
    shape = (2, 12) if task == "prefix-sums" else (2, 9, 9)
    return model, torch.randint(0, 2, shape)


@pytest.mark.parametrize(
    ("task", "recall", "norm"), [*CELLS, ("prefix-sums", "recall", "pre"), ("sudoku", "recall", "peri")]
)
def test_products_agree_with_each_other_and_with_finite_differences(task: str, recall: str, norm: str) -> None:
    model, inputs = made(task, recall, norm)
    e = model.encode(inputs)
    h = model.step(model.start(e), e)
    products = Products()
    step = Linearization(model, h, e, products)
    v, w, u = (torch.randn_like(x).flatten(1) for x in (h, e, h))
    pushed, pushed_input, (pulled, pulled_input) = step.push(v), step.push_input(w), step.pull(u)

    def moved(scale: float, dh: Tensor, de: Tensor) -> Tensor:
        return model.step(h + scale * dh.view_as(h), e + scale * de.view_as(e)).flatten(1)

    for tangent, direction in ((pushed, (v, 0 * w)), (pushed_input, (0 * v, w))):
        difference = (moved(STEP, *direction) - moved(-STEP, *direction)) / (2 * STEP)
        torch.testing.assert_close(tangent, difference, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close((u * pushed).sum(1), (pulled * v).sum(1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close((u * pushed_input).sum(1), (pulled_input * w).sum(1), rtol=1e-12, atol=1e-12)
    with sdpa_kernel(SDPBackend.MATH):
        _, forward = torch.func.jvp(model.step, (h, e), (v.view_as(h), w.view_as(e)))
    torch.testing.assert_close(pushed + pushed_input, forward.flatten(1), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(step.value, model.step(h, e))
    assert products == Products(jvps=4, vjps=2), "two examples, three products"
    if recall == "none":
        assert not pushed_input.any() and not pulled_input.any()


def test_what_does_not_depend_on_its_argument_has_zero_derivatives() -> None:
    e = INPUTS.double()
    for model in (CONSTANT, FORGETFUL):
        step = Linearization(model, e, e, Products())
        assert not step.push_input(e).any() and not step.pull(e)[1].any()
    step = Linearization(CONSTANT, e, e, Products())
    assert not step.push(e).any() and not step.pull(e)[0].any()


def test_the_model_is_left_as_it_is() -> None:
    model, inputs = made("prefix-sums", "recall", "pre")
    e = model.encode(inputs)
    with torch.no_grad():
        Linearization(model, e, e, Products()).push(e.flatten(1))
    assert not e.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
