"""The seed of a verification comes from the commit that has the entry, so that whoever made it cannot choose."""

import subprocess
from pathlib import Path

from loopbench.errors import LoopbenchError
from loopbench.leaderboard.verification import FILE
from loopbench.tasks.splits import derived_seed


def commit_of(folder: Path) -> str:
    """The commit that is checked out where an entry lies, if it has the entry as it is.

    Raises:
        LoopbenchError: it does not, or the entry is in no checkout.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--", ".", f":(exclude){FILE}")
    if commit is None or changed is None:
        raise LoopbenchError(f"the seed comes from an entry's commit, but {folder} is in no checkout; give --seed N")
    if changed:
        raise LoopbenchError(f"the seed comes from an entry's commit, but {folder} is not committed; give --seed N")
    return commit


def seed_of(commit: str) -> int:
    """The seed that belongs to a commit."""
    return derived_seed("loopbench", "verify", commit)


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
