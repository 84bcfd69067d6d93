"""What looped-sudoku solves, in the tiers and in other collections: `python benchmarks/ratings.py FILE …`.

Evaluates the first 200 puzzles of each file to t = 256 (minutes each; --output keeps the records), and prints them
beside the tiers' records in leaderboard: how many are solved, by rating, and by how many candidates the elementary
techniques strike out after the last single (of puzzles that singles do not solve). Stubborn: none.
"""

import argparse
from pathlib import Path

import numpy as np
from presets import print_table, records_of

import loopbench
from loopbench.errors import LoopbenchError
from loopbench.evaluation import Record
from loopbench.plugins import get_task
from loopbench.tasks.sudoku.elementary import count_eliminations
from loopbench.tasks.sudoku.files import read_puzzles
from loopbench.tasks.sudoku.rating import rate
from loopbench.tasks.sudoku.tiers import TIERS

MODEL = "sudoku-internal-recall-outer-256-s0"
PUZZLES, ITERATIONS = 200, 256
RATINGS = {
    "rating below 1": (0, 1),
    "rating 1–5": (1, 5),
    "rating 5–20": (5, 20),
    "rating 20–40": (20, 40),
    "rating 40–80": (40, 80),
    "rating 80 and more": (80, np.inf),
}
STRUCK = {
    "stubborn": (0, 0),
    "1–4 struck out": (1, 4),
    "5–9 struck out": (5, 9),
    "10–19 struck out": (10, 19),
    "20 and more struck out": (20, np.inf),
}
FEWEST = 10  # puzzles of a row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--output", type=Path, help="folder that keeps the records of the files")
    options = parser.parse_args()
    try:
        puzzles_of = {file: read_puzzles(file)[0] for file in options.files}
    except LoopbenchError as error:
        parser.error(str(error))
    rows: list[list[str]] = []
    task, tiers = get_task("sudoku"), records_of(MODEL)
    for tier in TIERS:
        puzzles = task.load(tier.name).inputs.flatten(1).numpy().astype(np.uint8)
        rows += by_difficulty(tier.name, puzzles, tiers[tier.name])
    for file, puzzles in puzzles_of.items():
        model = loopbench.load_model(MODEL)
        record = loopbench.evaluate(
            model, "sudoku", data=file, limit=PUZZLES, iterations=ITERATIONS, output=options.output, compiled=True
        )
        rows += by_difficulty(file.name.partition(".")[0], puzzles, record)
    print_table(("puzzles", "which", "number", f"% valid at t = {ITERATIONS}", "struck out, median"), rows)


def by_difficulty(name: str, puzzles: np.ndarray, record: Record) -> list[list[str]]:
    """A row for all, with their mean rating, and one for each range of ratings and of eliminations that enough have."""
    puzzles = puzzles[: record.examples.count]
    solved = record.verdicts.solved[record.verdicts.iterations.tolist().index(ITERATIONS)]
    ratings = rate(puzzles)
    open_ = ratings > 0  # singles solve the others, and leave nothing to strike out
    struck = np.where(open_, count_eliminations(puzzles), -1)
    rows = {f"all; mean rating {ratings.mean():.1f}": np.ones(len(puzzles), bool)}
    rows |= {text: (ratings >= low) & (ratings < high) for text, (low, high) in RATINGS.items()}
    rows |= {text: (struck >= low) & (struck <= high) for text, (low, high) in STRUCK.items()}
    found: list[list[str]] = []
    for text, here in rows.items():
        if (here.all() and found) or here.sum() < FEWEST:
            continue
        median = f"{np.median(struck[here & open_]):.0f}" if (here & open_).any() else "–"
        found.append([name, text, f"{here.sum()}", f"{100 * solved[here].mean():.0f}", median])
    return found


if __name__ == "__main__":
    main()
