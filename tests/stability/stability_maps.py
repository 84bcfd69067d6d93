"""Maps whose fate is known in closed form, in float64."""

import math
from collections.abc import Callable

import torch
from evaluation_toys import Toy
from torch import Tensor

from loopbench.loop import final_state, trajectory

INPUTS = torch.tensor([[1, 2], [-3, 1], [2, -1], [4, 3], [-1, -2], [3, -3]])


def toy(update: Callable[[Tensor, Tensor], Tensor], **options: object) -> Toy:
    return Toy(update, **{"dtype": torch.float64, "start": lambda e: e + 0.6, **options})


def linear(matrix: list[list[float]], injected: float = 1.0) -> Toy:
    a = torch.tensor(matrix, dtype=torch.float64)
    return toy(lambda h, e: h @ a.T + injected * e)


def turn(angle: float, factor: float = 1.0) -> list[list[float]]:
    c, s = factor * math.cos(angle), factor * math.sin(angle)
    return [[c, -s], [s, c]]


def hopf(h: Tensor, e: Tensor) -> Tensor:
    """An attracting circle of radius 1, around which a step goes by a seventh: a limit cycle of period 7."""
    inflated = h * (1 + 0.3 * (1 - h.square().sum(1, keepdim=True)) / (1 + h.square().sum(1, keepdim=True)))
    return inflated @ torch.tensor(turn(2 * math.pi / 7), dtype=h.dtype).T


def end(model: Toy, inputs: Tensor, iterations: int = 256) -> Tensor:
    with torch.no_grad():
        return final_state(trajectory(model, inputs, iterations))


CONTRACTION = toy(lambda h, e: 0.5 * h + e)
ALTERNATION = toy(lambda h, e: -h)
DRIFT = toy(lambda h, e: h + e + 0.25, start=torch.zeros_like)
SLOWING_DRIFT = toy(lambda h, e: h + torch.exp(-h), start=lambda e: 0 * e + 1)
EXPANSION = toy(lambda h, e: 1.05 * h)
OVERFLOW = toy(lambda h, e: 1e9 * h)
NAN = toy(lambda h, e: h + torch.nan)
LOGISTIC = toy(lambda h, e: 4 * h * (1 - h), start=lambda e: (e + 3.3) / 8)
CONSTANT = toy(lambda h, e: 0 * h + 3)
FORGETFUL = toy(lambda h, e: 0.5 * h + 1)
TWO_POINTS = toy(lambda h, e: torch.tanh(2 * h.mean(1, keepdim=True)).expand_as(h))
HOPF = toy(hopf)
