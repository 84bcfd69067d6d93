"""A file of puzzles to train on that are harder than chance makes them.

Chance makes few puzzles like those of the hard tiers: of minimal ones with clues given back, 20 to 36 in all, singles
solve three in four, and three in two hundred are stubborn. So three in four of the file are short climbs to puzzles
that are stubborn and need guesses; the others are as a training makes them for itself. All are rated at most 5, which
is the benchmark's limit, and none has its solution on the test side.
"""

import gzip
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.files import check_writable, write_bytes
from loopbench.tasks.splits import derived_seed
from loopbench.tasks.sudoku.files import MAX_PUZZLES
from loopbench.tasks.sudoku.generator import climbed_puzzles, eased_puzzles, solution_grids
from loopbench.tasks.sudoku.rating import rate
from loopbench.workers import cores

VERSION = 1
BLOCK, CLIMBED = 64, 48
STEPS = 100
GUESSES = (2.3, 11.5)
"""All guesses of a proof at which a climb stops: of ratings from 1 to 5."""
CLUES = (20, 36)
MOST = 5.0
"""Wrong guesses, by the rating itself."""
REPORT = 200
"""Blocks from one line of progress to the next."""


def training_block(seed: int, number: int) -> np.ndarray:
    """`(N, 81)` uint8 puzzles: what the solution grids 64 × `number`, … of a seed give, a puzzle each that fits."""
    stream = derived_seed("loopbench", "sudoku", "training file", VERSION, seed)
    numbers = np.arange(BLOCK * number, BLOCK * (number + 1))
    solutions = solution_grids(stream, numbers, test_side=False)
    climbed = climbed_puzzles(solutions[:CLIMBED], stream, numbers[:CLIMBED], GUESSES, STEPS, stubborn=True)
    eased = eased_puzzles(solutions[CLIMBED:], stream, numbers[CLIMBED:], CLUES, MOST)
    puzzles = np.concatenate([climbed, eased])
    return puzzles[rate(puzzles) <= MOST]


def training_file(path: Path, count: int) -> None:
    """Write the first `count` puzzles of seed 0, gzipped; on every machine they are the same.

    Raises:
        LoopbenchError: the file cannot be written.
    """
    check_writable(path.parent)
    lines: list[str] = []
    with ThreadPoolExecutor(cores()) as pool:  # what is compiled leaves the GIL
        for number, puzzles in enumerate(pool.map(partial(training_block, 0), range(2 + 2 * count // BLOCK))):
            lines += ((row + ord("0")).tobytes().decode("ascii") for row in puzzles)
            if number % REPORT == 0:
                print(f"{len(lines):,} of {count:,} puzzles", flush=True)
            if len(lines) >= count:
                break
    write_bytes(path, gzip.compress("\n".join([*lines[:count], ""]).encode("ascii"), mtime=0))


def main() -> None:
    """The command."""
    parser = ArgumentParser(prog="python -m loopbench.tasks.sudoku.training_file", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="for example stubborn.txt.gz")
    parser.add_argument("count", type=int, metavar="COUNT", help="how many puzzles; a core makes 120 a second")
    arguments = parser.parse_args()
    if not 1 <= arguments.count <= MAX_PUZZLES:
        parser.error(f"COUNT is between 1 and {MAX_PUZZLES:,}, not {arguments.count:,}")
    try:
        training_file(arguments.file, arguments.count)
    except LoopbenchError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
