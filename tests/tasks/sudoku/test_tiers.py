import pytest

from loopbench.errors import LoopbenchError
from loopbench.tasks.sudoku.canonical import is_test_side
from loopbench.tasks.sudoku.sampling import sample_tier
from loopbench.tasks.sudoku.solver import solve
from loopbench.tasks.sudoku.tiers import (
    TIERS,
    RatedPuzzles,
    Tier,
    format_lines,
    parse_lines,
)


def check(tier: Tier, rated: RatedPuzzles) -> None:
    """What a tier promises."""
    solved = solve(rated.puzzles)
    assert (solved.count == 1).all()
    assert (solved.solutions == rated.solutions).all()
    assert is_test_side(rated.solutions).all()
    clues = (rated.puzzles > 0).sum(1)
    assert tier.clues[0] <= clues.min()
    assert clues.max() <= tier.clues[1]
    if tier.ratings is None:
        assert solved.singles.all()
        assert not rated.ratings.any()
    else:
        assert tier.ratings[0] <= rated.ratings.min()
        assert rated.ratings.max() < tier.ratings[1]


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_fresh_puzzles_are_of_the_same_kind(tier: Tier) -> None:
    rated = sample_tier(tier.name, seed=1, count=3)
    assert len(rated.puzzles) == 3
    check(tier, rated)


def test_lines_are_read_as_they_were_written() -> None:
    rated = sample_tier("medium", seed=3, count=5)
    text = format_lines(rated)
    read = parse_lines(text)
    for name in ("puzzles", "solutions", "ratings"):
        assert (getattr(read, name) == getattr(rated, name)).all()
    row = text.split()[0]
    assert sum(symbol.isdigit() for symbol in row) == (rated.puzzles[0] > 0).sum()


def test_unknown_tiers_are_refused() -> None:
    with pytest.raises(LoopbenchError, match="no sudoku tier 'harder'; there are gentle"):
        sample_tier("harder", 0, 1)
