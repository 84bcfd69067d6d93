"""The objectives on a linear map, whose loss and gradient are known in closed form."""

import random
from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from loopbench.contracts import Examples, LoopedModel
from loopbench.training.objectives import (
    EveryIterationOptions,
    ProgressiveOptions,
    every_iteration,
    progressive,
)


class Scale(LoopedModel):
    """h ← a h + b e, read out as it is."""

    layers_per_step = 1

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(0.9, dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
        self.w = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
        self.steps: list[bool] = []

    def encode(self, inputs: Tensor) -> Tensor:
        return self.w * inputs

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        self.steps.append(torch.is_grad_enabled())
        return self.a * h + self.b * e

    def readout(self, h: Tensor) -> Tensor:
        return h


class SumLoss:
    """A task whose loss is the sum of the readout."""

    def loss(self, logits: Tensor, examples: Examples) -> Tensor:
        return logits.sum()


EXAMPLES = Examples(torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1), ("x",))


class Fixed(random.Random):
    """n and k as given."""

    def __init__(self, n: int, k: int) -> None:
        super().__init__()
        self.n, self.k = n, k

    def randrange(self, *_: int) -> int:
        return self.n

    def randint(self, *_: int) -> int:
        return self.k


def run(n: int, k: int) -> tuple[Scale, Tensor]:
    model = Scale()
    loss = progressive(model, SumLoss(), EXAMPLES, ProgressiveOptions(max_iterations=30), Fixed(n, k))
    loss.backward()
    return model, loss


@pytest.mark.parametrize(("n", "k"), [(3, 2), (1, 1), (0, 4)])
def test_progressive_goes_n_steps_without_and_k_with_gradient(n: int, k: int) -> None:
    model, loss = run(n, k)
    assert model.steps == [False] * n + [True] * k
    a, b, w = 0.9, 0.5, 2.0
    geometric = lambda m: sum(a**i for i in range(m))  # noqa: E731
    assert loss.item() == pytest.approx(w * (a ** (n + k) + b * geometric(n + k)))
    h_n = w * (a**n + b * geometric(n))
    # d/da of a^k h_n + b w Σ a^i with h_n constant, or with h_0 = w where nothing was detached
    slope = k * a ** (k - 1) * h_n + b * w * sum(i * a ** (i - 1) for i in range(1, k))
    assert model.a.grad is not None and model.a.grad.item() == pytest.approx(slope)
    # the injected input keeps its gradient; h_0 has one only if it was not detached
    through_e = b * geometric(k) + (a**k if n == 0 else 0.0)
    assert model.w.grad is not None and model.w.grad.item() == pytest.approx(through_e)


def test_another_start_is_where_a_neighbouring_problem_led() -> None:
    model = Scale()
    inputs = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    examples = Examples(inputs, torch.zeros(2, 2), ("x", "y"))
    before, n, k = 2, 1, 2

    class Draw(random.Random):
        def random(self) -> float:
            return 0.49

        def randrange(self, stop: int) -> int:
            return n if stop == 30 else 1  # or the cell that changes

        def randint(self, low: int, high: int) -> int:
            return before if high == 60 else k

    options = ProgressiveOptions(max_iterations=30, other_starts=0.5)
    loss = progressive(model, SumLoss(), examples, options, Draw())
    expected = 0.0
    for own, neighbour in ((1.0, 1.0), (2.0, 4.0), (3.0, 3.0), (4.0, 2.0)):
        h = 2.0 * neighbour
        for e in [2.0 * neighbour] * before + [2.0 * own] * (n + k):
            h = 0.9 * h + 0.5 * e
        expected += h
    assert loss.item() == pytest.approx(expected)
    assert model.steps == [False] * (before + n) + [True] * k


def test_progressive_draws_n_and_k_uniformly() -> None:
    draw = random.Random(0)
    counts: Counter[tuple[int, int]] = Counter()
    for _ in range(6000):
        model = Scale()
        progressive(model, SumLoss(), EXAMPLES, ProgressiveOptions(max_iterations=3), draw)
        counts[(model.steps.count(False), model.steps.count(True))] += 1
    expected = {(0, 1): 1 / 9, (0, 2): 1 / 9, (0, 3): 1 / 9, (1, 1): 1 / 6, (1, 2): 1 / 6, (2, 1): 1 / 3}
    assert set(counts) == set(expected)
    for pair, share in expected.items():
        assert abs(counts[pair] / 6000 - share) < 5 * (share / 6000) ** 0.5


def test_every_iteration_is_the_mean_over_all_readouts() -> None:
    model = Scale()
    loss = every_iteration(model, SumLoss(), EXAMPLES, EveryIterationOptions(iterations=4), random.Random(0))
    states, h = [], 2.0
    for _ in range(4):
        h = 0.9 * h + 0.5 * 2.0
        states.append(h)
    assert loss.item() == pytest.approx(sum(states) / 4)
    assert model.steps == [True] * 4


@pytest.mark.parametrize("n", [0, 3])
def test_every_iteration_can_begin_after_a_burn_in_without_gradient(n: int) -> None:
    model, drawn = Scale(), list[tuple[int, int]]()

    class Draw(random.Random):
        def randint(self, low: int, high: int) -> int:
            drawn.append((low, high))
            return n

    loss = every_iteration(model, SumLoss(), EXAMPLES, EveryIterationOptions(iterations=2, burn_in=5), Draw())
    loss.backward()
    assert drawn == [(0, 5)]
    assert model.steps == [False] * n + [True] * 2
    a, b, w = 0.9, 0.5, 2.0
    states = [w]
    for _ in range(n + 2):
        states.append(a * states[-1] + b * w)
    assert loss.item() == pytest.approx(sum(states[-2:]) / 2)
    # d/da of the mean of a h + b w and a² h + a b w + b w, with h = states[n] constant (h_0 = w has no a in it)
    assert model.a.grad is not None
    assert model.a.grad.item() == pytest.approx((states[n] + 2 * a * states[n] + b * w) / 2)
