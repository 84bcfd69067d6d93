"""The shell of the workflows' steps, run for real in clones of a repository with one entry, `old`."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from workflows import FOLDER, WORKFLOWS

OLD = "leaderboard/results/old"
NEW = "leaderboard/results/new"
LOOPBENCH = """#!/bin/bash
for folder in "${@:3}"; do
  if test "$2" = verify; then echo again > "$folder/verification.json"; echo "$folder: verified"; fi
done
"""
GH = """#!/bin/bash
printf '%s\\n' "$*" >> "$RUNNER_TEMP/called"
case "$*" in
  *pulls*) echo "$HEAD 7";;
  *--jq*) cat "$RUNNER_TEMP/ours";;
  *--body-file*) cp comment.md "$RUNNER_TEMP/commented";;
esac
"""


@dataclass(frozen=True)
class Place:
    """A repository `origin` with a request, and a runner's folders, `work` and `temp`."""

    folder: Path
    environment: dict[str, str]

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def temp(self) -> Path:
        return self.folder / "temp"

    def git(self, *arguments: str | Path, at: str = "origin") -> str:
        command = ["git", "-C", str(self.folder / at), *map(str, arguments)]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.folder / "origin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def link(self, name: str, target: str | Path) -> None:
        path = self.folder / "origin" / name
        path.symlink_to(target)

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--message", "a commit")
        return self.git("rev-parse", "HEAD")

    def run(self, workflow: str, job: str, mark: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the one step of a job whose script has a mark, as the runner does."""
        steps = WORKFLOWS[workflow]["jobs"][job]["steps"]
        (step,) = [step for step in steps if mark in step.get("run", "")]
        literals = {name: value for name, value in step.get("env", {}).items() if "${{" not in value}
        return subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=self.work,
            env=self.environment | literals | variables,
            capture_output=True,
            text=True,
        )

    def names(self, folder: Path) -> list[str]:
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("origin", "work", "temp", "bin"):
        (tmp_path / name).mkdir()
    for name, script in (("loopbench", LOOPBENCH), ("gh", GH)):
        (tmp_path / "bin" / name).write_text(script)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("the runner's")
    who = {f"GIT_{role}_{what}": "a@b.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    place = Place(
        tmp_path,
        {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        | who
        | {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "REPO": "a/repository",
            "NUMBER": "7",
        },
    )
    place.git("init", "--quiet", "--initial-branch", "main")
    place.write("code.py", "print()\n" * 9)
    place.write(f"{OLD}/submission.yaml", "name: old\n")
    script = FOLDER.parent / "submitted.sh"
    place.write(".github/submitted.sh", script.read_text())
    (tmp_path / "origin" / ".github" / "submitted.sh").chmod(script.stat().st_mode)
    place.commit()
    place.git("switch", "--quiet", "--create", "request")
    return place


Request = Callable[[Place], None]


def two_entries(place: Place) -> None:
    place.write(f"{NEW}/submission.yaml", "name: new\n")
    place.write("leaderboard/results/a b'\"\n*/submission.yaml", "name: odd\n")


def linked_parent(place: Place) -> None:
    place.git("rm", "-r", "--quiet", "leaderboard")
    place.link("leaderboard", place.folder / "secret")


def linked_results(place: Place) -> None:
    place.git("rm", "-r", "--quiet", "leaderboard/results")
    place.write("leaderboard/other", "")
    place.link("leaderboard/results", place.folder / "secret")


def linked_entry(place: Place) -> None:
    place.link(NEW, place.folder / "secret")


def linked_file(place: Place) -> None:
    place.write(f"{NEW}/submission.yaml", "name: new\n")
    place.link(f"{NEW}/key", place.folder / "secret" / "key")


def submodule(place: Place) -> None:
    place.git("update-index", "--add", "--cacheinfo", f"160000,{place.git('rev-parse', 'HEAD')},{NEW}")
    (place.folder / "origin" / NEW).mkdir()


LINKS = (linked_parent, linked_results, linked_entry, linked_file, submodule)


def own_script(place: Place) -> None:
    place.write(".github/submitted.sh", f"touch {place.temp}/ran\n")


def submission(place: Place, request: Request) -> subprocess.CompletedProcess[str]:
    """What submission.yml does with a request, in the merge that GitHub makes of it."""
    request(place)
    head = place.commit()
    place.git("clone", "--quiet", place.folder / "origin", "base", "--branch", "main", at="work")
    place.git("clone", "--quiet", place.folder / "origin", "merged", "--branch", "main", at="work")
    place.git("merge", "--quiet", "--no-ff", "--no-edit", head, at="work/merged")
    return place.run("submission", "check", "submitted.sh")


def comment(place: Place, request: Request) -> subprocess.CompletedProcess[str]:
    """What comment.yml does with a request, when main has gone on."""
    request(place)
    head = place.commit()
    place.git("switch", "--quiet", "main")
    place.write(f"{OLD}/submission.yaml", "name: old, and main changes it")
    place.commit()
    place.git("clone", "--quiet", "--single-branch", place.folder / "origin", ".", at="work")
    return place.run("comment", "comment", "submitted.sh", HEAD=head)


COPIES = pytest.mark.parametrize(("steps", "where"), [(submission, "work"), (comment, "temp")])


@COPIES
def test_what_a_request_adds_or_changes_is_copied(place: Place, steps: Any, where: str) -> None:
    result = steps(place, two_entries)
    assert not result.returncode, result.stderr
    copied = place.names(place.folder / where / "submitted")
    assert copied == ["a b'\"\n*/submission.yaml", "new/submission.yaml"]


@COPIES
def test_a_request_that_only_removes_has_nothing_to_copy(place: Place, steps: Any, where: str) -> None:
    result = steps(place, lambda place: place.git("rm", "-r", "--quiet", OLD))
    assert not result.returncode, result.stderr
    assert place.names(place.folder / where / "submitted") == []
    if steps is comment:
        assert (place.temp / "removed").read_text() == "old\n"


@COPIES
def test_an_entry_that_loses_a_file_is_copied(place: Place, steps: Any, where: str) -> None:
    place.git("switch", "--quiet", "main")
    place.write(f"{OLD}/verification.json", "{}")
    place.commit()
    place.git("switch", "--quiet", "--create", "taking-away")
    result = steps(place, lambda place: place.git("rm", "--quiet", f"{OLD}/verification.json"))
    assert not result.returncode, result.stderr
    assert place.names(place.folder / where / "submitted") == ["old/submission.yaml"]


@COPIES
@pytest.mark.parametrize("request_", LINKS)
def test_no_link_of_a_request_is_followed(place: Place, request_: Request, steps: Any, where: str) -> None:
    result = steps(place, request_)
    assert result.returncode
    assert "the request has links or submodules in leaderboard" in result.stderr
    assert place.names(place.folder / where / "submitted") == []


@COPIES
def test_a_file_in_the_place_of_the_results_is_no_submission(place: Place, steps: Any, where: str) -> None:
    def request(place: Place) -> None:
        place.git("rm", "-r", "--quiet", "leaderboard/results")
        place.write("leaderboard/results", "a file")

    assert not steps(place, request).returncode
    assert place.names(place.folder / where / "submitted") == []


@COPIES
def test_the_script_is_not_the_requests(place: Place, steps: Any, where: str) -> None:
    def request(place: Place) -> None:
        two_entries(place)
        own_script(place)

    assert not steps(place, request).returncode
    assert not (place.temp / "ran").exists()
    assert len(place.names(place.folder / where / "submitted")) == 2


@pytest.mark.parametrize(("ours", "method"), [("", "repos/a/repository/issues/7/comments "), ("12\n34\n", "PATCH ")])
def test_the_checks_own_comment_is_edited(place: Place, ours: str, method: str) -> None:
    (place.temp / "ours").write_text(ours)
    (place.temp / "comment.md").write_text("a" * 99_999)
    result = place.run("comment", "comment", "gh api", HEAD="abc")
    assert not result.returncode, result.stderr
    last = (place.temp / "called").read_text().splitlines()[-1]
    assert method in last
    assert not ours or "/issues/comments/12 " in last
    body = (place.temp / "body.md").read_text()
    assert body.startswith("<!-- loopbench check -->\na")
    assert len(body) < 65_536


def verify(place: Place, request: Request) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """What the job of verify.yml does that has no token."""
    base = place.git("rev-parse", "main")
    request(place)
    head = place.commit()
    for name in ("base", "merged"):
        place.git("clone", "--quiet", place.folder / "origin", name, "--branch", "main", at="work")
    shas = {"BASE": base, "HEAD": head}
    return place.run("verify", "verify", "git merge", **shas), shas


def test_verify_leaves_a_merge_and_the_verification(place: Place) -> None:
    result, _ = verify(place, two_entries)
    assert not result.returncode, result.stderr
    changed = place.git("diff", "--name-only", "HEAD^", "HEAD", "--", NEW, at="work/merged")
    assert changed == f"{NEW}/verification.json"


def instead(place: Place, verify: str) -> None:
    """Let `loopbench leaderboard verify` do something else, and `check` nothing."""
    (place.folder / "bin" / "loopbench").write_text(f'#!/bin/bash\ntest "$2" = check || {{ {verify}; }}\n')


def test_what_could_not_be_run_is_said(place: Place) -> None:
    instead(place, "echo 'new: cannot reach the Hub'; exit 1")
    result, shas = verify(place, two_entries)
    assert not result.returncode, result.stderr
    result = branch(place, shas)
    assert not result.returncode, result.stderr
    assert "new: cannot reach the Hub" in (place.temp / "commented").read_text()


def test_a_command_that_says_nothing_has_failed(place: Place) -> None:
    instead(place, "echo 'no bubblewrap' >&2; exit 2")
    result, _ = verify(place, two_entries)
    assert result.returncode
    assert not (place.temp / "verified.bundle").exists()


def code(place: Place) -> None:
    two_entries(place)
    place.write("code.py", "import os\n")


def code_moved_in(place: Place) -> None:
    two_entries(place)
    place.git("mv", "code.py", f"{NEW}/code.py")


def file_for_results(place: Place) -> None:
    place.git("rm", "-r", "--quiet", "leaderboard/results")
    place.write("leaderboard/results", "a file")


@pytest.mark.parametrize("request_", [code, code_moved_in, own_script, file_for_results])
def test_verify_refuses_a_request_that_changes_more_than_entries(place: Place, request_: Request) -> None:
    result, _ = verify(place, request_)
    assert result.returncode
    assert "the request changes more than leaderboard/results: " in result.stdout
    assert not (place.temp / "verified.bundle").exists()


@pytest.mark.parametrize("request_", LINKS)
def test_verify_refuses_links(place: Place, request_: Request) -> None:
    result, _ = verify(place, request_)
    assert result.returncode
    assert "links or submodules" in result.stderr or "more than leaderboard/results" in result.stdout
    assert not (place.temp / "verified.bundle").exists()


def branch(place: Place, shas: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What the job of verify.yml does that has a token, with a bundle of what is checked out in `merged`."""
    place.git("bundle", "create", place.temp / "verified.bundle", f"{shas['BASE']}..HEAD", at="work/merged")
    (place.work / "merged").rename(place.folder / "gone")
    (place.work / "base").rename(place.folder / "gone-too")
    place.git("clone", "--quiet", place.folder / "origin", ".", "--branch", "main", at="work")
    place.git("config", "--global", f"url.{place.folder}/origin.insteadOf", "https://github.com/a/repository")
    return place.run("verify", "branch", "git push", **shas)


def test_the_branch_is_pushed(place: Place) -> None:
    result, shas = verify(place, two_entries)
    (place.temp / "said").write_text("```\n" + "a" * 99_999)
    result = branch(place, shas)
    assert not result.returncode, result.stderr
    assert place.git("rev-parse", "verified/7^^2") == shas["HEAD"]
    commented = (place.temp / "commented").read_text()
    assert len(commented) < 65_536
    assert commented.endswith("a\n```\n")
    assert commented.count("```") == 2


def tamper(place: Place, how: str) -> None:
    """Make something else of what the verifying job leaves."""
    folder = place.work / "merged"
    if how == "another merge":
        place.git("reset", "--quiet", "--hard", "HEAD^", at="work/merged")
        (folder / "code.py").write_text("import os\n")
        place.git("commit", "--quiet", "--all", "--amend", "--no-edit", at="work/merged")
    elif how == "a commit more":
        place.git("commit", "--quiet", "--allow-empty", "--message", "more", at="work/merged")
        return
    elif how == "another parent":
        tree, commits = place.git("rev-parse", "HEAD^{tree}", at="work/merged"), ["HEAD^", "HEAD"]
        parents = [part for commit in commits for part in ("-p", commit)]
        made = place.git("commit-tree", "-m", "more", *parents, tree, at="work/merged")
        place.git("reset", "--quiet", "--hard", made, at="work/merged")
        return
    elif how == "parents in another order":
        tree = place.git("rev-parse", "HEAD^^{tree}", at="work/merged")
        parents = ("-p", "HEAD^^2", "-p", "HEAD^^1")
        made = place.git("commit-tree", "-m", "merge", *parents, tree, at="work/merged")
        place.git("reset", "--quiet", "--soft", made, at="work/merged")
        place.git("commit", "--quiet", "--message", "it", at="work/merged")
        return
    elif how == "a record":
        (folder / NEW / "submission.yaml").write_text("name: better\n")
    elif how == "code":
        (folder / "code.py").write_text("import os\n")
    elif how == "a verification deeper":
        (folder / NEW / "deeper").mkdir()
        (folder / NEW / "deeper" / "verification.json").write_text("")
    elif how == "a link":
        (folder / NEW / "verification.json").unlink(missing_ok=True)
        (folder / NEW / "verification.json").symlink_to("/etc/passwd")
    place.git("add", "--all", at="work/merged")
    amend = [] if how == "another merge" else ["--amend"]
    place.git("commit", "--quiet", "--allow-empty", "--message", "it", *amend, at="work/merged")


@pytest.mark.parametrize(
    "how",
    [
        "another merge",
        "a commit more",
        "another parent",
        "parents in another order",
        "a record",
        "code",
        "a verification deeper",
        "a link",
    ],
)
def test_no_branch_is_pushed_that_is_more_than_the_merge_and_verifications(place: Place, how: str) -> None:
    result, shas = verify(place, two_entries)
    assert not result.returncode, result.stderr
    tamper(place, how)
    assert branch(place, shas).returncode
    assert not (place.temp / "called").exists() or "comment" not in (place.temp / "called").read_text()
    assert not place.git("branch", "--list", "verified/*")


def test_models_may_come_with_a_verification(place: Place) -> None:
    _, shas = verify(place, two_entries)
    weights = place.work / "merged" / "leaderboard" / "models" / "abc" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_text("weights")
    place.git("add", "--all", at="work/merged")
    place.git("commit", "--quiet", "--amend", "--no-edit", at="work/merged")
    result = branch(place, shas)
    assert not result.returncode, result.stderr
