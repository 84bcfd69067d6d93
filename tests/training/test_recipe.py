from pathlib import Path

import pytest

from loopbench.errors import LoopbenchError
from loopbench.training.explain import explain
from loopbench.training.recipe import dump_recipe, find_recipe, load_recipe, shipped_recipes

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


@pytest.mark.parametrize("path", shipped_recipes(), ids=lambda path: path.stem)
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
        ("steps=[", r"--set steps=\[: not valid YAML"),
        ("config={width: 8, width: 9}", "the key 'width' stands 2 times"),
        ("config.width=2024-01-01", "is read as a date; put it in quotes"),
        ("steps=null", "either steps or budget_minutes"),
        ("init=hub:org/first", r"init: hub:org/first can change: write hub:org/first@COMMIT"),
        ("init=hub:org/first@v1", "init: hub:org/first@v1 can change"),
        ("init='a b'", "init: 'a b' is not a model reference"),
    ],
)
def test_a_change_that_does_not_fit_names_itself_in_one_line(recipe: Path, change: str, message: str) -> None:
    with pytest.raises(LoopbenchError, match=message) as caught:
        load_recipe(recipe, [change])
    assert "\n" not in str(caught.value)


def test_an_exponent_makes_a_number_in_a_file_and_in_a_change(recipe: Path) -> None:
    recipe.write_text(MINIMAL + "data: {a: 1e-3, b: -2E+5, c: 1.e3, d: '1e3', e: 1e, f: 0x1e3}\n")
    loaded = load_recipe(recipe, ["steps=1e3", "optimizer.lr=1e-3", "config.x=3e-4"])
    assert (loaded.steps, loaded.optimizer.lr, loaded.config["x"]) == (1000, 1e-3, 3e-4)
    assert loaded.data == {"a": 1e-3, "b": -2e5, "c": 1e3, "d": "1e3", "e": "1e", "f": 0x1E3}
    recipe.write_text(dump_recipe(loaded))
    assert load_recipe(recipe, []) == loaded
    with pytest.raises(LoopbenchError, match="steps: Input should be a valid integer"):
        load_recipe(recipe, ["steps=1.5e0"])


def test_a_shipped_recipe_has_a_name_and_a_file_has_a_path() -> None:
    assert load_recipe(find_recipe("prefix-sums-recall"), []).architecture == "recall"
    for path in ("./prefix-sums-recall", "mine.yaml", "mine.yml", "runs/x/recipe.yaml"):
        assert find_recipe(path) == Path(path)
    with pytest.raises(
        LoopbenchError, match=r"unknown recipe 'prefix-sums-recal'; did you mean .*-loop-outer"
    ) as caught:
        find_recipe("prefix-sums-recal")
    assert "a file is written ./prefix-sums-recal" in str(caught.value)


def test_an_explained_recipe_is_the_same_recipe_with_every_setting(recipe: Path) -> None:
    loaded = load_recipe(find_recipe("prefix-sums-recall"), [])
    text = explain(loaded)
    recipe.write_text(text)
    written = load_recipe(recipe, [])
    assert written == loaded.model_copy(update={"data": written.data, "config": written.config})
    assert written.data == {"bits": 32, "leading_ones": 0.1, "strings": None}
    assert written.config == {"width": 32, "heads": 2, "mlp_ratio": 4, "recall": "recall", "norm": "pre"}
    for meaning in ("length of the strings", "attention heads", "m: the most iterations", "steps between two looks"):
        assert f"  # {meaning}" in text
    assert "# float32 | tf32 | bf16-autocast" in text


def test_something_else_is_no_recipe(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n- 2\n")
    with pytest.raises(LoopbenchError, match="not a recipe"):
        load_recipe(path, [])
