from pathlib import Path

import pytest

from loopbench.errors import LoopbenchError
from loopbench.training.recipe import dump_recipe, load_recipe

RECIPES = sorted((Path(__file__).parents[2] / "loopbench" / "recipes").glob("*.yaml"))

MINIMAL = """
task: prefix-sums
architecture: recall
objective: {name: progressive}
steps: 10
batch_size: 4
optimizer: {lr: 1.0e-3}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(MINIMAL)
    return path


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid_and_round_trip(path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(path, [])
    (tmp_path / "copy.yaml").write_text(dump_recipe(recipe))
    assert load_recipe(tmp_path / "copy.yaml", []) == recipe


def test_changes_reach_into_sections(recipe: Path) -> None:
    changed = load_recipe(recipe, ["optimizer.lr=3e-4", "data.bits=16", "compile=false"], seed=7)
    assert (changed.optimizer.lr, changed.data, changed.compile, changed.seed) == (3e-4, {"bits": 16}, False, 7)


def test_a_budget_takes_the_place_of_steps_and_the_reverse(recipe: Path) -> None:
    assert load_recipe(recipe, ["budget_minutes=5"]).steps is None
    assert load_recipe(recipe, ["budget_minutes=5", "steps=3"]).budget_minutes is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimzer.lr=1", "optimzer"),
        ("optimizer.learning_rate=1", "learning_rate"),
        ("optimizer.lr=-1", "optimizer.lr"),
        ("steps=many", "steps"),
        ("steps.x=1", "steps is a value, not a section"),
        ("steps", "key=value"),
        ("=3", "key=value"),
        ("steps=[", "not a YAML value"),
        ("steps=null", "either steps or budget_minutes"),
    ],
)
def test_a_change_that_does_not_fit_names_itself_in_one_line(recipe: Path, change: str, message: str) -> None:
    with pytest.raises(LoopbenchError, match=message) as caught:
        load_recipe(recipe, [change])
    assert "\n" not in str(caught.value)


def test_something_else_is_no_recipe(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n- 2\n")
    with pytest.raises(LoopbenchError, match="not a recipe"):
        load_recipe(path, [])
