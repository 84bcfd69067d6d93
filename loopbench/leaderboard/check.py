"""What can be found out about submissions without running a model, or a line of code that came with one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from loopbench import registry
from loopbench.contracts import Task
from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import scored_iterations
from loopbench.evaluation.record import EvaluatedModel
from loopbench.hub import build_model
from loopbench.leaderboard.record_findings import record_findings
from loopbench.leaderboard.submission import SUBMISSION, Entry, entry_folders, read_entry
from loopbench.leaderboard.wheel_findings import wheel_findings
from loopbench.plugins import CORE, architecture_provider, get_architecture, get_task
from loopbench.tasks.splits import find_split
from loopbench.validation import printable


@dataclass(frozen=True)
class Checked:
    """What came of checking some folders.

    Attributes:
        entries: those that could be read.
        findings: a line for everything that is wrong, beginning with the entry's name.
    """

    entries: Sequence[Entry]
    findings: Sequence[str]


def find_entries(paths: Iterable[Path]) -> list[Path]:
    """The folders of submissions that some paths stand for: each is one, or a folder of them.

    Raises:
        LoopbenchError: one is neither.
    """
    found = [folder for path in paths for folder in ([path] if (path / SUBMISSION).exists() else entry_folders(path))]
    return list(dict.fromkeys(found))


def check(folders: Iterable[Path], board: Sequence[Entry] | None = None) -> Checked:
    """Check submissions one by one, against each other and against those that are on the board already.

    Args:
        board: entries that are trusted. A folder with the name of one of them is its next version, and what is not on
            the board brings no verification. `None`: the folders are the board themselves.
    """
    entries: list[Entry] = []
    findings: list[str] = []
    for folder in folders:
        try:
            entry = read_entry(folder)
        except LoopbenchError as error:
            findings.append(f"{printable(folder.name)}: {error}")
            continue
        entries.append(entry)
        findings += [f"{entry.name}: {line}" for line in entry_findings(entry)]
        before = next((each for each in board or () if each.name == entry.name), None)
        known = before.verification if before is not None else None
        if board is not None and entry.verification not in (None, known):
            findings.append(f"{entry.name}: it brings a verification of its own, and only `verify` can write one")
        if (
            before is not None
            and known is not None
            and entry.verification is None
            and entry.evidence == before.evidence
        ):
            findings.append(f"{entry.name}: it removes the verification ({known.verdict}) of what it leaves as it is")
    names = {entry.name for entry in board or ()}
    newcomers = [entry for entry in entries if entry.name not in names]
    others = [entry for entry in board or () if entry.name not in {each.name for each in entries}]
    in_order = [*others, *(entry for entry in entries if entry.name in names), *newcomers]
    return Checked(entries, [*findings, *_duplicates(in_order, {entry.name for entry in entries})])


def entry_findings(entry: Entry) -> Iterator[str]:
    """What is wrong with an entry by itself, a line each."""
    try:
        task = get_task(entry.record.task.name)
    except LoopbenchError as error:
        yield str(error)
        return
    if task.benchmark is None:
        yield f"task {task.name} has no benchmark, so its models are not ranked"
    elif missing := [name for name in task.benchmark.splits if name not in entry.records]:
        yield f"it has no record of {', '.join(missing)}, which the benchmark of {task.name} needs"
    for record in entry.records.values():
        yield from (f"{record.file_name}: {line}" for line in record_findings(task, record))
    yield from _reference_findings(entry, task)
    yield from _architecture_findings(entry, task)


def _reference_findings(entry: Entry, task: Task) -> Iterator[str]:
    """A registry name stands for the weights that the registry says."""
    model = entry.submission.model
    if model.ref.startswith("hub:"):
        return
    try:
        named = registry.find(model.ref)
    except LoopbenchError as error:
        yield str(error)
        return
    if (named.sha256, named.task) != (model.weights_sha256, task.name):
        yield f"model {model.ref} of the registry has weights {named.sha256} on {named.task}, not these"


def _architecture_findings(entry: Entry, task: Task) -> Iterator[str]:
    """The architecture comes from the wheel, or is installed, and then the numbers are those that it gives."""
    model, plugin = entry.record.model, entry.submission.plugin
    provider = model.provider
    if plugin is not None:
        if (provider.distribution, provider.version) != (plugin.distribution, plugin.version):
            made = printable(f"{provider.distribution} {provider.version}")
            yield f"the records are of {made}, but the wheel is {plugin.distribution} {plugin.version}"
        yield from wheel_findings(entry.folder / plugin.wheel, plugin)
        return
    try:
        installed = architecture_provider(model.architecture)
        if installed.distribution != provider.distribution:
            raise LoopbenchError(f"here {model.architecture} is {installed.distribution}'s")
    except LoopbenchError as error:
        bring = f"; a submission brings the wheel of {printable(provider.distribution)}"
        yield f"{error}{'' if provider.distribution == CORE else bring}"
        return
    architecture = get_architecture(model.architecture)
    if model.version != architecture.version:
        yield f"version {architecture.version} of {model.architecture} is ranked, not {model.version}"
        return
    if entry.submission.model.time_dependent != architecture.time_dependent:
        yield f"{model.architecture} is {'' if architecture.time_dependent else 'not '}time-dependent"
    yield from _size_findings(model, task)


def _size_findings(model: EvaluatedModel, task: Task) -> Iterator[str]:
    """What an installed architecture is with the config of a record, found out without allocating it."""
    try:
        with torch.device("meta"):
            info = build_model(model.architecture, model.config, task.name).info
    except LoopbenchError as error:
        yield str(error)
        return
    assert info is not None
    for what in ("config", "parameters", "layers_per_step"):
        if (real := getattr(info, what)) != (said := getattr(model, what)):
            yield printable(f"{what} must be {real}, not {said}")


def _duplicates(entries: Sequence[Entry], checked: set[str]) -> Iterator[str]:
    """Of two entries with the same weights, or the same answers, the later one in the list is a duplicate."""
    seen: dict[object, str] = {}
    for entry in entries:
        weights = entry.submission.model.weights_sha256
        for key, what in ((weights, "the weights"), (_answers(entry), "every answer")):
            if key is None:
                continue
            if (other := seen.setdefault(key, entry.name)) != entry.name and entry.name in checked:
                yield f"{entry.name}: it has {what} of {other}: a model has one entry"
                break


def _answers(entry: Entry) -> object:
    """When every example of the benchmark is first solved up to 8 D; `None` if that says nothing, being one for all."""
    try:
        task = get_task(entry.record.task.name)
    except LoopbenchError:
        return None
    answers: dict[str, np.ndarray] = {}
    for split in (find_split(task, name) for name in (task.benchmark.splits if task.benchmark else ())):
        if (record := entry.records.get(split.name)) is not None:
            last = scored_iterations(split, record.model.layers_per_step)[-1]
            first = record.verdicts.first_solved
            answers[split.name] = np.where(first <= last, first, 0)
    if all((first == first[0]).all() for first in answers.values()):
        return None
    return task.name, tuple((name, first.tobytes()) for name, first in answers.items())
