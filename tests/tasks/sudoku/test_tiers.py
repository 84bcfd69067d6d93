import numpy as np
import pytest

from loopbench.errors import LoopbenchError
from loopbench.tasks.sudoku import sampling
from loopbench.tasks.sudoku.canonical import canonical, is_test_side
from loopbench.tasks.sudoku.elementary import count_eliminations
from loopbench.tasks.sudoku.generator import training_puzzles
from loopbench.tasks.sudoku.rating import rate
from loopbench.tasks.sudoku.sampling import sample_tier, shipped_seed
from loopbench.tasks.sudoku.solver import solve
from loopbench.tasks.sudoku.tiers import (
    SPLITS,
    TIERS,
    RatedPuzzles,
    Tier,
    find_tier,
    format_lines,
    load_tier,
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
    if tier.stubborn:
        assert not count_eliminations(rated.puzzles).any()


@pytest.mark.parametrize("split", SPLITS)
def test_what_is_shipped_is_what_its_tier_promises_and_can_be_made_again(split: str) -> None:
    name, rated = split.removeprefix("dev-"), load_tier(split)
    assert len(rated.puzzles) >= 1000
    check(find_tier(name), rated)
    some = slice(None, None, 100)
    assert (rate(rated.puzzles[some]) == rated.ratings[some]).all()
    again = sample_tier(name, shipped_seed(split), 2)
    assert format_lines(again) == "".join(f"{line}\n" for line in format_lines(rated).splitlines()[:2])


def test_no_two_shipped_puzzles_share_a_solution_even_turned() -> None:
    solutions = np.concatenate([load_tier(split).solutions for split in SPLITS])
    assert len(np.unique(canonical(solutions), axis=0)) == len(solutions)


def test_what_is_trained_on_is_on_the_other_side_of_all_that_is_shipped() -> None:
    trained = canonical(training_puzzles(800, seed=0, max_rating=2.0).solutions)
    shipped = canonical(np.concatenate([load_tier(split).solutions for split in SPLITS]))
    assert not {row.tobytes() for row in trained} & {row.tobytes() for row in shipped}
    assert not is_test_side(trained).any()


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_fresh_puzzles_are_of_the_same_kind(tier: Tier) -> None:
    rated = sample_tier(tier.name, seed=1, count=3)
    assert len(rated.puzzles) == 3
    check(tier, rated)
    shipped = {bytes(row) for split in SPLITS for row in load_tier(split).solutions}
    assert not shipped & {bytes(row) for row in rated.solutions}


def test_a_sample_is_the_same_on_any_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: set[str] = set()
    for cores in (1, 3):
        monkeypatch.setattr(sampling, "cores", lambda cores=cores: cores)
        texts.add(format_lines(sample_tier("medium", seed=2, count=20)))
    assert len(texts) == 1


def test_lines_are_read_as_they_were_written() -> None:
    rated = load_tier("hard")
    text = format_lines(rated)
    read = parse_lines(text)
    for name in ("puzzles", "solutions", "ratings"):
        assert (getattr(read, name) == getattr(rated, name)).all()
    row = text.split()[0]
    assert sum(symbol.isdigit() for symbol in row) == (rated.puzzles[0] > 0).sum()


def test_unknown_tiers_are_refused() -> None:
    with pytest.raises(LoopbenchError, match="no sudoku tier 'harder'; there are gentle"):
        sample_tier("harder", 0, 1)
