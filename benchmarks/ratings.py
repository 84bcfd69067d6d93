"""What looped-sudoku solves by rating, in the tiers and in other collections: `python benchmarks/ratings.py FILE …`.

Evaluates the first 200 puzzles of each file to t = 256 (minutes each; --output keeps the records), and prints them
beside the tiers' records in leaderboard, in %: how many are solved, of how many one more cell is enough for singles to
solve the rest, how many of these and of the others are solved, and of how many guesses need not be nested.
"""

import argparse
from pathlib import Path

import numpy as np
from presets import STRESS, print_table, records_of

import loopbench
from loopbench.evaluation import Record
from loopbench.plugins import get_task
from loopbench.tasks.sudoku.files import read_puzzles
from loopbench.tasks.sudoku.rating import rate
from loopbench.tasks.sudoku.solver import ALL, BITS, begin, propagate, solve, workspace
from loopbench.tasks.sudoku.tiers import TIERS

MODEL = "sudoku-internal-recall-outer-256-s0"
PUZZLES, ITERATIONS = 200, 256
RANGES = ((0, 1), (1, 5), (5, 20), (20, 40), (40, 80), (80, np.inf))
FEWEST = 20  # puzzles of a row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--output", type=Path, help="folder that keeps the records of the files")
    options = parser.parse_args()
    rows: list[list[str]] = []
    task, tiers = get_task("sudoku"), records_of(MODEL, STRESS)
    for tier in TIERS:
        puzzles = task.load(tier.name).inputs.flatten(1).numpy().astype(np.uint8)
        rows += by_rating(tier.name, puzzles, tiers[tier.name])
    for file in options.files:
        model = loopbench.load_model(MODEL)
        record = loopbench.evaluate(
            model, "sudoku", data=file, limit=PUZZLES, iterations=ITERATIONS, output=options.output, compiled=True
        )
        rows += by_rating(file.name.partition(".")[0], read_puzzles(file)[0], record)
    valid = (f"valid at t = {ITERATIONS}", "one cell", "valid of these", "of the others")
    print_table(("puzzles", "rating", "number", *valid, "one guess at a time"), rows)


def by_rating(name: str, puzzles: np.ndarray, record: Record) -> list[list[str]]:
    """A row for all, with their mean rating, and one for each range of ratings that enough of them have."""
    puzzles = puzzles[: record.examples.count]
    solved = record.verdicts.solved[record.verdicts.iterations.tolist().index(ITERATIONS)]
    ratings, one_cell = rate(puzzles), np.array([needs_one_cell(puzzle) for puzzle in puzzles])
    one_guess = np.array([falls_to_one_guess_at_a_time(puzzle) for puzzle in puzzles])
    rows = {f"all, {ratings.mean():.1f} on average": np.ones(len(puzzles), bool)}
    for low, high in RANGES:
        here = (ratings >= low) & (ratings < high)
        if FEWEST <= here.sum() < len(puzzles):
            rows[f"{low}–{high}" if high < np.inf else f"{low} and more"] = here
    return [
        [name, text, str(here.sum()), percent(solved[here]), percent(one_cell[here])]
        + [percent(solved[here & part]) for part in (one_cell, ~one_cell)]
        + [percent(one_guess[here])]
        for text, here in rows.items()
    ]


def percent(found: np.ndarray) -> str:
    """The share that is true, of enough puzzles."""
    return f"{100 * found.mean():.0f}" if len(found) >= FEWEST else "–"


def needs_one_cell(puzzle: np.ndarray) -> bool:
    """Whether some cell of the solution, added to the givens, lets singles solve the puzzle."""
    blanks = np.flatnonzero(puzzle == 0)
    solution = solve(puzzle[None]).solutions[0]
    more = np.repeat(puzzle[None], len(blanks), 0)
    more[np.arange(len(blanks)), blanks] = solution[blanks]
    return bool(solve(more).singles.any())


def falls_to_one_guess_at_a_time(puzzle: np.ndarray) -> bool:
    """Whether it is enough to strike out what singles alone refute, again and again, with no guess inside a guess.

    In what people write about solving this is trial and error of depth one.
    """
    candidates, placed, _, stack = workspace()
    begin(puzzle, candidates[0], placed[0], stack)
    struck = True
    while struck:
        struck = False
        for cell in range(81):
            for value in (1 << digit for digit in range(9)):
                if not candidates[0, cell] & value or candidates[0, cell] == value:
                    continue
                candidates[1], placed[1], stack[0] = candidates[0], placed[0], cell
                candidates[1, cell] = value
                if not propagate(candidates[1], placed[1], stack, 1):
                    struck = True
                    candidates[0, cell] &= ALL ^ value
                    stack[0] = cell
                    propagate(candidates[0], placed[0], stack, int(BITS[candidates[0, cell]] == 1))
    return bool((BITS[candidates[0]] == 1).all())


if __name__ == "__main__":
    main()
