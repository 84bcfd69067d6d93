"""`loopbench leaderboard check --comment`: what is posted under a pull request."""

import sys
from pathlib import Path

import pytest
from made_entries import made_records, submission, write_entry

from loopbench.cli import main
from loopbench.leaderboard.check import Checked, check
from loopbench.leaderboard.comment import comment
from loopbench.leaderboard.submission import SUBMISSION, read_entries
from loopbench.validation import dump_yaml


@pytest.fixture
def board(tmp_path: Path) -> Path:
    for number in range(7):
        write_entry(tmp_path / "board" / f"model-{number}", made_records(f"model-{number}", share=0.9 - number / 10))
    return tmp_path / "board"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loopbench", "leaderboard", "check", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_new_rows_stand_beside_the_nearest_old_ones(
    board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = write_entry(tmp_path / "new" / "mine", made_records("mine", share=0.65))
    said = tmp_path / "comment.md"
    assert run(monkeypatch, str(mine), "--board", str(board), "--comment", str(said)) == 0
    rows = [line.split(" | ") for line in said.read_text().splitlines() if line.startswith("|")]
    assert [row[1] for row in rows[2:]] == ["`model-1`", "`model-2`", "`mine`", "`model-3`", "`model-4`"]
    assert [row[0] for row in rows[2:]] == ["| ", "| ", "| new", "| ", "| "]
    capsys.readouterr()

    (mine / SUBMISSION).write_text(dump_yaml(submission("mine", track="best")))
    assert run(monkeypatch, str(mine), "--board", str(board), "--comment", str(said)) == 1
    assert "track: " in capsys.readouterr().out
    assert "track: " in said.read_text()
    assert run(monkeypatch, str(tmp_path / "nowhere")) == 2
    assert "is not a folder" in capsys.readouterr().err
    (mine.parent / "README.md").write_text("hello")
    assert run(monkeypatch, str(mine.parent), "--board", str(board), "--comment", str(said)) == 1
    assert "README.md, and should have nothing but folders" in said.read_text()


def test_what_has_not_changed_is_not_new(board: Path) -> None:
    there = read_entries(board)
    assert "no entry is new" in comment(check([board / "model-3"], there), there)


def test_findings_cannot_leave_their_block() -> None:
    said = comment(Checked([], ["mine: ```", "<script>alert(1)</script> @everyone", *["x"] * 100]), [])
    assert said.count("```") == 2
    assert said.splitlines()[-2].startswith("and 52 more")
