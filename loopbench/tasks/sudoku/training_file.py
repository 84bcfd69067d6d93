"""A file of puzzles to train on that are harder than chance makes them.

Chance makes few puzzles like those of the hard tiers: of minimal ones with clues given back, 20 to 36 in all, singles
solve three in four, and three in two hundred are stubborn. So three in four of the file are short climbs towards
puzzles that are stubborn and need guesses, and half of these get there; the others are of that kind. All are rated at
most 5, which is the benchmark's limit on its closed track, and none has its solution on the test side.

For the open track there are those rated above 5: long climbs, three in four of them towards stubborn puzzles.
"""

import gzip
import sys
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from itertools import count as count_from
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from loopbench.errors import LoopbenchError
from loopbench.files import check_writable, write_bytes
from loopbench.tasks.splits import derived_seed
from loopbench.tasks.sudoku.files import MAX_PUZZLES
from loopbench.tasks.sudoku.generator import climbed_puzzles, eased_puzzles, solution_grids
from loopbench.tasks.sudoku.rating import rate
from loopbench.workers import cores

VERSION, SEED = 1, 0
SUFFIX = ".txt.gz"
BLOCK, CLIMBED = 64, 48
STEPS = 100
GUESSES = (2.3, 11.5)
"""All guesses of a proof at which a climb stops: of ratings from 1 to 5."""
CLUES = (20, 36)
LIMIT = 5.0
"""Wrong guesses, by the rating itself."""

HARD_BLOCK, HARD_STUBBORN = 8, 6
HARD_STEPS = 2000
HARD_GUESSES = (11.5, 115.0)
"""Of ratings from 5 to 50."""


def training_block(number: int) -> np.ndarray:
    """`(N, 81)` uint8 puzzles: what the solution grids 64 × `number`, … give, a puzzle each that fits."""
    stream = derived_seed("loopbench", "sudoku", "training file", VERSION, SEED)
    numbers = np.arange(BLOCK * number, BLOCK * (number + 1))
    solutions = solution_grids(stream, numbers, test_side=False)
    climbed = climbed_puzzles(solutions[:CLIMBED], stream, numbers[:CLIMBED], GUESSES, STEPS, stubborn=True)
    eased = eased_puzzles(solutions[CLIMBED:], stream, numbers[CLIMBED:], CLUES, LIMIT)
    puzzles = np.concatenate([climbed, eased])
    return puzzles[rate(puzzles) <= LIMIT]


def hard_block(number: int) -> np.ndarray:
    """`(N, 81)` uint8 puzzles rated above 5: what the solution grids 8 × `number`, … give, a puzzle each that fits."""
    stream = derived_seed("loopbench", "sudoku", "hard training file", VERSION, SEED)
    numbers = np.arange(HARD_BLOCK * number, HARD_BLOCK * (number + 1))
    solutions = solution_grids(stream, numbers, test_side=False)
    parts = [
        climbed_puzzles(solutions[part], stream, numbers[part], HARD_GUESSES, HARD_STEPS, stubborn)
        for part, stubborn in ((slice(HARD_STUBBORN), True), (slice(HARD_STUBBORN, None), False))
    ]
    puzzles = np.concatenate(parts)
    return puzzles[rate(puzzles) > LIMIT]


def training_file(path: Path, count: int, hard: bool = False) -> None:
    """Write so many puzzles, gzipped; on every machine they are the same.

    Args:
        hard: those of the open track.

    Raises:
        LoopbenchError: not a name that they would be read by, or a file that cannot be written.
    """
    if not path.name.endswith(SUFFIX) or path.is_dir():
        raise LoopbenchError(f"{path} must be a file whose name ends in {SUFFIX}")
    check_writable(path.parent)
    lines: list[str] = []
    at_once = 4 * cores()
    console = Console(stderr=True)
    with (
        ThreadPoolExecutor(cores()) as pool,  # what is compiled leaves the GIL
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("puzzles", total=count)
        for first in count_from(step=at_once):
            for puzzles in pool.map(hard_block if hard else training_block, range(first, first + at_once)):
                lines += ((row + ord("0")).tobytes().decode("ascii") for row in puzzles)
            bar.update(task, completed=len(lines))
            if len(lines) >= count:
                break
    write_bytes(path, gzip.compress("\n".join([*lines[:count], ""]).encode("ascii"), mtime=0))


def main() -> None:
    """The command."""
    parser = ArgumentParser(prog="python -m loopbench.tasks.sudoku.training_file", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help=f"for example stubborn{SUFFIX}")
    parser.add_argument(
        "count", type=int, metavar="COUNT", help="how many puzzles; a core makes about 120 a second, or 3 hard ones"
    )
    parser.add_argument("--hard", action="store_true", help="puzzles rated above 5, for the open track")
    arguments = parser.parse_args()
    if not 1 <= arguments.count <= MAX_PUZZLES:
        parser.error(f"COUNT is between 1 and {MAX_PUZZLES:,}, not {arguments.count:,}")
    try:
        print(f"making {arguments.count:,} puzzles", flush=True)
        training_file(arguments.file, arguments.count, arguments.hard)
    except LoopbenchError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print(f"interrupted: {arguments.file} is not written", file=sys.stderr)
        sys.exit(130)  # a shell's number for SIGINT
    print(f"wrote {arguments.file}")


if __name__ == "__main__":
    main()
