"""The workflows call commands that there are, and those that strangers set off may write nothing."""

import re
from typing import Any

import pytest
import typer
from workflows import WORKFLOWS

from loopbench.cli import app

OURS = sorted(WORKFLOWS.keys() - {"checks"})


def scripts(workflow: dict[str, Any]) -> list[str]:
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("name", OURS)
def test_commands_and_options_exist(name: str) -> None:
    commands: Any = typer.main.get_command(app)
    leaderboard = commands.commands["leaderboard"].commands
    called = re.findall(r"loopbench leaderboard (\w+)([^\n|]*)", "\n".join(scripts(WORKFLOWS[name])))
    assert called
    for command, rest in called:
        known = {option for parameter in leaderboard[command].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", rest)) <= known


def test_only_a_labelled_request_and_comments_have_a_token_that_writes() -> None:
    assert WORKFLOWS["submission"]["permissions"] == {"contents": "read"}
    assert "permissions" not in WORKFLOWS["submission"]["jobs"]["check"]
    assert WORKFLOWS["comment"]["jobs"]["comment"]["permissions"]["contents"] == "read"
    verify = WORKFLOWS["verify"]["jobs"]
    assert verify["verify"]["permissions"] == {"contents": "read"}
    assert verify["verify"]["if"] == "github.event.label.name == 'verify'"


@pytest.mark.parametrize("name", OURS)
def test_nothing_of_a_request_becomes_part_of_a_script(name: str) -> None:
    """A branch may be called anything, so what a stranger names comes in as a variable."""
    assert not [script for script in scripts(WORKFLOWS[name]) if "${{" in script]


def test_what_is_installed_is_not_the_requests() -> None:
    sources = {"submission": "./base ./base/plugins/*", "comment": ". ./plugins/*", "verify": "./base ./base/plugins/*"}
    for name, source in sources.items():
        assert re.findall(r"pip install (.*)", "\n".join(scripts(WORKFLOWS[name]))) == [source]


def test_no_checkout_leaves_its_token_where_a_request_can_read_it() -> None:
    for name, workflow in WORKFLOWS.items():
        steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
        checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
        assert all(step.get("with", {}).get("persist-credentials") == "false" for step in checkouts), name


def test_new_commits_take_the_label_off() -> None:
    assert WORKFLOWS["verify"]["on"]["pull_request_target"]["types"] == ["labeled", "synchronize"]
    job = WORKFLOWS["verify"]["jobs"]["unlabel"]
    assert job["if"].startswith("github.event.action == 'synchronize' && ")
    assert job["permissions"] == {"pull-requests": "write"}
    assert [set(step) for step in job["steps"]] == [{"env", "run"}]


def test_the_comment_takes_nothing_but_the_head_from_the_run_that_it_follows() -> None:
    steps = WORKFLOWS["submission"]["jobs"]["check"]["steps"] + WORKFLOWS["comment"]["jobs"]["comment"]["steps"]
    assert not [step["uses"] for step in steps if "artifact" in step.get("uses", "")]
