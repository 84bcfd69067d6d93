"""`loopbench plugins new`: what it writes and what it refuses. That it works, tests/hub/test_guide.py shows."""

import sys
import tomllib
from pathlib import Path

import pytest

from loopbench import new_plugin
from loopbench.cli import main

NAMES = {"architecture": "gated-loop", "task": "loopbench-long-addition"}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module", params=NAMES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The name of a new plugin, and its folder."""
    kind, name = request.param, NAMES[request.param].removeprefix("loopbench-")
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(patch, "plugins", "new", NAMES[kind], "--kind", kind) == 0
    return name, folder / f"loopbench-{name}"


def test_the_architecture_is_under_sixty_lines_and_its_test_is_three() -> None:
    template = new_plugin.TEMPLATES / "architecture"
    assert len((template / "loopbench_my_plugin" / "model.py").read_text().splitlines()) < 60
    for kind in NAMES:
        lines = (new_plugin.TEMPLATES / kind / "tests" / "test_my_plugin.py").read_text().splitlines()
        assert len([line for line in lines if line]) == 3


def test_a_package_is_complete_and_of_its_own_name(made: tuple[str, Path]) -> None:
    name, folder = made
    module = f"loopbench_{name.replace('-', '_')}"
    texts = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert {
        ".github/workflows/tests.yml",
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "recipe.yaml",
        f"tests/test_{name.replace('-', '_')}.py",
        f"{module}/__init__.py",
    } <= set(texts)
    for path, text in texts.items():
        assert not [old for old in ("my-plugin", "my_plugin", "MyPlugin") if old in path + text], path
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    assert project["name"] == f"loopbench-{name}"
    assert project["entry-points"]["loopbench"] == {name: module}


@pytest.mark.parametrize(
    "name", ["Gated", "gated_loop", "1-loop", "gated--loop", "loopbench-", "é", "a" * 51, "../up", ""]
)
def test_a_name_that_cannot_be_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "plugins", "new", name, "--kind", "architecture") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: a plugin's name is words of a-z and 0-9 joined by -")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(new_plugin, "find_spec", lambda package: package == "loopbench_gated_loop")
    for arguments, message in (
        (["recall", "--kind", "architecture"], "there is architecture 'recall' already"),
        (["sudoku", "--kind", "task"], "there is task 'sudoku' already"),
        (["gated-loop", "--kind", "task"], "a package loopbench-gated-loop is installed already"),
        (["zoo", "--kind", "task"], "a package loopbench-zoo is installed already"),
        (["none", "--kind", "architecture"], "'none' would make a class None, a name that the package needs"),
        (["config", "--kind", "architecture"], "'config' would make a class Config, a name"),
        (["task-shape", "--kind", "task"], "'task-shape' would make a class TaskShape, a name"),
        (["new-loop", "--kind", "model"], "Invalid value for '--kind': 'model' is not one of"),
    ):
        assert run(monkeypatch, "plugins", "new", *arguments) == 2
        assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert run(monkeypatch, "plugins", "new", "new-loop", "--kind", "architecture", "--output", "mine") == 2
    assert not list((tmp_path / "mine").iterdir())


def test_a_package_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = iter(range(3))

    def full_disk(self: Path, *_: object, **__: object) -> None:
        if next(written, None) is None:
            raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "write_text", full_disk)
    assert run(monkeypatch, "plugins", "new", "new-loop", "--kind", "task") == 2
    assert "cannot write loopbench-new-loop: No space left on device" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
