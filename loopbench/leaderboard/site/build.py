"""The site from a leaderboard's folder, written whole or not at all."""

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from loopbench.contracts import Task
from loopbench.errors import LoopbenchError
from loopbench.hub import load_config
from loopbench.leaderboard.scores import score
from loopbench.leaderboard.site.pages import make_files
from loopbench.leaderboard.standings import standings
from loopbench.leaderboard.submission import Entry, read_entries
from loopbench.plugins import get_task, names, origin
from loopbench.references import locate
from loopbench.stability.diagnosis import Diagnosis, read_diagnosis
from loopbench.validation import some

RESULTS, DIAGNOSES = "results", "diagnoses"
CONTENTS = {"index.html", "compare.html", "assets", "data", "models", "tasks"}
MARK = '<meta name="generator" content="loopbench">'


def build_site(source: Path, output: Path) -> int:
    """Write the site of a leaderboard's folder, in place of one that stands in `output`; the number of its files.

    Raises:
        LoopbenchError: an entry or a diagnosis cannot be read; `output` has something else than a site, or cannot be
            written. What stood there before still stands.
    """
    entries = read_entries(source / RESULTS)
    return write_site(entries, _diagnoses(source / DIAGNOSES), output)


def write_site(entries: Iterable[Entry], diagnoses: Iterable[Diagnosis], output: Path) -> int:
    """Like `build_site`, from what has been read."""
    check_output(output)
    ranked, unranked = _sorted_out(entries)
    tasks = [task for task in map(get_task, names("task")) if task.benchmark]
    files = make_files(standings(ranked), tasks, unranked, list(diagnoses))
    output = output.absolute()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as beside:
            new, count = Path(beside) / "new", 0
            for name, content in files:
                path = new / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                count += 1
            old = Path(beside) / "old"
            if output.exists():
                output.rename(old)
            try:
                new.rename(output)
            except OSError:
                if old.exists():  # it would go with the folder beside it
                    old.rename(output)
                raise
    except OSError as error:
        raise LoopbenchError(f"cannot write {output}: {error.strerror or error}") from error
    return count


def check_output(output: Path) -> None:
    """Find out whether a site may be put somewhere.

    Raises:
        LoopbenchError: something else than a site is there.
    """
    if not output.exists():
        return
    index = output / "index.html"
    with suppress(OSError, ValueError):
        names = {path.name for path in output.iterdir()}
        if not names:
            return
        if index.is_file() and MARK in index.read_text("utf-8"):
            if more := sorted(names - CONTENTS):
                raise LoopbenchError(f"{output} has {some(more)}, which a new site would remove; take it away first")
            return
    raise LoopbenchError(f"{output} is there and is no site of loopbench; name a folder that is new or empty")


def _sorted_out(entries: Iterable[Entry]) -> tuple[list[Entry], dict[str, str]]:
    """The entries that have a score, and why the others have none."""
    ranked: list[Entry] = []
    unranked: dict[str, str] = {}
    for entry in entries:
        try:
            score(_task_of(entry), entry.records.values())
            ranked.append(entry)
        except LoopbenchError as error:
            unranked[entry.name] = str(error)
    return ranked, unranked


def _task_of(entry: Entry) -> Task:
    """Its task.

    Raises:
        LoopbenchError: that is not installed; the message says which package is missing, as far as it is known.
    """
    try:
        return get_task(entry.record.task.name)
    except LoopbenchError as error:
        ref = entry.submission.model.ref
        if not ref.startswith("hub:"):
            load_config(locate(ref))  # a bundled model's says what it needs, and so does the error
        raise LoopbenchError(f"{error}; the model was made with {origin(entry.record.model.provider)}") from error


def _diagnoses(folder: Path) -> list[Diagnosis]:
    return [read_diagnosis(path) for path in sorted(folder.glob("*/*.json"))]
