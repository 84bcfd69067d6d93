"""Batches made ahead are the batches, in their order."""

import threading
import time
from functools import cache
from itertools import islice

import pytest
import torch
from torch import Tensor

from loopbench.contracts import Examples
from loopbench.errors import LoopbenchError
from loopbench.plugins import get_task
from loopbench.training.prefetch import prefetched


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("prefix-sums", {"bits": 16}),
        ("prefix-sums", {"bits": 16, "strings": 64}),
        ("sudoku", {"clues": (30, 40), "max_rating": 1.0}),
    ],
)
def test_what_threads_make_ahead_is_what_would_have_come(name: str, data: dict[str, object]) -> None:
    task = get_task(name)
    source = task.source.model_validate(data)
    with prefetched(lambda number: next(task.batches(source, 16, seed=3, first=number)), 5, workers=3) as batches:
        ahead = list(islice(batches, 12))
    one_by_one = list(islice(task.batches(source, 16, seed=3, first=5), 12))
    for a, b in zip(ahead, one_by_one, strict=True):
        assert torch.equal(a.inputs, b.inputs)
        assert torch.equal(a.targets, b.targets)
        assert a.ids == b.ids


def test_what_all_batches_need_is_read_once() -> None:
    read: list[int] = []

    @cache
    def pool() -> Tensor:
        read.append(1)
        time.sleep(0.1)  # longer than it takes the threads to start
        return torch.zeros(1, 1, dtype=torch.int64)

    with prefetched(lambda number: Examples(pool() + number, pool(), ("x",)), 0, workers=4) as batches:
        assert [int(next(batches).inputs) for _ in range(9)] == list(range(9))
    assert len(read) == 1


def test_an_error_comes_where_its_batch_would_have() -> None:
    def batch(number: int) -> Examples:
        if number == 4:
            raise LoopbenchError("row 4 is bad")
        return Examples(torch.full((1, 1), number), torch.zeros(1, 1, dtype=torch.int64), ("x",))

    with prefetched(batch, 2, workers=2) as batches:
        assert [int(next(batches).inputs) for _ in range(2)] == [2, 3]
        with pytest.raises(LoopbenchError, match="row 4 is bad"):
            next(batches)


def test_stopping_early_leaves_no_thread_behind() -> None:
    def batch(number: int) -> Examples:
        return Examples(torch.full((1, 1), number), torch.zeros(1, 1, dtype=torch.int64), ("x",))

    before = threading.active_count()
    with prefetched(batch, 0, workers=4) as batches:
        next(batches)
        assert threading.active_count() > before
    assert threading.active_count() == before
