"""The symmetry group of sudoku: digits, bands, stacks, rows in a band, columns in a stack, and transposition.

Its 9! × 2 × 6⁸ elements turn valid grids into valid grids and puzzles into puzzles that are as hard.
"""

import numpy as np
import torch
from torch import Tensor

from loopbench.tasks.compiled import compiled
from loopbench.tasks.random_numbers import below, shuffle
from loopbench.tasks.sudoku.solver import checked_grids


def random_symmetries(grids: np.ndarray, seed: int) -> np.ndarray:
    """Every one of `(N, 81)` uint8 grids under a random element of its own.

    Raises:
        LoopbenchError: not such an array.
    """
    grids = checked_grids(grids)
    turned = np.empty_like(grids)
    _turn_all(grids, np.array([seed], np.uint64), turned)
    return turned


@compiled
def _turn_all(grids: np.ndarray, state: np.ndarray, turned: np.ndarray) -> None:
    for i in range(len(grids)):
        turn(grids[i], state, turned[i])


@compiled
def turn(grid: np.ndarray, state: np.ndarray, turned: np.ndarray) -> None:
    """Write a grid under a random element to `turned`."""
    rows, columns = lines(state), lines(state)
    digits = np.arange(10)
    shuffle(state, digits[1:])
    down, across = (9, 1) if below(state, 2) else (1, 9)
    place = 0
    for row in rows:
        for column in columns:
            turned[place] = digits[grid[row * down + column * across]]
            place += 1


@compiled
def lines(state: np.ndarray) -> np.ndarray:
    """The nine rows (or columns) in a random order that keeps those of a band (or stack) together."""
    bands, order = np.arange(3), np.arange(9)
    shuffle(state, bands)
    for i in range(3):
        order[3 * i : 3 * i + 3] = np.arange(3 * bands[i], 3 * bands[i] + 3)
        shuffle(state, order[3 * i : 3 * i + 3])
    return order


def augment(inputs: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Puzzles and their solutions under a random element for each example, on any device.

    Args:
        inputs: `(B, 9, 9)` int64, 0 for a blank.
        targets: `(B, 9, 9)` int64 digits.
        generator: what the elements are drawn from, on the inputs' device or any other.
    """
    count, device = len(inputs), inputs.device

    def orders(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator, device=generator.device).argsort(-1).to(device)

    def nine() -> Tensor:
        return (3 * orders(3)[:, :, None] + orders(3, 3)).flatten(1)

    rows, columns = nine(), nine()
    cells = 9 * rows[:, :, None] + columns[:, None, :]
    transposed = orders(2)[:, :1, None].bool()
    cells = torch.where(transposed, cells.transpose(1, 2), cells).flatten(1)
    digits = torch.cat([torch.zeros_like(rows[:, :1]), orders(9) + 1], dim=1)

    def turned(grids: Tensor) -> Tensor:
        return digits.gather(1, grids.flatten(1).gather(1, cells)).view_as(grids)

    return turned(inputs), turned(targets)
