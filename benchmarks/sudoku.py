"""What the sudoku engine does a second on one core, measured in one run: `python benchmarks/sudoku.py [FILE]`.

FILE has puzzles to be solved and rated beside the generated ones, such as a collection of puzzles with 17 clues. The
first call of everything is left out, which compiles it or reads it from the cache; medians of five are printed.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from loopbench.tasks.sudoku.canonical import canonical
from loopbench.tasks.sudoku.files import read_puzzles
from loopbench.tasks.sudoku.generator import climbed_puzzles, eased_puzzles, solution_grids, training_puzzles
from loopbench.tasks.sudoku.rating import rate, wrong_guesses
from loopbench.tasks.sudoku.sampling import sample_tier
from loopbench.tasks.sudoku.solver import solve
from loopbench.tasks.sudoku.tiers import load_tier

COUNT = 2000


def show(what: str, count: int, work: Callable[[], object], repeats: int = 5, unit: str = "second") -> None:
    work()
    seconds: list[float] = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    rate = count / sorted(seconds)[repeats // 2] * (60 if unit == "minute" else 1)
    print(f"{what:<72} {rate:>10,.0f} a {unit}", flush=True)


def all_of(what: str, puzzles: np.ndarray) -> None:
    seeds = np.arange(len(puzzles)).astype(np.uint64)
    show(f"{what}, solved and proved", len(puzzles), lambda: solve(puzzles))
    show(f"{what}, solved under 8 symmetries", len(puzzles), lambda: wrong_guesses(puzzles, seeds, 8))
    show(f"{what}, rated", len(puzzles), lambda: rate(puzzles))
    show(f"{what}, canonical forms", len(puzzles), lambda: canonical(puzzles))


def main() -> None:
    numbers = np.arange(COUNT)
    solutions = solution_grids(0, numbers, test_side=False)
    singles = eased_puzzles(solutions, 0, numbers, (17, 17))
    minimal = climbed_puzzles(solutions, 0, numbers, (0.0, 0.0), steps=0)
    show("singles-only puzzles of few clues, solved, proved and rated", COUNT, lambda: rate(singles))
    all_of("minimal puzzles", minimal)
    all_of("extreme puzzles", load_tier("extreme").puzzles)
    for file in sys.argv[1:]:
        all_of(f"puzzles of {Path(file).name}", read_puzzles(Path(file))[0][:COUNT])
    show("canonical forms of solution grids", COUNT, lambda: canonical(solutions))
    show("training puzzles, singles only", COUNT, lambda: training_puzzles(COUNT, 0))
    show("training puzzles, up to 2 wrong guesses", COUNT, lambda: training_puzzles(COUNT, 0, max_rating=2.0))
    show("extreme puzzles found, rated twice", 20, lambda: sample_tier("extreme", 0, 20), repeats=1, unit="minute")


if __name__ == "__main__":
    main()
