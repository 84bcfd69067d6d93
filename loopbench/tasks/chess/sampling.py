"""Fresh mates, and the command that makes the shipped files: `python -m loopbench.tasks.chess.sampling`.

Every puzzle comes from a game of its own; a game that has none on the wanted side is left out.
"""

import sys
import time
from collections.abc import Iterator
from itertools import count as count_from
from itertools import islice
from pathlib import Path

import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.files import write_bytes
from loopbench.tasks.chess.blunders import blunders
from loopbench.tasks.chess.encoding import encode
from loopbench.tasks.chess.mates import DEPTHS, FOLDER, SPLITS, format_line
from loopbench.tasks.chess.puzzles import Puzzle, Side
from loopbench.tasks.splits import derived_seed

VERSION = 1
COUNT = 1000


def sample_mates(depth: int, seed: int, count: int, side: Side = Side.TEST) -> list[Puzzle]:
    """The first `count` mates in `depth` moves of a seed, no two of them the same position.

    Raises:
        LoopbenchError: no mates of that depth, or a negative count.
    """
    if depth not in DEPTHS:
        raise LoopbenchError(f"mates are in {', '.join(map(str, DEPTHS))} moves, not in {depth}")
    if count < 0:
        raise LoopbenchError(f"count is 0 or more, not {count}")
    return list(islice(_mates(depth, seed, side), count))


def shipped_mates(split: str, count: int) -> list[Puzzle]:
    """The first puzzles of a shipped file, made anew."""
    side = Side.DEV if split.startswith("dev-") else Side.TEST
    return sample_mates(SPLITS[split], derived_seed("shipped", split), count, side)


def training_mates(seed: int, first: int, count: int, depth: int = 1) -> Iterator[Puzzle]:
    """The mates on the training side in games number `first` to `first + count − 1` of a seed, often several a game."""
    stream = _stream(depth, seed, Side.TRAIN)
    for number in range(first, first + count):
        for i, (board, answer) in enumerate(blunders(stream, number, depth, Side.TRAIN)):
            yield Puzzle(f"train-mate-{depth}-{seed}/{number}-{i}", board, answer, depth == 1, encode(board))


def _mates(depth: int, seed: int, side: Side) -> Iterator[Puzzle]:
    stream, seen = _stream(depth, seed, side), set[bytes]()
    for number in count_from():
        for board, answer in islice(blunders(stream, number, depth, side), 1):
            view = encode(board)
            if view.cells not in seen:
                yield Puzzle(f"sample-mate-{depth}-{seed}/{len(seen)}", board, answer, depth == 1, view)
                seen.add(view.cells)


def _stream(depth: int, seed: int, side: Side) -> np.uint64:
    return np.uint64(derived_seed("loopbench", "chess", VERSION, depth, side.value, seed))


def main(folder: Path) -> None:
    """Write the shipped files to `folder`."""
    for split in SPLITS:
        begin = time.perf_counter()
        lines = (f"{format_line(puzzle)}\n" for puzzle in shipped_mates(split, COUNT))
        write_bytes(folder / f"{split}.txt", "".join(lines).encode("ascii"))
        print(f"{split}: {COUNT} puzzles in {time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
