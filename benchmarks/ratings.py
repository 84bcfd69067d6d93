"""What looped-sudoku solves, in the tiers and in other collections: `python benchmarks/ratings.py [FILE …]`.

Draws 400 puzzles of each file, evaluates them to t = 256 (minutes each), and keeps what came of them, without the
puzzles, in leaderboard/collections. Then, of all that is there and of the tiers' records: how many are solved, by
rating, and, of puzzles that singles do not solve, by how many candidates the elementary techniques strike out after the
last single, and how many they refute when supposed; and the hardest beside the tier of their rating.
"""

import argparse
import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from presets import RESULTS, print_table, records_of

import loopbench
from loopbench.errors import LoopbenchError
from loopbench.evaluation import Record
from loopbench.evaluation.statistics import fisher
from loopbench.files import write_bytes
from loopbench.plugins import get_task
from loopbench.tasks.sudoku.elementary import count_eliminations
from loopbench.tasks.sudoku.files import read_puzzles
from loopbench.tasks.sudoku.rating import rate
from loopbench.tasks.sudoku.suppositions import count_refuted
from loopbench.tasks.sudoku.tiers import TIERS

MODEL = "sudoku-internal-recall-outer-256-stubborn-s0"
COLLECTIONS = RESULTS.with_name("collections")
PUZZLES, SEED, ITERATIONS = 400, 0, 256
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
REFUTED = {
    "0–9 refuted": (0, 9),
    "10–29 refuted": (10, 29),
    "30–49 refuted": (30, 49),
    "50–69 refuted": (50, 69),
    "70 and more refuted": (70, np.inf),
}
FEWEST = 10  # puzzles of a row
COLUMNS = ("row", "rating", "struck", "refuted", "solved")


class Outcomes(NamedTuple):
    """Of every puzzle its rating, what is struck out and refuted (−1: singles do), and whether it is solved, `(N,)`."""

    rating: np.ndarray
    struck: np.ndarray
    refuted: np.ndarray
    solved: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    try:
        puzzles_of = {file: read_puzzles(file)[0] for file in options.files}
    except LoopbenchError as error:
        parser.error(str(error))
    for file, puzzles in puzzles_of.items():
        keep(file, puzzles)
    task, tiers = get_task("sudoku"), records_of(MODEL)
    ours = {
        tier.name: outcomes(task.load(tier.name).inputs.flatten(1).numpy().astype(np.uint8), tiers[tier.name])
        for tier in TIERS
    }
    others = {path.stem: read(path) for path in sorted(COLLECTIONS.glob("*.csv"))}
    rows = [[name, *row] for name, these in (ours | others).items() for row in by_difficulty(these)]
    print_table(
        ("puzzles", "which", "number", f"% valid at t = {ITERATIONS}", "struck out, median", "refuted, median"), rows
    )
    if others:
        hardest = max(others, key=lambda name: others[name].rating.mean())
        print_table(("rating", "extreme", hardest, "p, one-sided"), beside(ours["extreme"], others[hardest]))


def keep(file: Path, puzzles: np.ndarray) -> None:
    """Evaluate a random sample of a collection, and write what came of it."""
    draw = np.random.Generator(np.random.Philox(SEED))
    rows = np.sort(draw.choice(len(puzzles), min(PUZZLES, len(puzzles)), replace=False))
    with TemporaryDirectory() as folder:
        sample = Path(folder) / "sample.txt"
        sample.write_text("\n".join("".join(map(str, puzzle)) for puzzle in puzzles[rows]))
        model = loopbench.load_model(MODEL)
        record = loopbench.evaluate(model, "sudoku", data=sample, iterations=ITERATIONS, compiled=True)
    lines = [",".join(COLUMNS)]
    for row, rating, struck, refuted, solved in zip(rows, *outcomes(puzzles[rows], record), strict=True):
        lines.append(f"{row},{rating},{struck},{refuted},{solved:d}")
    write_bytes(COLLECTIONS / f"{file.name.partition('.')[0]}.csv", "\n".join([*lines, ""]).encode())


def read(path: Path) -> Outcomes:
    with path.open(newline="") as file:
        table = np.array([[float(row[column]) for column in COLUMNS[1:]] for row in csv.DictReader(file)])
    return Outcomes(table[:, 0], table[:, 1], table[:, 2], table[:, 3] > 0)


def outcomes(puzzles: np.ndarray, record: Record) -> Outcomes:
    puzzles = puzzles[: record.examples.count]
    ratings = rate(puzzles)
    solved = record.verdicts.solved[record.verdicts.iterations.tolist().index(ITERATIONS)]
    struck, refuted = (np.where(ratings > 0, count(puzzles), -1) for count in (count_eliminations, count_refuted))
    return Outcomes(ratings, struck, refuted, solved)


def by_difficulty(these: Outcomes) -> list[list[str]]:
    """A row for all, with their mean rating, and one for each range that enough have."""
    rating, struck, refuted, solved = these
    rows = {f"all; mean rating {rating.mean():.1f}": np.ones(len(rating), bool)}
    rows |= {text: (rating >= low) & (rating < high) for text, (low, high) in RATINGS.items()}
    rows |= {text: (struck >= low) & (struck <= high) for text, (low, high) in STRUCK.items()}
    rows |= {text: (refuted >= low) & (refuted <= high) for text, (low, high) in REFUTED.items()}
    found: list[list[str]] = []
    for text, here in rows.items():
        if (here.all() and found) or here.sum() < FEWEST:
            continue
        left = here & (struck >= 0)
        medians = [f"{np.median(counts[left]):.0f}" if left.any() else "–" for counts in (struck, refuted)]
        found.append([text, f"{here.sum()}", f"{100 * solved[here].mean():.0f}", *medians])
    return found


def beside(tier: Outcomes, others: Outcomes) -> list[list[str]]:
    """For each range of ratings that both have: how many are solved, and how likely the tier's lead is by chance."""
    found: list[list[str]] = []
    for text, (low, high) in RATINGS.items():
        counts = [
            (int(these.solved[here].sum()), int(here.sum()))
            for these in (tier, others)
            for here in [(these.rating >= low) & (these.rating < high)]
        ]
        if min(n for _, n in counts) >= FEWEST:
            p = fisher(*counts[0], *counts[1])
            found.append([text.removeprefix("rating "), *(f"{solved} of {n}" for solved, n in counts), f"{p:.2g}"])
    return found


if __name__ == "__main__":
    main()
