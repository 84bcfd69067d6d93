"""What looped-sudoku solves, in the tiers and in other collections: `python benchmarks/ratings.py [FILE …]`.

Draws 400 puzzles of each file, evaluates them to t = 256 (minutes each), and keeps what came of them, without the
puzzles, in leaderboard/collections. Then, of all that is there and of the tiers' records: how many are solved, by
rating, and, of puzzles that singles do not solve, by how far one supposition reaches; and the tiers beside
each collection, in the same range of both.
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
from loopbench.tasks.sudoku.suppositions import reach
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
REACHES = {
    "reach below 0.25": (0, 0.25),
    "reach 0.25–0.3": (0.25, 0.3),
    "reach 0.3–0.4": (0.3, 0.4),
    "reach 0.4–0.5": (0.4, 0.5),
    "reach 0.5–0.7": (0.5, 0.7),
    "reach 0.7–0.8": (0.7, 0.8),
    "reach 0.8–0.9": (0.8, 0.9),
    "reach 0.9 and more": (0.9, np.inf),
}
FEWEST = 10  # puzzles of a row
COLUMNS = ("row", "rating", "struck", "reach", "solved")


class Outcomes(NamedTuple):
    """Of every puzzle its rating, what is struck out (−1: singles do), its reach, and whether it is solved, `(N,)`."""

    rating: np.ndarray
    struck: np.ndarray
    reach: np.ndarray
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
        ("puzzles", "which", "number", f"% valid at t = {ITERATIONS}", "struck out, median", "reach, median"), rows
    )
    tiered = Outcomes(*map(np.concatenate, zip(*ours.values(), strict=True)))
    rows = [row for name, these in others.items() for row in beside(tiered, name, these)]
    print_table(("rating", "reach", "collection", "solved there", "solved in the tiers", "p"), rows)


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
    for row, rating, struck, far, solved in zip(rows, *outcomes(puzzles[rows], record), strict=True):
        lines.append(f"{row},{rating},{struck},{far:.4f},{solved:d}")
    write_bytes(COLLECTIONS / f"{file.name.partition('.')[0]}.csv", "\n".join([*lines, ""]).encode())


def read(path: Path) -> Outcomes:
    with path.open(newline="") as file:
        table = np.array([[float(row[column]) for column in COLUMNS[1:]] for row in csv.DictReader(file)])
    return Outcomes(table[:, 0], table[:, 1], table[:, 2], table[:, 3] > 0)


def outcomes(puzzles: np.ndarray, record: Record) -> Outcomes:
    puzzles = puzzles[: record.examples.count]
    ratings = rate(puzzles)
    solved = record.verdicts.solved[record.verdicts.iterations.tolist().index(ITERATIONS)]
    return Outcomes(ratings, np.where(ratings > 0, count_eliminations(puzzles), -1), reach(puzzles), solved)


def by_difficulty(these: Outcomes) -> list[list[str]]:
    """A row for all, with their mean rating, and one for each range that enough have."""
    rows = {f"all; mean rating {these.rating.mean():.1f}": np.ones(len(these.rating), bool)}
    rows |= {text: (these.rating >= low) & (these.rating < high) for text, (low, high) in RATINGS.items()}
    rows |= {text: have_reach(these, *bounds) for text, bounds in REACHES.items()}
    found: list[list[str]] = []
    for text, here in rows.items():
        if (here.all() and found) or here.sum() < FEWEST:
            continue
        left = here & (these.struck >= 0)
        medians = ["–", "–"]
        if left.any():
            medians = [f"{np.median(these.struck[left]):.0f}", f"{np.median(these.reach[left]):.2f}"]
        found.append([text, f"{here.sum()}", f"{100 * these.solved[here].mean():.0f}", *medians])
    return found


def have_reach(these: Outcomes, low: float, high: float) -> np.ndarray:
    return (these.struck >= 0) & (these.reach >= low) & (these.reach < high)


def beside(tiers: Outcomes, name: str, others: Outcomes) -> list[list[str]]:
    """For each range of ratings, and of reaches within it, that both have: how many are solved, and how likely it is by
    chance that they differ by so much, twice the lesser of two one-sided probabilities.
    """
    found: list[list[str]] = []
    for rating, (low, high) in list(RATINGS.items())[1:]:  # what is below 1 is solved nearly always
        for reach_, bounds in {"all": (0, np.inf), **REACHES}.items():
            theirs, ours = (
                (int(these.solved[here].sum()), int(here.sum()))
                for these in (others, tiers)
                for here in [(these.rating >= low) & (these.rating < high) & have_reach(these, *bounds)]
            )
            if min(theirs[1], ours[1]) >= FEWEST:
                shares = [f"{solved} of {n} ({100 * solved / n:.0f} %)" for solved, n in (theirs, ours)]
                p = min(1.0, 2 * min(fisher(*theirs, *ours), fisher(*ours, *theirs)))
                found.append([rating.removeprefix("rating "), reach_.removeprefix("reach "), name, *shares, f"{p:.2g}"])
    return found


if __name__ == "__main__":
    main()
