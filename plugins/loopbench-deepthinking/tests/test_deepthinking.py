from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv1d, conv2d, relu

import loopbench_deepthinking
from loopbench.contracts import TaskShape
from loopbench.errors import LoopbenchError
from loopbench.hub import build_model
from loopbench.loop import final_state, trajectory
from loopbench.testing import architecture_tests
from loopbench.training.recipe import load_recipe
from loopbench_deepthinking.network import DeepThinking, DeepThinkingConfig

STRINGS = TaskShape(vocab_size=2, num_classes=2, grid=(None,), features=((-0.5,), (0.5,)))
BOARDS = TaskShape(vocab_size=4, num_classes=3, grid=(None, None))
RECIPES = sorted(Path(loopbench_deepthinking.__file__).parent.glob("recipes/*.yaml"))


test_architecture = architecture_tests(*loopbench_deepthinking.loopbench_architectures(), {"width": 8})


def published(model: DeepThinking, inputs: Tensor, iterations: int) -> Tensor:
    """The network as its authors write it: channels first, one convolution after the other."""
    weights = [weight.squeeze(2) if model.sequence else weight for weight in model.parameters()]
    projection, recall, *blocks = weights[:-3]
    convolve = conv1d if model.sequence else conv2d

    def conv(x: Tensor, weight: Tensor) -> Tensor:
        return convolve(x, weight, padding=1)

    x = model.features[inputs].movedim(-1, 1)
    h = relu(conv(x, projection))
    for _ in range(iterations):
        h = relu(conv(torch.cat([h, x], 1), recall))
        for first, second in zip(blocks[::2], blocks[1::2], strict=True):
            h = relu(conv(relu(conv(h, first)), second) + h)
    first, second, third = weights[-3:]
    return conv(relu(conv(relu(conv(h, first)), second)), third).movedim(1, -1)


@pytest.mark.parametrize(("shape", "size"), [(STRINGS, (3, 11)), (STRINGS, (1, 1)), (BOARDS, (2, 7, 4))])
def test_it_computes_what_the_published_network_does(shape: TaskShape, size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = DeepThinking(shape, DeepThinkingConfig(width=6)).double()
    inputs = torch.randint(0, shape.vocab_size, size)
    logits = model.readout(final_state(trajectory(model, inputs, 4)))
    assert logits.shape == (*size, shape.num_classes)
    torch.testing.assert_close(logits, published(model, inputs, 4), rtol=1e-12, atol=1e-15)


def test_the_published_size() -> None:
    """Of `dt_net_recall_1d` of width 400: projection, recall, four convolutions, and the head's three."""
    model = build_model("deepthinking", {"width": 400}, "prefix-sums")
    kernel = 3
    assert sum(p.numel() for p in model.parameters()) == kernel * (
        400 + 401 * 400 + 4 * 400 * 400 + 400 * 400 + 400 * 200 + 200 * 2
    )


def test_a_step_reaches_as_far_as_its_layers_say() -> None:
    """Two cells a block and one cell for the recall: no layer reaches further than the two of window attention."""
    torch.manual_seed(0)
    model = DeepThinking(STRINGS, DeepThinkingConfig(width=16))
    e = model.encode(torch.zeros(1, 41, dtype=torch.int64))
    h = model.start(e)
    changed = h.clone()
    changed[:, 20] += 1
    reached = (model.step(changed, e) != model.step(h, e)).any(-1)[0].nonzero().flatten()
    assert (int(reached.min()), int(reached.max())) == (20 - 5, 20 + 5)
    assert model.layers_per_step == 3


def test_a_grid_that_it_does_not_take() -> None:
    with pytest.raises(LoopbenchError, match="not a grid of 3 coordinates"):
        DeepThinking(TaskShape(2, 2, (4, 4, 4)), DeepThinkingConfig())


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_are_of_this_architecture(path: Path) -> None:
    recipe = load_recipe(path, [])
    assert recipe.architecture == "deepthinking"
    DeepThinkingConfig.model_validate(recipe.config)
