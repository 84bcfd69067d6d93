"""What looped-sudoku solves, in the tiers and in other collections: `python benchmarks/ratings.py FILE …`.

Evaluates the first 200 puzzles of each file to t = 256 (minutes each; --output keeps the records), and prints them
beside the tiers' records in leaderboard: how many are solved, by rating, and by how many candidates the elementary
techniques strike out after the last single; the median of these numbers, and how many are stubborn: none at all.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from presets import print_table, records_of

import loopbench
from loopbench.evaluation import Record
from loopbench.plugins import get_task
from loopbench.tasks.sudoku.elementary import count_eliminations
from loopbench.tasks.sudoku.files import read_puzzles
from loopbench.tasks.sudoku.rating import rate
from loopbench.tasks.sudoku.tiers import TIERS

MODEL = "sudoku-internal-recall-outer-256-s0"
PUZZLES, ITERATIONS = 200, 256
RATINGS = (0, 1, 5, 20, 40, 80, np.inf)
STRUCK = (0, 1, 5, 10, 20, np.inf)
FEWEST = 10  # puzzles of a row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--output", type=Path, help="folder that keeps the records of the files")
    options = parser.parse_args()
    rows: list[list[str]] = []
    task, tiers = get_task("sudoku"), records_of(MODEL)
    for tier in TIERS:
        puzzles = task.load(tier.name).inputs.flatten(1).numpy().astype(np.uint8)
        rows += by_difficulty(tier.name, puzzles, tiers[tier.name])
    for file in options.files:
        model = loopbench.load_model(MODEL)
        record = loopbench.evaluate(
            model, "sudoku", data=file, limit=PUZZLES, iterations=ITERATIONS, output=options.output, compiled=True
        )
        rows += by_difficulty(file.name.partition(".")[0], read_puzzles(file)[0], record)
    print_table(
        ("puzzles", "which", "number", f"% valid at t = {ITERATIONS}", "struck out, median", "% stubborn"), rows
    )


def by_difficulty(name: str, puzzles: np.ndarray, record: Record) -> list[list[str]]:
    """A row for all, with their mean rating, and one for each range of ratings and eliminations that enough have."""
    puzzles = puzzles[: record.examples.count]
    solved = record.verdicts.solved[record.verdicts.iterations.tolist().index(ITERATIONS)]
    ratings, struck = rate(puzzles), count_eliminations(puzzles)
    rows = {f"all; mean rating {ratings.mean():.1f}": np.ones(len(puzzles), bool)}
    for what, values, bounds in (("rating", ratings, RATINGS), ("struck out", struck, STRUCK)):
        for low, high in pairwise(bounds):
            here = (values >= low) & (values < high)
            if FEWEST <= here.sum() < len(puzzles):
                last = high - 1 if values is struck else high
                text = f"{low} and more" if high == np.inf else f"{low}" if low == last else f"{low}–{last}"
                rows[f"{what} {text}"] = here
    stubborn = (struck == 0) & (ratings > 0)
    numbers = {
        text: (here.sum(), 100 * solved[here].mean(), np.median(struck[here]), 100 * stubborn[here].mean())
        for text, here in rows.items()
    }
    return [[name, text, *(f"{value:.0f}" for value in row)] for text, row in numbers.items()]


if __name__ == "__main__":
    main()
