"""The tiers of generated puzzles, and the files that hold those shipped.

A line of a file is a puzzle with its solution and rating: a digit is a given, a letter from a to i a blank and the
digit 1 to 9 that belongs there.

Random minimal puzzles have ratings of 0.7 in the median; singles suffice for 40 %, 98 % are below 5, and of 1,000 none
is above 16. Collections of puzzles with 17 clues are like them, with a longer tail; what people call diabolical is at
0.4 to 9; the hardest puzzles known are at 35 to 200. So `medium` is the upper third of random minimal puzzles, `hard`
what chance hardly finds, `extreme` what only a search finds. Its puzzles are stubborn, as the hardest known are: after
singles the elementary techniques strike nothing out (the basics do nothing, say those who solve by hand).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loopbench.errors import LoopbenchError

FOLDER = Path(__file__).parent / "data"
LETTER = ord("a") - ord("1")


@dataclass(frozen=True)
class Tier:
    """Puzzles of one kind, with solutions on the test side.

    Attributes:
        difficulty: orders the tiers; from `medium` on the least rating.
        clues: the fewest and the most givens.
        ratings: the least rating, and the one that all stay below; `None` where singles alone must do.
        stubborn: whether the elementary techniques strike nothing out of any puzzle after singles.
    """

    name: str
    difficulty: float
    clues: tuple[int, int] = (17, 81)
    ratings: tuple[float, float] | None = None
    stubborn: bool = False


TIERS = (
    Tier("gentle", difficulty=0, clues=(40, 50)),
    Tier("easy", difficulty=0.5, clues=(17, 26)),
    Tier("medium", difficulty=1, ratings=(1, 5)),
    Tier("hard", difficulty=5, ratings=(5, 20)),
    Tier("extreme", difficulty=20, ratings=(20, float("inf")), stubborn=True),
)

SPLITS = tuple(f"{twin}{tier.name}" for twin in ("", "dev-") for tier in TIERS)
"""The names of the shipped files: every tier, and its twin from another seed."""


@dataclass(frozen=True)
class RatedPuzzles:
    """Puzzles with one solution each.

    Attributes:
        puzzles: `(N, 81)` uint8, 0 for a blank.
        solutions: `(N, 81)` uint8.
        ratings: `(N,)` float64.
    """

    puzzles: np.ndarray
    solutions: np.ndarray
    ratings: np.ndarray


def find_tier(name: str) -> Tier:
    """The tier of that name.

    Raises:
        LoopbenchError: there is none.
    """
    for tier in TIERS:
        if tier.name == name:
            return tier
    raise LoopbenchError(f"there is no sudoku tier {name!r}; there are {', '.join(tier.name for tier in TIERS)}")


def load_tier(split: str) -> RatedPuzzles:
    """The shipped puzzles of a split: a tier, or its twin `dev-…`."""
    return parse_lines((FOLDER / f"{split}.txt").read_text(encoding="ascii"))


def format_lines(rated: RatedPuzzles) -> str:
    """The text of a file."""
    cells = rated.solutions + np.where(rated.puzzles > 0, ord("0"), LETTER + ord("0")).astype(np.uint8)
    rows = (row.tobytes().decode("ascii") for row in cells)
    return "".join(f"{row} {rating}\n" for row, rating in zip(rows, rated.ratings.tolist(), strict=True))


def parse_lines(text: str) -> RatedPuzzles:
    """What `format_lines` wrote."""
    lines = [line.split(" ") for line in text.splitlines()]
    cells = np.frombuffer("".join(row for row, _ in lines).encode("ascii"), np.uint8).reshape(-1, 81)
    blank = cells >= ord("a")
    solutions = cells - np.where(blank, LETTER + ord("0"), ord("0")).astype(np.uint8)
    return RatedPuzzles(
        puzzles=np.where(blank, 0, solutions).astype(np.uint8),
        solutions=solutions,
        ratings=np.array([float(rating) for _, rating in lines]),
    )
