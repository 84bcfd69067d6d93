import os
from pathlib import Path
from typing import Any

import pytest
from evaluation_toys import made_record
from made_entries import SCORED, made_records, submission, write_entry

from loopbench.errors import LoopbenchError
from loopbench.evaluation.store import save_record
from loopbench.files import write_json
from loopbench.leaderboard.submission import SUBMISSION, Submission, read_entries, read_entry
from loopbench.validation import dump_yaml, validate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_entry(tmp_path / "mine", made_records("mine"))


def refused(folder: Path) -> str:
    """The one line that says why a folder is refused."""
    with pytest.raises(LoopbenchError) as caught:
        read_entry(folder)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1500
    return message


def test_an_entry_is_its_submission_and_its_records(folder: Path) -> None:
    entry = read_entry(folder)
    assert entry.name == "mine"
    assert list(entry.records) == list(SCORED)
    assert entry.submission.authors == ["A. Nyone"]
    assert entry.verification is None
    write_entry(folder.parent / "another", made_records("another"))
    assert [each.name for each in read_entries(folder.parent)] == ["another", "mine"]


HOSTILE: dict[str, dict[str, Any]] = {
    "names: ../": {"name": "../mine"},
    "a name with a control character": {"name": "mine\x1b[2J"},
    "a floating ref": {"model": {"ref": "hub:made/mine@main", "weights_sha256": "a" * 64}},
    "no commit": {"model": {"ref": "hub:made/mine", "weights_sha256": "a" * 64}},
    "a path": {"model": {"ref": "./mine", "weights_sha256": "a" * 64}},
    "no hash": {"model": {"ref": "mine", "weights_sha256": "A" * 64}},
    "escape codes": {"authors": ["\x1b[31mme"]},
    "two lines": {"authors": ["me\nand you"]},
    "text turned round": {"authors": ["me \u202e evil"]},
    "nothing visible": {"description": "\u200b"},
    "nobody": {"authors": []},
    "script": {"links": ["javascript:alert(1)"]},
    "http": {"links": ["http://example.org/"]},
    "a quote in an address": {"links": ['https://example.org/"onclick="alert(1)']},
    "credentials in an address": {"links": ["https://me:secret@example.org/"]},
    "a track of its own": {"track": "best"},
    "none tried": {"runs_tried": 0},
    "half a run": {"runs_tried": 0.5},
    "endless text": {"description": "x" * 5000},
    "something unknown": {"score": 100},
    "a tower of accents": {"authors": ["a" + 10 * "\u0301"]},
    "nothing to be seen": {"authors": ["\u3164"]},
    "blanks": {"authors": ["   "]},
    "a repository above": {"model": {"ref": f"hub:../..@{'c' * 40}", "weights_sha256": "a" * 64}},
    "a wheel elsewhere": {
        "plugin": {"distribution": "a", "version": "1", "wheel": "../a-1-py3-none-any.whl", "sha256": "a" * 64}
    },
    "another wheel": {
        "plugin": {"distribution": "a", "version": "1", "wheel": "b-1-py3-none-any.whl", "sha256": "a" * 64}
    },
    "another version's": {
        "plugin": {"distribution": "a", "version": "2", "wheel": "a-1-py3-none-any.whl", "sha256": "a" * 64}
    },
    "machine code": {
        "plugin": {"distribution": "a", "version": "1", "wheel": "a-1-cp311-cp311-linux_x86_64.whl", "sha256": "a" * 64}
    },
    "no wheel": {"plugin": {"distribution": "a", "version": "1", "wheel": "a-1.zip", "sha256": "a" * 64}},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_submission_says_what_it_must_and_nothing_else(what: str) -> None:
    with pytest.raises(LoopbenchError) as caught:
        validate(Submission, submission("mine") | HOSTILE[what], SUBMISSION)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("link", ["https://arxiv.org/abs/2604.15259", "https://example.org:8080/a?b=c&d=%20#e"])
def test_links_are_https(link: str) -> None:
    assert validate(Submission, submission("mine", links=[link]), "").links == [link]


def test_text_is_anything_that_can_be_printed() -> None:
    text = "<script>alert('e\u0301')</script>\nand 中文, ภาษาที่ & more"
    assert validate(Submission, submission("mine", description=text), "").description == text


def test_nothing_else_is_in_the_folder(folder: Path) -> None:
    (folder / "run.py").write_text("print('hello')")
    assert "run.py, which does not belong" in refused(folder)


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("password")
    (folder / SUBMISSION).unlink()
    (folder / SUBMISSION).symlink_to(tmp_path / "secret")
    message = refused(folder)
    assert "is not a regular file" in message
    assert "password" not in message
    (tmp_path / "linked").symlink_to(folder)
    assert "is not a folder" in refused(tmp_path / "linked")


def test_pipes_and_folders_are_no_files(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert "pipe is not a regular file" in refused(folder)
    (folder / "pipe").unlink()
    (folder / "more").mkdir()
    assert "more is not a regular file" in refused(folder)


@pytest.mark.parametrize("name", ["\x1b[2J.json", "a b", "‮gpj", "x.0123456789abcdef.json\n"])
def test_names_of_files_are_plain(folder: Path, name: str) -> None:
    (folder / name).write_text("{}")
    assert "names of letters" in refused(folder)


def test_a_huge_file_is_not_read(folder: Path) -> None:
    with (folder / "prefix-sums.bits-32.0123456789abcdef.json").open("wb") as file:
        file.truncate(100 * 2**20)
    assert "a submission has at most" in refused(folder)
    with (folder / SUBMISSION).open("wb") as file:
        file.truncate(10**6)
    (folder / "prefix-sums.bits-32.0123456789abcdef.json").unlink()
    assert "at most 65,536 are expected" in refused(folder)


def test_more_examples_than_fit_memory_are_not_kept(folder: Path) -> None:
    """What is solved alike by all packs into next to nothing, so the folder stays small."""
    for split, n in (("bits-16", 600_000), ("bits-32", 400_000)):
        save_record(folder, made_record([0] * n, 1, split={"name": split, "count": n}))
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10**6
    message = refused(folder)
    assert "has records of 1,001,000 examples; a submission has at most 1,000,000" in message


def test_a_million_files_are_not_read(folder: Path) -> None:
    for number in range(200):
        (folder / f"{number}.gz").touch()
    assert "files" in refused(folder)


BOMB = "\n".join(["a: &a [x, x]", *(f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "aliases"),
        ("!!python/object/apply:os.system [id]", "the tag"),
        ("[" * 100, "YAML"),
        ("name: .nan", "not finite"),
    ],
)
def test_yaml_is_plain_data(folder: Path, text: str, reason: str) -> None:
    (folder / SUBMISSION).write_text(text)
    assert reason in refused(folder)


def test_a_partial_record_is_refused(folder: Path) -> None:
    [part] = made_records("mine", splits=["bits-32"], split={"count": 1000})
    save_record(folder, part)
    assert "is partial" in refused(folder)


def test_a_record_that_is_only_started_is_refused(folder: Path) -> None:
    [record] = made_records("mine", splits=["bits-32"])
    fields = record.model_dump(mode="json") | {"status": "started", "per_example": None, "retired": None, "cost": None}
    fields["curves"] = {"exact": {"n": 500, "correct": []}}
    write_json(folder / record.file_name, fields)
    assert "is not complete" in refused(folder)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": {"weights_sha256": "b" * 64}}, "other weights"),
        ({"model": {"layers_per_step": 2}}, "one task and one model"),
        ({"task": {"version": 2}}, "one task and one model"),
    ],
)
def test_the_records_are_of_one_model(folder: Path, changes: dict[str, Any], reason: str) -> None:
    [record] = made_records("mine", splits=["bits-32"], **changes)
    save_record(folder, record)
    assert reason in refused(folder)


def test_one_record_a_split(folder: Path) -> None:
    [record] = made_records("mine", splits=["bits-64"], protocol={"seed": 1})
    save_record(folder, record)
    assert "two records of bits-64" in refused(folder)


def test_a_record_has_its_own_name(folder: Path) -> None:
    [path] = folder.glob("*bits-64*.json")
    path.rename(path.with_name(f"prefix-sums.bits-64.{'0' * 16}.json"))
    assert f"must be named {path.name}" in refused(folder)


def test_the_folder_has_the_submissions_name(folder: Path) -> None:
    renamed = folder.rename(folder.with_name("yours"))
    assert "the name is mine, but the folder's is yours" in refused(renamed)


def test_the_wheel_is_there(folder: Path) -> None:
    plugin = {"distribution": "a", "version": "1", "wheel": "a-1-py3-none-any.whl", "sha256": "a" * 64}
    (folder / SUBMISSION).write_text(dump_yaml(submission("mine", plugin=plugin)))
    assert "lacks a-1-py3-none-any.whl" in refused(folder)


def test_a_folder_of_entries_has_nothing_else(folder: Path) -> None:
    (folder.parent / "notes.txt").touch()
    with pytest.raises(LoopbenchError, match=r"notes\.txt"):
        read_entries(folder.parent)
