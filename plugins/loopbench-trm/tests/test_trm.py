import random
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize, silu

import loopbench_trm
from loopbench.contracts import Examples, TaskShape
from loopbench.plugins import get_task
from loopbench.testing import architecture_tests
from loopbench.training.recipe import load_recipe
from loopbench.validation import validate
from loopbench_trm.network import TinyRecursiveConfig, TinyRecursiveModel
from loopbench_trm.supervision import DeepSupervisionOptions, deep_supervision

BOARD = TaskShape(vocab_size=5, num_classes=3, grid=(3, 4))
ANY = TaskShape(vocab_size=5, num_classes=3, grid=(None, None))
STRING = TaskShape(vocab_size=2, num_classes=2, grid=(None,), features=((-0.5,), (0.5,)))
SMALL = TinyRecursiveConfig(width=8, blocks=2, inner_cycles=3, outer_cycles=2)
RECIPES = sorted(Path(loopbench_trm.__file__).parent.glob("recipes/*.yaml"))


test_architecture = architecture_tests(*loopbench_trm.loopbench_architectures(), SMALL.model_dump())


def model_of(shape: TaskShape, config: TinyRecursiveConfig = SMALL) -> TinyRecursiveModel:
    torch.manual_seed(0)
    return TinyRecursiveModel(shape, config).double()


def by_the_paper(model: TinyRecursiveModel, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """z_H and z_L after one iteration on a fixed board, written down from the weights and the paper's pseudocode."""
    weights = model.state_dict()

    def swiglu(x: Tensor, name: str) -> Tensor:
        gate, up = (x @ weights[f"{name}.gate_up.weight"].T).chunk(2, -1)
        return (silu(gate) * up) @ weights[f"{name}.down.weight"].T

    def norm(x: Tensor) -> Tensor:
        return normalize(x, dim=-1) * x.shape[-1] ** 0.5

    def net(x: Tensor) -> Tensor:
        for layer in ("network.0", "network.1"):
            x = norm(x + swiglu(x.transpose(1, 2), f"{layer}.cells").transpose(1, 2))
            x = norm(x + swiglu(x, f"{layer}.channels"))
        return x

    x = weights["embedding.weight"].T[inputs.flatten(1)]
    y, z = weights["first"].chunk(2)
    for _ in range(2):
        for _ in range(3):
            z = net(x + y + z)
        y = net(y + z)
    return y, z


def test_one_step_is_the_papers_recursion() -> None:
    model = model_of(BOARD)
    inputs = torch.randint(0, 5, (2, 3, 4))
    e = model.encode(inputs)
    h = model.step(model.start(e), e)
    high, low = by_the_paper(model, inputs)
    torch.testing.assert_close(h.flatten(1, 2), torch.cat([high, low], -1), rtol=1e-6, atol=1e-6)
    assert torch.equal(model.readout(h), h[..., :8] @ model.head.weight.T)
    assert model.layers_per_step == 2 * (3 + 1) * 2


@pytest.mark.parametrize(("shape", "size"), [(ANY, (2, 6, 9)), (ANY, (1, 1, 1)), (STRING, (3, 17))])
def test_where_a_side_is_free_any_size_goes(shape: TaskShape, size: tuple[int, ...]) -> None:
    model = model_of(shape)
    e = model.encode(torch.zeros(size, dtype=torch.int64))
    h = model.step(model.start(e), e)
    assert h.shape == (*size, 16)
    assert model.readout(h).shape == (*size, shape.num_classes)


class Probe(torch.nn.Module):
    """Stands in for a task: remembers the states that losses were asked of."""

    name = "probe"

    def loss(self, logits: Tensor, examples: Examples) -> Tensor:
        return logits.square().mean()


def test_each_loss_reaches_back_to_the_start_of_its_segment() -> None:
    model = model_of(BOARD)
    examples = Examples(torch.randint(0, 5, (2, 3, 4)), torch.zeros(2, 3, 4, dtype=torch.int64), ("a", "b"))
    task = Probe()
    options = DeepSupervisionOptions(segments=3, iterations=2, free_iterations=1)
    loss = deep_supervision(model, task, examples, options, random.Random(0))  # pyright: ignore
    found = torch.autograd.grad(loss, list(model.parameters()))

    expected: list[Tensor] = []
    e = model.encode(examples.inputs)
    h = model.start(e)
    for _ in range(3):
        h = model.step(h, e).detach()
        h = model.step(model.step(h, e), e)
        expected.append(task.loss(model.readout(h), examples))
        h = h.detach()
    total = sum(expected) / 3
    torch.testing.assert_close(loss, total)
    torch.testing.assert_close(found, torch.autograd.grad(total, list(model.parameters())))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_are_of_this_package(path: Path) -> None:
    recipe = load_recipe(path, [])
    assert (recipe.architecture, recipe.objective.name) == ("trm", "deep-supervision")
    model = TinyRecursiveModel(get_task(recipe.task).shape, validate(TinyRecursiveConfig, recipe.config, "config"))
    assert model.layers_per_step
    DeepSupervisionOptions.model_validate(recipe.objective.options)
