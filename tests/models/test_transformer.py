"""The transformer family: its structure, and the derivatives of `step` for every recall × norm on both grids."""

import re

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from loopbench.contracts import LoopedModel, TaskShape
from loopbench.errors import LoopbenchError
from loopbench.models.norm import NORMS
from loopbench.models.recall import RECALLS
from loopbench.models.transformer import LoopedTransformer, LoopedTransformerConfig
from loopbench.plugins import get_architecture

BOARDS = TaskShape(vocab_size=3, num_classes=4, grid=(2, 3))
SEQUENCES = TaskShape(vocab_size=2, num_classes=2, grid=(None,), features=((-0.5,), (0.5,)))
SUDOKU = TaskShape(vocab_size=10, num_classes=10, grid=(9, 9))
GRIDS = {"boards": (2, 3), "sequences": (7,)}

every_cell = pytest.mark.parametrize(
    ("kind", "recall", "norm"),
    [(kind, recall, norm) for kind in GRIDS for recall in RECALLS for norm in NORMS],
)


def tiny(kind: str, recall: str, norm: str, batch: int = 1) -> tuple[LoopedTransformer, Tensor, Tensor]:
    """A model in float64 with every weight away from its default, a state and an injected input."""
    torch.manual_seed(0)
    config = LoopedTransformerConfig.model_validate({"width": 8, "heads": 2, "recall": recall, "norm": norm})
    model = LoopedTransformer(BOARDS if kind == "boards" else SEQUENCES, config).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    h, e = torch.randn(2, batch, *GRIDS[kind], config.width, dtype=torch.float64)
    return model.requires_grad_(False), h, e


@every_cell
def test_gradients_of_a_step_agree_with_finite_differences(kind: str, recall: str, norm: str) -> None:
    model, h, e = tiny(kind, recall, norm)
    inputs = (h.requires_grad_(), e.requires_grad_(recall != "none"))
    with sdpa_kernel(SDPBackend.MATH):
        assert torch.autograd.gradcheck(model.step, inputs, fast_mode=True, check_forward_ad=True)


@every_cell
def test_jvp_and_vjp_are_adjoint(kind: str, recall: str, norm: str) -> None:
    model, h, e = tiny(kind, recall, norm)
    u, v = torch.randn_like(h), torch.randn_like(h)
    with sdpa_kernel(SDPBackend.MATH):
        _, forward = torch.func.jvp(lambda h: model.step(h, e), (h,), (u,))
        _, backward = torch.func.vjp(lambda h: model.step(h, e), h)
        torch.testing.assert_close((v * forward).sum(), (backward(v)[0] * u).sum())


@every_cell
def test_a_step_is_a_pure_function_of_each_example(kind: str, recall: str, norm: str) -> None:
    model, h, e = tiny(kind, recall, norm, batch=3)
    before = h.clone(), e.clone()
    after = model.step(h, e)
    assert torch.equal(h, before[0])
    assert torch.equal(e, before[1])
    assert after.shape == h.shape
    assert torch.equal(model.step(h, e), after)
    torch.testing.assert_close(model.step(h[1:2], e[1:2]), after[1:2])


@every_cell
def test_only_recall_looks_at_the_input_again(kind: str, recall: str, norm: str) -> None:
    model, h, e = tiny(kind, recall, norm)
    assert torch.equal(model.step(h, e), model.step(h, -e)) == (recall == "none")


@pytest.mark.parametrize("recall", RECALLS)
def test_outer_norm_keeps_every_cell_of_the_state_normalized(recall: str) -> None:
    torch.manual_seed(0)
    config = LoopedTransformerConfig.model_validate({"width": 8, "heads": 2, "recall": recall, "norm": "outer"})
    model = LoopedTransformer(BOARDS, config)
    h = 100 * torch.randn(4, 2, 3, 8)
    mean_square = model.step(h, torch.randn_like(h)).square().mean(-1)
    torch.testing.assert_close(mean_square, torch.ones_like(mean_square))


def test_information_travels_two_cells_a_step_on_a_sequence() -> None:
    model, _, _ = tiny("sequences", "recall", "pre")
    e = torch.randn(1, 24, 8, dtype=torch.float64)
    h = other = e.clone()
    other = other.index_fill(1, torch.tensor([0]), 0.0)
    for t in range(1, 5):
        h, other = model.step(h, e), model.step(other, e)
        reached = (h != other).any(-1)[0].nonzero().flatten()
        assert reached.tolist() == list(range(2 * t + 1))


def test_the_first_state_is_the_encoded_problem_and_every_state_can_be_read() -> None:
    model, _, _ = tiny("boards", "recall", "pre")
    e = model.encode(torch.tensor([[[0, 1, 2], [2, 1, 0]]]))
    assert torch.equal(model.start(e), e)
    assert torch.equal(e[0, 0, 0], e[0, 1, 2])  # the same symbol
    assert model.readout(model.step(model.start(e), e)).shape == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("name", "changes", "count"),
    [
        ("recall", {}, 992_074),
        ("internal-recall-outer", {}, 992_074),
        ("loop", {}, 860_490),
        ("looped-transformer", {"recall": "recall", "norm": "gru"}, 992_074 + 256 + 6 * 256 * 257),  # a norm, a GRUCell
        ("fixed-depth", {}, 860_490 + 14 * 789_056),  # fourteen more blocks
        ("fixed-depth", {"norm": "peri"}, 860_490 + 14 * 789_056 + 15 * 256),  # and a second norm in each
    ],
)
def test_parameter_counts_of_the_reference_size(name: str, changes: dict[str, str], count: int) -> None:
    assert sum(parameter.numel() for parameter in build(name, SUDOKU, **changes).parameters()) == count


def test_the_fixed_depth_control_is_fifteen_different_layers_run_once() -> None:
    model = build("fixed-depth", BOARDS, width=8, heads=2)
    assert (model.layers_per_step, model.max_iterations) == (15, 1)
    e = model.encode(torch.zeros(1, 2, 3, dtype=torch.int64))
    model.step(e, e).sum().backward()
    gradients = [p.grad for name, p in model.named_parameters() if name.endswith("attention.qkv.weight")]
    assert len(gradients) == 15
    assert all(gradient is not None and gradient.any() for gradient in gradients)


@pytest.mark.parametrize("norm", NORMS)
def test_the_control_has_the_blocks_of_the_baseline_loop_with_the_same_norm(norm: str) -> None:
    control = build("fixed-depth", BOARDS, width=8, heads=2, norm=norm)
    loop = build("looped-transformer", BOARDS, width=8, heads=2, recall="none", norm=norm)
    shared = {name.removeprefix("block."): p for name, p in loop.state_dict().items() if name.startswith("block.")}
    for block in control.blocks:
        block.load_state_dict(shared)
    e = loop.encode(torch.tensor([[[0, 1, 2], [2, 1, 0]]]))
    h = loop.start(e)
    for _ in range(15):
        h = loop.step(h, e)
    torch.testing.assert_close(control.step(e, e), h)


PRESETS = {
    "loop": ("none", "pre"),
    "recall": ("recall", "pre"),
    "internal-recall": ("internal", "pre"),
    "loop-outer": ("none", "outer"),
    "recall-outer": ("recall", "outer"),
    "internal-recall-outer": ("internal", "outer"),
}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_pins_recall_and_norm_and_says_so_in_its_config(name: str) -> None:
    recall, norm = PRESETS[name]
    config = get_architecture(name).config
    assert config().model_dump() == {"width": 256, "heads": 8, "mlp_ratio": 4, "recall": recall, "norm": norm}
    with pytest.raises(ValidationError):
        config.model_validate({"norm": "gru"})
    torch.manual_seed(0)
    preset = build(name, BOARDS, width=8, heads=2)
    torch.manual_seed(0)
    general = build("looped-transformer", BOARDS, width=8, heads=2, recall=recall, norm=norm)
    h, e = torch.randn(2, 1, 2, 3, 8)
    assert torch.equal(preset.step(h, e), general.step(h, e))


def test_a_size_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValidationError, match=re.escape("width 20 must be a multiple of 2 × heads = 16")):
        build("recall", BOARDS, width=20)
    with pytest.raises(LoopbenchError, match=re.escape("width / heads = 6 must be a multiple of 4 on a grid of 2")):
        build("recall", BOARDS, width=12, heads=2)
    build("recall", SEQUENCES, width=12, heads=2)


def build(name: str, shape: TaskShape, **changes: object) -> LoopedModel:
    architecture = get_architecture(name)
    return architecture.build(shape, architecture.config.model_validate(changes))
