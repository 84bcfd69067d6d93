import numpy as np
import torch

from loopbench.tasks.sudoku.canonical import canonical
from loopbench.tasks.sudoku.generator import eased_puzzles, solution_grids
from loopbench.tasks.sudoku.solver import solve
from loopbench.tasks.sudoku.symmetry import augment, random_symmetries

NUMBERS = np.arange(64)
SOLUTIONS = solution_grids(2, NUMBERS, test_side=False)
PUZZLES = eased_puzzles(SOLUTIONS, 2, NUMBERS, (17, 40))


def as_tensor(grids: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(grids.reshape(-1, 9, 9).astype(np.int64))


def as_grids(boards: torch.Tensor) -> np.ndarray:
    return boards.numpy().astype(np.uint8).reshape(-1, 81)


def test_augmented_puzzles_are_equivalent_and_keep_their_solutions() -> None:
    inputs, targets = augment(as_tensor(PUZZLES), as_tensor(SOLUTIONS), torch.Generator().manual_seed(0))
    puzzles, solutions = as_grids(inputs), as_grids(targets)
    assert (solve(puzzles).solutions == solutions).all()
    assert (canonical(puzzles) == canonical(PUZZLES)).all()


def test_every_example_is_turned_in_its_own_way_and_all_ways_occur() -> None:
    """One puzzle many times: every cell goes everywhere, every digit becomes every other, rows become columns."""
    inputs = torch.zeros(4000, 9, 9, dtype=torch.int64)
    inputs[:, 0, 0], inputs[:, 0, 1], inputs[:, 0, 3], inputs[:, 3, 0] = 1, 2, 3, 4
    turned, _ = augment(inputs, inputs, torch.Generator().manual_seed(0))
    assert len(turned.unique(dim=0)) == 4000 or len(turned.unique(dim=0)) > 3950
    assert sorted(set(turned.flatten(1).argmax(1).tolist())) == list(range(81))
    digits = turned.flatten(1).sort(1).values[:, -4:]
    assert digits.unique().tolist() == list(range(1, 10))
    rows_hold_three = ((turned > 0).sum(2) == 3).any(1)
    assert 0.45 < rows_hold_three.double().mean() < 0.55  # the others are transposed


def test_augmenting_follows_the_generator_alone() -> None:
    boards = as_tensor(PUZZLES)
    first, again, other = (augment(boards, boards, torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_random_symmetries_follow_the_seed_alone() -> None:
    assert (random_symmetries(PUZZLES, 1) == random_symmetries(PUZZLES, 1)).all()
    assert (random_symmetries(PUZZLES, 1) != random_symmetries(PUZZLES, 2)).any(1).all()
    assert random_symmetries(PUZZLES[:0], 1).shape == (0, 81)
