import torch
from torch import Tensor
from torch.nn.functional import one_hot

from loopbench.contracts import Examples
from loopbench.tasks.sudoku.metrics import breaks_a_rule, valid

ROW = torch.arange(9)
SOLUTION = torch.stack([(ROW + 3 * i + i // 3) % 9 + 1 for i in range(9)])


def examples(inputs: Tensor) -> Examples:
    return Examples(inputs[None], SOLUTION[None], ("one",))


def logits(board: Tensor) -> Tensor:
    return one_hot(board, 10).float()[None]


def test_the_solution_is_valid_and_breaks_no_rule() -> None:
    assert not breaks_a_rule(SOLUTION[None]).any()
    assert valid(logits(SOLUTION), examples(torch.zeros(9, 9, dtype=torch.int64))).tolist() == [True]


def test_another_valid_grid_counts_only_if_it_keeps_the_givens() -> None:
    other = SOLUTION.T.clone()
    assert valid(logits(other), examples(torch.zeros(9, 9, dtype=torch.int64))).tolist() == [True]
    givens = torch.where(torch.arange(81).view(9, 9) < 9, SOLUTION, 0)
    assert (other[0] != SOLUTION[0]).any()
    assert valid(logits(other), examples(givens)).tolist() == [False]


def test_a_repeated_digit_is_wrong_in_each_of_its_units() -> None:
    for cell, same in (((0, 0), (0, 8)), ((0, 0), (8, 0)), ((3, 3), (5, 5))):  # a row, a column, a box
        board = SOLUTION.clone()
        board[cell] = board[same]
        bad = breaks_a_rule(board[None])[0]
        assert bad[cell] and bad[same]
        assert not valid(logits(board), examples(torch.zeros(9, 9, dtype=torch.int64))).any()


def test_a_blank_and_a_logit_that_is_not_finite_are_wrong() -> None:
    empty = torch.zeros(9, 9, dtype=torch.int64)
    board = SOLUTION.clone()
    board[4, 4] = 0
    assert not valid(logits(board), examples(empty)).any()
    broken = logits(SOLUTION)
    broken[0, 2, 2, 5] = torch.nan
    assert not valid(broken, examples(empty)).any()
