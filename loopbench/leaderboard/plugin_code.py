"""The plugins' code that a submitted model needs: put where a sandbox can see it, and run nowhere else."""

from pathlib import Path

from loopbench.contracts import Task
from loopbench.errors import LoopbenchError
from loopbench.files import sha256
from loopbench.leaderboard.sandbox import Code, Fault
from loopbench.leaderboard.submission import MAX_ENTRY_BYTES, Entry
from loopbench.leaderboard.wheels import unpack_wheel
from loopbench.plugins import CORE, package_paths, task_provider
from loopbench.validation import read_bytes


def plugin_code(entry: Entry, task: Task, folder: Path) -> Code:
    """The code that an entry's model needs beside the core.

    It is its wheel, unpacked into a folder, and the installed plugins that its task comes from, or its architecture if
    there is no wheel.

    Raises:
        Fault: the wheel is not the one that was submitted, or no wheel.
        LoopbenchError: a plugin that must be installed is not.
    """
    submitted = entry.submission.plugin
    needed = {task_provider(task.name).distribution}
    if submitted is None:
        needed.add(entry.record.model.provider.distribution)
    installed = sorted(needed - {CORE})
    packages = tuple(path for distribution in installed for path in package_paths(distribution))
    if submitted is None:
        return Code(tuple(installed), packages, None)
    data = read_bytes(entry.folder / submitted.wheel, MAX_ENTRY_BYTES)
    if (found := sha256(data)) != submitted.sha256:
        raise Fault(f"{submitted.wheel} has sha256 {found}, but the submission says {submitted.sha256}")
    try:
        unpack_wheel(data, folder, submitted.distribution, submitted.version)
    except LoopbenchError as error:
        raise Fault(str(error)) from error
    return Code((*installed, submitted.distribution), packages, folder)
