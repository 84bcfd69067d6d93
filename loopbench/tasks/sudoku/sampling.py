"""Fresh puzzles of a tier, and the command that makes the shipped files: `python -m loopbench.tasks.sudoku.sampling`.

Puzzle number n of a sample comes from a solution grid of its own on the test side, whatever other numbers gave. Tiers
of singles are minimal puzzles with clues given back. The others are climbs, one a grid, to a number of guesses drawn
from the tier's range, and for a stubborn tier to stubborn puzzles; one in five of these gets to both. What misses its
tier is left out. A rating decides that is measured after the climb, twice, with different symmetries: a climb that was
only lucky is found out.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count as count_from
from pathlib import Path

import numpy as np

from loopbench.errors import LoopbenchError
from loopbench.files import write_bytes
from loopbench.tasks.splits import derived_seed
from loopbench.tasks.sudoku.elementary import count_eliminations
from loopbench.tasks.sudoku.generator import climbed_puzzles, eased_puzzles, solution_grids
from loopbench.tasks.sudoku.rating import rate
from loopbench.tasks.sudoku.solver import solve
from loopbench.tasks.sudoku.tiers import FOLDER, SPLITS, RatedPuzzles, Tier, find_tier, format_lines
from loopbench.workers import cores

VERSION = 1
BLOCK, WORKERS = 4, 8
STEPS, STUBBORN_STEPS = 800, 4000
GUESSES = 2.3
"""All guesses of a proof for every wrong guess by the rating's count."""
COUNT = 1000


def sample_tier(name: str, seed: int, count: int) -> RatedPuzzles:
    """The first `count` puzzles of a tier from a seed, every one on a solution grid of its own on the test side.

    Raises:
        LoopbenchError: an unknown tier, or a negative count.
    """
    if count < 0:
        raise LoopbenchError(f"count is 0 or more, not {count}")
    tier, stream = find_tier(name), derived_seed("loopbench", "sudoku", VERSION, name, seed)
    blocks: list[RatedPuzzles] = []
    workers = min(cores(), WORKERS)
    with ThreadPoolExecutor(workers) as pool:  # what is compiled leaves the GIL
        for first in count_from(step=workers):
            blocks += pool.map(partial(sample_block, tier, stream), range(first, first + workers))
            if sum(len(block.puzzles) for block in blocks) >= count:
                break
    parts = ((block.puzzles, block.solutions, block.ratings) for block in blocks)
    return RatedPuzzles(*(np.concatenate(part)[:count] for part in zip(*parts, strict=True)))


def sample_block(tier: Tier, seed: int, number: int) -> RatedPuzzles:
    """What numbers 4 × `number`, … of a seed's stream give of a tier."""
    numbers = np.arange(BLOCK * number, BLOCK * (number + 1))
    solutions = solution_grids(seed, numbers, test_side=True)
    if tier.ratings is None:
        puzzles = eased_puzzles(solutions, seed, numbers, tier.clues)
        ratings = np.zeros(BLOCK)
        fits = solve(puzzles).singles
    else:
        low, high = tier.ratings
        guesses, steps = (GUESSES * low, GUESSES * min(high, 4 * low)), STUBBORN_STEPS if tier.stubborn else STEPS
        puzzles = climbed_puzzles(solutions, seed, numbers, guesses, steps, tier.stubborn)
        ratings, again = rate(puzzles), rate(puzzles, seed=1)
        fits = (np.minimum(ratings, again) >= low) & (np.maximum(ratings, again) < high)
        if tier.stubborn:
            fits &= count_eliminations(puzzles) == 0
    clues = (puzzles > 0).sum(1)
    fits &= (tier.clues[0] <= clues) & (clues <= tier.clues[1])
    return RatedPuzzles(puzzles[fits], solutions[fits], ratings[fits])


def shipped_seed(split: str) -> int:
    """The seed of a shipped file."""
    return derived_seed("shipped", split)


def main(folder: Path) -> None:
    """Write the shipped files to `folder`."""
    for split in SPLITS:
        begin = time.perf_counter()
        rated = sample_tier(split.removeprefix("dev-"), shipped_seed(split), COUNT)
        write_bytes(folder / f"{split}.txt", format_lines(rated).encode("ascii"))
        print(f"{split}: {COUNT} puzzles in {time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
