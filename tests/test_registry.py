import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from loopbench import registry
from loopbench.cli import models
from loopbench.errors import LoopbenchError
from loopbench.files import file_sha256
from loopbench.hub import build_model, load_model, save_model
from loopbench.training.recipe import load_recipe

COMMIT = "0123456789abcdef" * 2 + "01234567"
SMALL = {"width": 8, "heads": 2}
MAX_BUNDLED_BYTES = 20_000_000

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Takes the place of the shipped registry, with one bundled model in the folder `demo-s0`."""
    zoo = tmp_path / "zoo"
    model = build_model("recall-outer", SMALL, "prefix-sums")
    save_model(zoo / "demo-s0", model, train_iterations=30, card="# Demo card\n")

    def write_entries(*changes: dict[str, Any]) -> None:
        entry = {
            "name": "demo-s0",
            "task": "prefix-sums",
            "architecture": "recall-outer",
            "sha256": file_sha256(zoo / "demo-s0" / "model.safetensors"),
            "bundled": "demo-s0",
            "scores": {"score": 97.5},
        }
        (tmp_path / "registry.yaml").write_text(json.dumps({"models": [entry | change for change in changes]}))
        registry.entries.cache_clear()

    monkeypatch.setattr(registry, "FILE", tmp_path / "registry.yaml")
    monkeypatch.setattr(registry, "ZOO", zoo)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))  # the list shows what is cached, too
    yield write_entries
    registry.entries.cache_clear()


def test_a_name_loads_the_bundled_weights(write: Write) -> None:
    write({"hub": "org/demo", "revision": COMMIT}, {"name": "the-demo"})
    info = load_model("demo-s0").info
    assert info is not None
    assert (info.ref, info.repo, info.revision) == ("demo-s0", "org/demo", COMMIT)
    alias = load_model("the-demo").info
    assert alias is not None
    assert (alias.ref, alias.repo, alias.revision) == ("the-demo", None, None)
    assert alias.weights_sha256 == info.weights_sha256


def test_bundled_weights_with_another_hash_are_refused(write: Write) -> None:
    write({"sha256": "0" * 64})
    with pytest.raises(LoopbenchError, match=r"demo-s0: model\.safetensors has sha256 .*, but the registry says 000"):
        load_model("demo-s0")


def test_an_unknown_name_lists_close_matches(write: Write) -> None:
    write({})
    with pytest.raises(LoopbenchError, match=r"unknown model 'demo-s1'; did you mean 'demo-s0'\?.*written \./demo-s1"):
        load_model("demo-s1")


def test_a_model_that_is_nowhere(write: Write) -> None:
    write({"bundled": "left-out"})
    with pytest.raises(LoopbenchError, match="missing from this installation and is not on the Hub yet"):
        load_model("demo-s0")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ([{}, {}], "more than one model is named 'demo-s0'"),
        ([{"name": "../x"}], "models.0.name"),
        ([{"bundled": "../../x"}], "models.0.bundled"),
        ([{"sha256": "123"}], "models.0.sha256"),
        ([{"revision": "main"}], "models.0.revision"),
        ([{"scores": {"score": "high"}}], "models.0.scores.score"),
        ([{"scores": {"score": "nan"}}], "models.0.scores.score"),
        ([{"other": 1}], "models.0.other: no such field"),
        ([{"bundled": None}], "must be bundled, or have a hub repository and a revision"),
    ],
)
def test_a_registry_that_is_refused(write: Write, changes: list[dict[str, Any]], problem: str) -> None:
    write(*changes)
    with pytest.raises(LoopbenchError, match=r"registry\.yaml: .*" + problem):
        registry.entries()


def test_the_shipped_registry_agrees_with_the_bundled_files() -> None:
    registry.entries.cache_clear()
    folders = {entry.folder for entry in registry.entries() if entry.bundled}
    assert None not in folders
    for entry in registry.entries():
        if entry.bundled:
            info = load_model(entry.name).info
            assert info is not None
            assert (info.architecture, info.task) == (entry.architecture, entry.task)
    files = [path for path in registry.ZOO.rglob("*") if path.is_file()]
    assert {path.parent for path in files} == folders
    assert sum(path.stat().st_size for path in files) < MAX_BUNDLED_BYTES


def test_every_bundled_model_has_its_recipe() -> None:
    for entry in registry.entries():
        if entry.folder:
            recipe = load_recipe(entry.folder / "recipe.yaml", [])
            assert (recipe.architecture, recipe.task) == (entry.architecture, entry.task)
            config = json.loads((entry.folder / "config.json").read_text())["config"]
            assert recipe.config.items() <= config.items()


def test_the_registry_stands_at_the_top_of_the_repository() -> None:
    assert (Path(__file__).parents[1] / "registry.yaml").resolve() == registry.FILE.resolve()


def test_the_list_has_a_line_for_each_model(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    write({}, {"name": "elsewhere", "bundled": None, "hub": "org/demo", "revision": COMMIT, "scores": {}})
    models.list_models()
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["model", "task", "architecture", "weights", "where", "scores"]
    assert first.split() == ["demo-s0", "prefix-sums", "recall-outer", "0.01", "MB", "bundled", "score", "97.5"]
    assert second.split() == ["elsewhere", "prefix-sums", "recall-outer", "-", f"hub:org/demo@{COMMIT}", "-"]


def test_show_tells_everything(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write({})
    models.show_model("demo-s0")
    text = capsys.readouterr().out
    for part in ("97.5", '"width": 8', file_sha256(tmp_path / "zoo" / "demo-s0" / "model.safetensors"), "# Demo card"):
        assert part in text


def test_a_card_cannot_steer_the_terminal(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write({})
    (tmp_path / "zoo" / "demo-s0" / "README.md").write_bytes(b"a\n\tb \x1b[2J \xff")
    models.show_model("demo-s0")
    assert capsys.readouterr().out.endswith("a\n\tb �[2J �\n")
    (tmp_path / "zoo" / "demo-s0" / "README.md").unlink()
    models.show_model("demo-s0")
    assert "no card" in capsys.readouterr().out
