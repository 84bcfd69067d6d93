"""The grid: which cells a study has, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from sweep_toys import STUDY, study

from loopbench import registry
from loopbench.contracts import Provider
from loopbench.errors import LoopbenchError
from loopbench.plugins import CORE
from loopbench.sweep import cells
from loopbench.sweep.cells import cells_of
from loopbench.sweep.study import Study, dump_study, load_study
from loopbench.validation import dump_yaml

STUDIES = Path(__file__).parents[2] / "studies"
RAN = Path(__file__).parents[2] / "leaderboard" / "studies"


def labels(plan: Study) -> list[tuple[str, ...]]:
    return [tuple(chosen.values()) for chosen, _ in plan.points()]


def test_the_first_axis_varies_slowest_and_excluded_cells_are_left_out() -> None:
    assert labels(study()) == [
        ("0", "recall", "pre"),
        ("0", "recall", "outer"),
        ("0", "fixed-depth", "pre"),
        ("1", "recall", "pre"),
        ("1", "recall", "outer"),
        ("1", "fixed-depth", "pre"),
    ]


def test_included_cells_may_have_values_that_are_not_on_the_axis() -> None:
    plan = study(include=[{"seed": [0, 7], "recall": "recall", "norm": "pre"}])
    assert labels(plan)[6:] == [("7", "recall", "pre")]  # seed 0 is there already
    assert cells_of(plan)[6].recipe.seed == 7


def test_axes_and_overrides_change_the_recipe_in_this_order() -> None:
    overrides = [
        {"where": {"recall": "recall", "norm": ["outer", "pre"]}, "set": {"optimizer.lr": 0.5, "batch_size": 9}},
        {"where": {"norm": "outer"}, "set": {"optimizer.lr": 0.25}},
    ]
    found = {tuple(cell.labels.values()): cell.recipe for cell in cells_of(study(overrides=overrides))}
    assert found["0", "recall", "pre"].optimizer.lr == 0.5
    assert found["0", "recall", "outer"].optimizer.lr == 0.25
    assert found["0", "recall", "outer"].batch_size == 9
    assert found["0", "fixed-depth", "pre"].optimizer.lr == 0.01
    assert found["0", "fixed-depth", "pre"].config == {"width": 8, "heads": 1, "mlp_ratio": 4, "norm": "pre"}


def test_a_run_is_found_by_what_decides_its_weights_and_by_nothing_else() -> None:
    cells = {cell.digest: cell.name for cell in cells_of(study())}
    axes = dict(reversed(STUDY["grid"].items())) | {"seed": [1, 0, 2]}
    grown = {cell.digest: cell.name for cell in cells_of(study(grid=axes, name="other", evaluations=[]))}
    assert cells.keys() < grown.keys()  # another order, name and seed, and nothing measured
    spelled = STUDY["recipe"] | {"data": {"bits": 8, "leading_ones": 0.0}}  # a default, written out
    assert {cell.digest for cell in cells_of(study(recipe=spelled))} == cells.keys()
    longer = STUDY["recipe"] | {"batch_size": 9}
    assert not {cell.digest for cell in cells_of(study(recipe=longer))} & cells.keys()


def test_the_cells_that_were_run_long_ago_are_still_found() -> None:
    found = {path.stem for path in (RAN / "paper-small" / "cells").glob("*.json")}
    assert found
    assert found <= {cell.name for cell in cells_of(load_study(RAN / "paper-small" / "study.yaml"))}


def test_other_weights_to_begin_with_are_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(**init: str) -> str:
        return cells_of(study(recipe=STUDY["recipe"] | init))[0].digest

    named = digest(init="prefix-sums-recall-s0")
    assert len({digest(), named, digest(init="prefix-sums-recall-s1"), digest(init=f"hub:me/mine@{40 * '0'}")}) == 4
    other = registry.find("prefix-sums-recall-s1")
    monkeypatch.setattr(registry, "find", lambda name: other)  # the name stands for other weights now
    assert digest(init="prefix-sums-recall-s0") != named


def test_a_new_release_of_an_objectives_package_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(distribution: str, version: str) -> str:
        provider = Provider(distribution=distribution, version=version)
        monkeypatch.setattr(cells, "objective_provider", lambda name: provider)
        return cells_of(study())[0].digest

    assert digest("looped-losses", "1.0") == digest("looped-losses", "1.0") != digest("looped-losses", "1.1")
    assert digest(CORE, "1.0") == digest(CORE, "1.1")


def test_what_is_measured_can_depend_on_the_cell() -> None:
    plan = study(diagnoses=[{"where": {"seed": 0, "recall": "recall"}, "split": "bits-64", "examples": 2}])
    assert [len(cell.measurements) for cell in cells_of(plan)] == [3, 3, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exclude": [{"seeds": 1}]}, "'seeds' is no axis of the grid; it has seed, recall, norm"),
        ({"exclude": [{"norm": "post"}]}, "'post' is not on axis norm, which has outer, pre"),
        ({"include": [{"norm": "post"}]}, "'post' is not on axis norm"),
        ({"evaluations": [{"where": {"norm": "post"}, "splits": ["bits-32"]}]}, "'post' is not on axis norm"),
        ({"grid": {"seed": [1, 2, 1]}}, "grid.seed has '1' twice"),
        ({"grid": {"seed": []}}, "grid.seed has no choice"),
        ({"grid": {"seed": 3}}, "grid.seed: must be a list of values, or names with the changes that they stand for$"),
        ({"grid": {"seed": None}}, "grid.seed: must be a list of values, or names with the changes"),
        ({"grid": {"norm": {"pre": None}}}, "grid.norm: must be a list of values, or names with the changes"),
        ({"grid": {"task": ["a\nb"]}, "exclude": []}, r"'a\\nb' in the grid must be one line"),
        ({"recipe": "paper"}, "recipe: must be a mapping of names to values"),
        ({"exclude": {"seed": 1}}, "exclude: must be a list$"),
        ({"exclude": [{"seed": None}]}, "exclude.0.seed: must be a label of the axis, or a list of them$"),
        ({"evaluations": [{"splits": "bits-32"}]}, "evaluations.0.splits: must be a list$"),
        ({"evaluations": [{"splits": ["bits-32"], "limt": 2}]}, r"evaluations.0.limt: .* \(did you mean limit\?\)"),
        ({"evaluations": [{"splits": ["bits-33"]}]}, "^study tiny: 0, recall, pre: task prefix-sums has no split"),
        ({"recipe": STUDY["recipe"] | {"width": 8}}, "study tiny: 0, recall, pre: recipe: width: no such field"),
        ({"recipe": STUDY["recipe"] | {"task": "chss"}}, "^study tiny: 0, recall, pre: unknown task 'chss'"),
        ({"overrides": [{"where": {}, "set": {"clip.x": 3}}], "recipe": STUDY["recipe"] | {"clip": 1}},
         "^study tiny: 0, recall, pre: clip.x: clip is a value"),
        ({"recipe": STUDY["recipe"] | {"config": {"width": 9}}}, "config: .*width 9 must be a multiple"),
        ({"overrides": [{"where": {}, "set": {"budget_minutes": 1}}]}, "a study needs steps, not budget_minutes"),
        ({"recipe": STUDY["recipe"] | {"init": "./runs/x"}}, "init: ./runs/x can change: a study begins with"),
        ({"overrides": [{"where": {"seed": 1}, "set": {"seed": 7}}]}, "sets seed, but axis seed sets seed"),
        ({"overrides": [{"where": {}, "set": {"config": {}}}]}, "config, but axis recall sets config.recall"),
        ({"grid": STUDY["grid"] | {"norm": {name: {"config.norm": "pre"} for name in ("pre", "outer")}}},
         "study tiny: 0, recall, outer and 0, recall, pre are the same run"),
        ({"exclude": [{}]}, "it has no cells"),
        ({"exclude": [{"seed": []}]}, "exclude.0 matches no cell"),
        ({"include": [{"seed": 7}, {"seed": 0}]}, "include.1 adds no cell"),
        ({"overrides": [{"where": {"recall": "fixed-depth", "norm": "outer"}, "set": {"clip": 2}}]},
         "overrides.0 matches no cell"),
        ({"evaluations": [{"splits": ["bits-32"]}, {"where": {"norm": "outer"}, "splits": ["bits-32"], "limit": 9}]},
         "0, recall, outer: the split bits-32 is evaluated twice"),
        ({"diagnoses": [{"split": "bits-32"}, {"split": "bits-32", "examples": 9}]}, "bits-32 is diagnosed twice"),
        ({"resources": {"processes": 2}}, "a GPU each, where there are any: write gpu: 1"),
    ],
)  # fmt: skip
def test_a_study_that_makes_no_sense_is_one_clear_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(dump_yaml(STUDY | changes))
    with pytest.raises(LoopbenchError, match=message) as caught:
        cells_of(load_study(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "count"), [("paper", 4 * 4 * 3 * (3 * 3 + 1)), ("paper-small", 4 * 4 * 3)])
def test_the_studies_that_are_there(tmp_path: Path, name: str, count: int) -> None:
    plan = load_study(STUDIES / f"{name}.yaml")
    assert len(cells_of(plan)) == count
    (tmp_path / "copy.yaml").write_text(dump_study(plan))
    assert load_study(tmp_path / "copy.yaml") == plan
