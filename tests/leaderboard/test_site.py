"""The site's files: the same bytes whoever builds it, and text that stays text."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from synthetic_entries import ENVIRONMENT, make_entry, save_entry

from loopbench import evaluate, load_model
from loopbench.cli import app
from loopbench.contracts import Provider, Task
from loopbench.errors import LoopbenchError
from loopbench.leaderboard.site.build import write_site
from loopbench.leaderboard.site.pages import make_files
from loopbench.leaderboard.site.task_page import TRIED, make_example
from loopbench.leaderboard.standings import Table, standings
from loopbench.leaderboard.submission import Entry
from loopbench.plugins import get_task

CSP = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; frame-src 'self'"
LOCALES = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.split()


def build(source: Path, output: Path) -> None:
    app(["leaderboard", "build", "--from", str(source), "--output", str(output)], standalone_mode=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_link_leads_to_a_file_of_the_site(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert {"index.html", "compare.html", "best.html", "one-sudoku.html", "sudoku.html", "sudoku-example.html"} <= {
        page.name for page in pages
    }
    for page in pages:
        for _, attributes in elements(page.read_text()):
            for link in (attributes.get("href"), attributes.get("src")):
                if link and not link.startswith(("#", "https://")):
                    assert (page.parent / link.partition("#")[0]).is_file(), (page, link)


def test_every_page_forbids_all_that_is_not_its_own(site: Path) -> None:
    for page in site.rglob("*.html"):
        found = elements(page.read_text())
        [policy] = [a["content"] for name, a in found if name == "meta" and "http-equiv" in a]
        if not page.name.endswith("-example.html"):  # that one has its script inside, under its hash
            assert str(policy).startswith(CSP)
            assert not [name for name, a in found if name == "script" and not {"src", "type"} & a.keys()]
        assert not [name for name, a in found if any(key.startswith("on") or key == "style" for key in a)]
        assert not [a for name, a in found if str(a.get("src", "")).startswith(("http:", "https:", "//"))]


def test_the_bytes_depend_on_the_records_alone(leaderboard: Path, site: Path, tmp_path: Path) -> None:
    """Another process, locale, time zone, hash seed, order and age of the files, and another place."""
    source = tmp_path / "elsewhere" / "leaderboard"
    for path in sorted(leaderboard.rglob("*"), reverse=True):
        if path.is_file() and "site" not in path.relative_to(leaderboard).parts:
            copied = source / path.relative_to(leaderboard)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copied)
            os.utime(copied, (0, len(path.name)))
    locale = next((name for name in LOCALES if name.startswith("tr_TR")), "C.UTF-8")
    other = {"LC_ALL": locale, "LANG": locale, "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "4711"}
    command = [sys.executable, "-m", "loopbench", "leaderboard", "build", "--from", "leaderboard", "--output", "out"]
    subprocess.run(command, cwd=source.parent, env={**os.environ, **other}, check=True, capture_output=True)
    assert contents(source.parent / "out") == contents(site)


def test_a_site_replaces_a_site_and_nothing_else(leaderboard: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "index.html").write_text("my own page")
    with pytest.raises(LoopbenchError, match="is no site of loopbench"):
        build(leaderboard, mine)
    assert contents(mine) == {"index.html": b"my own page"}
    output = tmp_path / "site"
    sudoku = get_task("sudoku")
    write_site([make_entry(sudoku, "before")], [], output)
    write_site([make_entry(sudoku, "after")], [], output)
    assert (output / "models" / "after.html").exists()
    assert not (output / "models" / "before.html").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "site"}
    (output / "CNAME").write_text("example.org")
    with pytest.raises(LoopbenchError, match="has CNAME, which a new site would remove"):
        write_site([make_entry(sudoku, "later")], [], output)
    assert (output / "models" / "after.html").exists()


def test_a_site_that_cannot_take_its_place_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, sudoku = tmp_path / "site", get_task("sudoku")
    write_site([make_entry(sudoku, "before")], [], output)
    before, rename = contents(output), Path.rename

    def full(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(LoopbenchError, match=r"cannot write .*: No space left on device"):
        write_site([make_entry(sudoku, "after")], [], output)
    assert contents(output) == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    with pytest.raises(LoopbenchError, match="No space left on device"):
        write_site([make_entry(sudoku, "after")], [], tmp_path / "first")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_the_example_of_a_task_is_the_one_that_takes_longest() -> None:
    shown = make_example(get_task("prefix-sums"))
    model = load_model("looped-prefix-sums")
    solved = evaluate(model, "prefix-sums", "bits-32", limit=TRIED, iterations=64, exact=True).verdicts.first_solved
    assert solved.min() < solved.max()
    assert shown and f"bits-32 and solves it at t = {solved.max()}." in shown.text


def test_an_entry_that_cannot_be_read_leaves_the_old_site(site: Path, tmp_path: Path) -> None:
    save_entry(tmp_path / "results", make_entry(get_task("sudoku"), "broken"))
    (tmp_path / "results" / "broken" / "submission.yaml").write_text("name: [")
    before = contents(site)
    with pytest.raises(LoopbenchError, match="not valid YAML"):
        build(tmp_path, site)
    assert contents(site) == before


def test_a_task_that_is_not_installed_is_one_line(tmp_path: Path) -> None:
    entry = make_entry(get_task("sudoku"), "stranger", ref=f"hub:some/one@{'a' * 40}")
    provider = Provider(distribution="labyrinths-for-all", version="1.0")
    records = {
        name: record.model_copy(
            update={
                "task": record.task.model_copy(update={"name": "labyrinths"}),
                "model": record.model.model_copy(update={"provider": provider}),
            }
        )
        for name, record in entry.records.items()
    }
    write_site([replace(entry, records=records)], [], tmp_path / "site")
    text = (tmp_path / "site" / "index.html").read_text()
    [line] = [line for line in text.splitlines() if "<b>stranger</b>" in line]
    assert "unknown task &#39;labyrinths&#39;" in line
    assert "pip install labyrinths-for-all" in line
    assert not (tmp_path / "site" / "models").exists()


def toy_table(entry: Entry, summary: str, about: str) -> tuple[Task, Table]:
    """The standings of an entry, on a task that says something else of itself."""
    [table] = standings([entry])
    kind = type("Toy", (type(table.task),), {"name": "toy", "summary": summary, "about": about})
    return kind(), replace(table, task=kind())


def elements(page: str) -> list[tuple[str, dict[str, str | None]]]:
    """The elements of a page with their attributes, as a browser reads them."""
    found: list[tuple[str, dict[str, str | None]]] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    parser = Parser()
    parser.feed(page)
    parser.close()
    return found


def skeleton(page: str) -> list[tuple[str, list[str]]]:
    """The elements and the names of their attributes: what only the templates may decide."""
    return [(tag, sorted(attributes)) for tag, attributes in elements(page)]


ENTRY = make_entry(get_task("sudoku"), "hostile", verdict="mismatch")


def speaking(entry: Entry, text: str) -> Entry:
    """The entry with a text in every field that takes one, past every check that reading would make."""
    submission = entry.submission
    said: dict[str, Any] = {
        "authors": [text, text],
        "description": text,
        "training": submission.training.model_copy(update={"data": text, "recipe": text}),
    }
    records = {
        name: record.model_copy(
            update={
                "model": record.model.model_copy(
                    update={
                        "architecture": text,
                        "config": {"recall": text, "norm": text, text: text},
                        "provider": record.model.provider.model_copy(update={"distribution": text, "version": text}),
                    }
                ),
                "environment": ENVIRONMENT.model_copy(update={"device": text, "torch": text, "loopbench": text}),
            }
        )
        for name, record in entry.records.items()
    }
    verification = entry.verification
    assert verification is not None
    environment = verification.environment.model_copy(update={"device": text, "torch": text})
    return replace(
        entry,
        submission=submission.model_copy(update=said),
        records=records,
        verification=verification.model_copy(update={"reasons": [text], "environment": environment}),
    )


def pages(text: str) -> Iterator[tuple[str, str]]:
    task, table = toy_table(speaking(ENTRY, text), text, text)
    for path, content in make_files([table], [task], {"unranked": text}, []):
        if path.endswith((".html", "hostile.js")):
            yield path, content.decode()


@cache
def plain_pages() -> dict[str, str]:
    return dict(pages("x"))


HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><svg/onload=alert(1)>",
    "--><iframe src=//evil.example>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "javascript:alert(1)",
    "\u202e\u2028</style>\x00\x1b[31m",
    "&lt;b&gt;",
)
ALPHABET = st.sampled_from([*"<>\"'&=/-!`{}%;: \n", "script", "onload", "x", "\u2028", "é", "\U0001f9e9"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.sampled_from(HOSTILE), st.lists(ALPHABET, min_size=1, max_size=30).map("".join)))
@example(HOSTILE[0])
@example(HOSTILE[1])
@example(HOSTILE[2])
def test_text_never_becomes_markup(text: str) -> None:
    plain = plain_pages()
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    for path, page in pages(text):
        if path.endswith(".js"):
            assert "<" not in page
        elif len(paragraphs) == 1 and text == text.strip():
            assert skeleton(page) == skeleton(plain[path]), path
        else:
            scripts = [attributes for tag, attributes in elements(page) if tag == "script"]
            assert scripts == [attributes for tag, attributes in elements(plain[path]) if tag == "script"]
