"""Batches made ahead of the training, so that a GPU does not wait for them."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import count

from loopbench.contracts import Examples

AHEAD = 2
"""Batches in the making or ready, for every worker."""


@contextmanager
def prefetched(batch: Callable[[int], Examples], first: int, workers: int) -> Generator[Iterator[Examples]]:
    """Batches number `first`, `first` + 1, …, in this order, made by so many threads.

    Args:
        batch: makes the batch of a number; called by several threads at once. What it raises is raised where its batch
            would have come.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        coming = [pool.submit(batch, first)]
        wait(coming)  # what a task reads for all of its batches is read once, and not by every thread
        coming += [pool.submit(batch, number) for number in range(first + 1, first + AHEAD * workers)]

        def batches() -> Iterator[Examples]:
            for number in count(first + AHEAD * workers):
                yield coming.pop(0).result()
                coming.append(pool.submit(batch, number))

        try:
            yield batches()
        finally:
            pool.shutdown(cancel_futures=True)
