from collections import deque
from itertools import islice

import numpy as np
import pytest
import torch

from loopbench.contracts import IGNORED, Examples
from loopbench.errors import LoopbenchError
from loopbench.plugins import get_task
from loopbench.tasks.splits import standard_depth
from loopbench.testing import task_tests
from loopbench.validation import validate
from loopbench_mazes import task as mazes
from loopbench_mazes.maze import FREE, GOAL, START, WALL
from loopbench_mazes.task import Mazes, MazesSource

TASK = Mazes()

test_task = task_tests(TASK)


def neighbours(board: np.ndarray, square: tuple[int, int]) -> list[tuple[int, int]]:
    row, column = square
    beside = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    return [(r, c) for r, c in beside if 0 <= r < len(board) and 0 <= c < len(board) and board[r, c] != WALL]


def shortest_path(board: np.ndarray) -> set[tuple[int, int]]:
    """By breadth-first search, which knows nothing of rooms and doors."""
    [start], [goal] = (np.argwhere(board == symbol).tolist() for symbol in (START, GOAL))
    came = {tuple(start): tuple(start)}
    queue = deque(came)
    while queue:
        here = queue.popleft()
        for square in neighbours(board, here):
            if square not in came:
                came[square] = here
                queue.append(square)
    square, path = tuple(goal), {tuple(goal)}
    while square != tuple(start):
        square = came[square]
        path.add(square)
    return path


@pytest.mark.parametrize("side", [3, 5, 9, 13, 33])
def test_the_targets_are_the_one_path(side: int) -> None:
    examples = TASK.sample(side, seed=0, count=20)
    assert examples.inputs.shape == examples.targets.shape == (20, side, side)
    for board, target in zip(examples.inputs.numpy(), examples.targets.numpy(), strict=True):
        path = shortest_path(board)
        assert {tuple(square) for square in np.argwhere(target == 1).tolist()} == path
        assert ((target == IGNORED) == (board == WALL)).all()
        squares = [tuple(square) for square in np.argwhere(board != WALL).tolist()]
        # a graph is a tree, and so has one path between any two squares, if it hangs together with one edge less
        assert sum(len(neighbours(board, square)) for square in squares) == 2 * (len(squares) - 1)


def test_mazes_differ_and_so_do_their_ends() -> None:
    inputs = TASK.sample(9, seed=1, count=200).inputs
    assert len({board.numpy().tobytes() for board in inputs}) == 200
    assert (inputs == WALL).sum(0)[1, 1::2].tolist() == [200] * 4  # four rooms meet there
    share = (inputs == FREE).float().mean(0)[1, ::2]  # doors upwards from the second row of rooms
    assert ((share > 0.3) & (share < 0.9)).all(), share
    assert (inputs == START).flatten(1).any(0).sum() == (inputs == GOAL).flatten(1).any(0).sum() == 25


@pytest.mark.parametrize("side", mazes.SIDES)
def test_a_split_and_its_twin(side: int) -> None:
    twins = [TASK.load(name) for name in (f"maze-{side}", f"dev-maze-{side}")]
    boards = [{board.numpy().tobytes() for board in twin.inputs} for twin in twins]
    assert not boards[0] & boards[1]
    longest = max(int((twin.targets == 1).sum((1, 2)).max()) for twin in twins)
    assert longest == mazes.SIDES[side][1]
    assert {s.depth for s in TASK.splits if s.difficulty == side} == {standard_depth(longest)}


def test_training_never_draws_the_walls_of_a_fixed_split(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(first: int = 0) -> Examples:
        return next(TASK.batches(MazesSource(side=9), 8, seed=0, first=first))

    plain = draw()
    assert torch.equal(draw().inputs, plain.inputs)
    unwanted = plain.inputs[3].numpy()
    split = mazes._examples(unwanted[None].copy(), np.zeros((1, 9, 9), dtype=bool), "a split")
    turned = np.rot90(split.inputs[0].numpy()).T
    monkeypatch.setattr(Mazes, "load", lambda self, name: split)
    mazes._held_out.cache_clear()
    try:
        assert (turned == WALL).tobytes() in mazes._held_out(9)
        drawn = draw()
    finally:
        mazes._held_out.cache_clear()
    assert not torch.equal(drawn.inputs[3] == WALL, plain.inputs[3] == WALL)
    assert torch.equal(drawn.inputs[2], plain.inputs[2])
    assert shortest_path(drawn.inputs[3].numpy()) == {tuple(s) for s in (drawn.targets[3] == 1).nonzero().tolist()}


def test_every_fixed_maze_of_the_training_side_is_held_out() -> None:
    held_out = mazes._held_out(9)
    for name in ("maze-9", "dev-maze-9"):
        for board in TASK.load(name).inputs.numpy():
            assert {(np.rot90(board, turns) == WALL).tobytes() for turns in range(4)} <= held_out
    for batch in islice(TASK.batches(MazesSource(), 64, seed=0), 4):
        assert not {(board == WALL).numpy().tobytes() for board in batch.inputs} & held_out


def test_walls_do_not_count_and_every_free_square_does() -> None:
    examples = TASK.load("maze-9").select(range(3))
    answer = examples.targets.clone()
    answer[examples.targets == IGNORED] = 1
    score = TASK.metrics[0].score
    logits = torch.nn.functional.one_hot(answer, 2).float()
    assert score(logits, examples).tolist() == [True] * 3
    free = (examples.targets[1] == 0).nonzero()[0]
    logits[1, free[0], free[1]] = torch.tensor([0.0, 1.0])
    assert score(logits, examples).tolist() == [True, False, True]


def test_what_is_drawn() -> None:
    examples = TASK.load("maze-9").select([0])
    logits = torch.nn.functional.one_hot(examples.targets.clamp(min=0), 2).float()
    picture = TASK.render(examples, logits, 0)
    cells = [cell for row in picture.rows for cell in row]
    assert len(picture.rows) == picture.columns == 9
    assert sum(cell.text == "■" for cell in cells) == int((examples.inputs == WALL).sum())
    assert sum(cell.text == "·" for cell in cells) == int((examples.targets == 1).sum()) - 2
    assert sorted(cell.text for cell in cells if cell.text in "SG" and cell.text) == ["G", "S"]
    assert {cell.right for cell in cells if cell.text != "■"} == {True}


def test_sides_that_there_are_not() -> None:
    for side in (1, 8, 9.5, 131):
        with pytest.raises(LoopbenchError, match="difficulty must be an odd side from 3 to 129"):
            TASK.sample(side, 0, 1)
    with pytest.raises(LoopbenchError, match="data: side: a side is odd, not 8"):
        validate(MazesSource, {"side": 8}, "data")
    with pytest.raises(LoopbenchError, match="reads no files"):
        TASK.load(None)


def test_the_plugin_provides_it() -> None:
    assert get_task("mazes").shape == Mazes.shape
