"""The positions that are trained on: rows parsed or mates found once, on all cores, and then kept."""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from itertools import count as count_from
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from loopbench.cache import cached_arrays
from loopbench.errors import LoopbenchError
from loopbench.files import canonical_json, file_sha256, sha256
from loopbench.tasks.chess.lichess import paper_rows, rated_rows
from loopbench.tasks.chess.puzzles import Positions, Side, joined, parse, positions
from loopbench.tasks.chess.rows import Row
from loopbench.tasks.lines import Bad, Skipped, good_rows, refuse
from loopbench.workers import attend, cores

logger = logging.getLogger(__name__)

CHUNK = 2_000  # rows
GAMES = 250  # in which a process looks for mates at a time
SMALL = 2_000_000  # bytes of a file that is parsed before other processes would have started
MOST = 16  # processes
Parsed = tuple[Positions, list[LoopbenchError]]

PartT = TypeVar("PartT")
MadeT = TypeVar("MadeT")


def training_positions(path: Path, max_rating: int, *, paper: bool, skip_bad: bool, version: int) -> Positions:
    """The positions of the training side up to a rating, or those of the paper's training rows.

    Args:
        version: of the task, on which it depends what a row is parsed to.

    Raises:
        LoopbenchError: the file cannot be read, or has a bad row that is not to be skipped.
    """

    def make() -> dict[str, np.ndarray]:
        skipped = Skipped()
        bad = skipped if skip_bad else refuse
        rows = paper_rows("train", path, bad) if paper else rated_rows(path, range(max_rating + 1), bad)
        parse_all = parse_rows if path.stat().st_size < SMALL or cores() == 1 else parse_shared
        parsed = parse_all(rows, None if paper else Side.TRAIN, bad)
        if skipped.count:
            logger.warning(skipped)
        return {"cells": parsed.cells, "answers": parsed.answers}

    if not path.is_file():
        raise LoopbenchError(f"{path} does not exist or is not a regular file")
    selection = {"paper": True} if paper else {"max_rating": max_rating}
    key = {"task": ["chess", version], "file": file_sha256(path), "skip_bad": skip_bad, **selection}
    return Positions(**cached_arrays(f"chess-{sha256(canonical_json(key))[:32]}", make))


def mate_positions(count: int, *, version: int) -> Positions:
    """The first mates in 1 of an endless row of simulated games, on the training side.

    Args:
        version: of the task, on which it depends what they are.
    """
    from loopbench.tasks.chess import sampling

    def make() -> dict[str, np.ndarray]:
        found: list[Positions] = []
        with closing(_shared_out(_mates, count_from(0, GAMES))) as parts:
            while sum(map(len, found)) < count:
                found.append(next(parts))
        mates = joined(found).select(range(count))
        return {"cells": mates.cells, "answers": mates.answers}

    key = {"task": ["chess", version], "sampling": sampling.VERSION, "mates": count}
    return Positions(**cached_arrays(f"chess-{sha256(canonical_json(key))[:32]}", make))


def _mates(first: int) -> Positions:
    from loopbench.tasks.chess.sampling import training_mates

    return positions(training_mates(0, first, GAMES))


def parse_rows(rows: Iterable[Row], side: Side | None, bad: Bad) -> Positions:
    """The positions of rows in their order, of one side or of all."""
    return positions(puzzle for puzzle in good_rows(rows, parse, bad) if side in (None, puzzle.side))


def parse_shared(rows: Iterable[Row], side: Side | None, bad: Bad) -> Positions:
    """The same, shared out to all cores."""
    parts: list[Positions] = []
    for part, errors in _shared_out(partial(_parse, side), iter(partial(_chunk, iter(rows)), [])):
        for error in errors:
            bad(error)
        parts.append(part)
    return joined(parts)


def _shared_out(make: Callable[[PartT], MadeT], parts: Iterable[PartT]) -> Generator[MadeT]:
    """What is made of each part, in their order, by as many processes as cores, with a few parts on the way to each."""
    workers = min(cores(), MOST)
    waiting: deque[Future[MadeT]] = deque()
    try:
        with ProcessPoolExecutor(workers, get_context("spawn"), attend) as pool:
            try:
                for part in parts:
                    waiting.append(pool.submit(make, part))
                    if len(waiting) > 4 * workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)
    except BrokenProcessPool as error:
        raise LoopbenchError(
            "the processes that prepare puzzles have ended: memory ran out, or the script that started them "
            "needs `if __name__ == '__main__':`"
        ) from error


def _chunk(rows: Iterator[Row]) -> list[Row]:
    return list(islice(rows, CHUNK))


def _parse(side: Side | None, rows: list[Row]) -> Parsed:
    errors: list[LoopbenchError] = []
    return parse_rows(rows, side, errors.append), errors
