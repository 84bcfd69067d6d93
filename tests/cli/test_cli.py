"""The command line as a whole: what it imports, how it fails and what it exits with."""

import subprocess
import sys

import pytest

from loopbench import plugins
from loopbench.cli import main
from loopbench.models.presets import ARCHITECTURES


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], [], ["eval", "--help"], ["train", "--help"]])
def test_help_imports_neither_torch_nor_plugins(arguments: list[str]) -> None:
    script = f"""
import sys
sys.argv = ["loopbench", *{arguments}]
from loopbench.cli import main
try:
    main()
except SystemExit as exit:
    assert not exit.code, exit.code
assert not {{"torch", "loopbench.plugins", "loopbench.models", "loopbench.tasks"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "loopbench" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nonsense"], "No such option: --nonsense"),
        (["evall"], "No such command 'evall'. Did you mean 'eval'?"),
        (["tasks", "show"], "Missing argument"),
        (["train", "recipe.yaml", "--output", "runs/x", "--seed", "one"], "Invalid value for '--seed'"),
        (["tasks", "show", "prefix"], "unknown task 'prefix'; did you mean 'prefix-sums'?"),
        (["plugins", "show", "loopbench"], "unknown plugin 'loopbench'; did you mean "),
        (["tasks", "show", "two\nlines \x1b[2J"], "unknown task 'two lines �[2J'"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(monkeypatch, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_an_interrupt_is_one_line_and_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plugins, "reports", interrupted)
    assert run(monkeypatch, "plugins", "list") == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_bug_has_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(plugins, "reports", wrong)
    monkeypatch.setattr(sys, "argv", ["loopbench", "plugins"])
    with pytest.raises(ZeroDivisionError):
        main()


@pytest.mark.parametrize(
    ("output", "code", "message"),
    [
        ("| true", 141, ""),
        ("> /dev/full", 2, "error: [Errno 28] No space left on device; LOOPBENCH_TRACEBACK=1 shows the traceback\n"),
        (">&-", 2, "error: standard output is closed; send it to /dev/null to see none of it\n"),
    ],
)
def test_an_output_that_takes_nothing(output: str, code: int, message: str) -> None:
    command = f': | "{sys.executable}" -m loopbench --help {output}; exit ${{PIPESTATUS[1]}}'
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, message)


@pytest.mark.parametrize("group", ["tasks", "plugins", "models", "recipes"])
def test_a_group_alone_lists(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], group: str) -> None:
    assert run(monkeypatch, group) == 0
    alone = capsys.readouterr().out
    assert run(monkeypatch, group, "list") == 0
    assert alone == capsys.readouterr().out != ""


def test_a_task_is_shown_with_everything_that_a_recipe_or_a_reader_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "tasks", "show", "prefix-sums") == 0
    out = capsys.readouterr().out
    task = plugins.get_task("prefix-sums")
    for split in task.splits:
        [line] = [line for line in out.splitlines() if line.split()[:1] == [split.name]]
        numbers = f"{split.difficulty} {split.depth} {split.count}".split()
        assert line.split()[1:] == [*numbers, split.source, split.sha256]
    assert "exact" in out
    assert "version 1: bits-64, bits-128, bits-256, bits-512" in out
    assert all(setting in out for setting in task.source.model_fields)


def test_the_core_is_shown_with_every_architecture(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "plugins", "show", "loopbench-zoo") == 0
    out = capsys.readouterr().out
    for architecture in ARCHITECTURES:
        assert f" {architecture.name} " in out
        assert architecture.summary in out
