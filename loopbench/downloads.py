"""Files from the Hub, in its client's cache."""

import hashlib
import re
import time
from functools import partial
from pathlib import Path

from huggingface_hub import hf_hub_download  # pyright: ignore[reportUnknownVariableType]: a bare dict in it
from huggingface_hub.errors import HfHubHTTPError

from loopbench.errors import LoopbenchError
from loopbench.files import file_sha256
from loopbench.hub_errors import hub_errors

WAITS = (1, 2, 4, 8)
"""Seconds until a transfer that ended in a 5xx is tried again: the client only repeats the request for metadata."""


def download_dataset_file(repo: str, revision: str, name: str, sha256: str) -> Path:
    """A file of a data set, checked by its hash.

    Args:
        revision: a full commit.

    Raises:
        LoopbenchError: it is out of reach, or not the file that was pinned.
    """
    what = f"data set {repo}@{revision[:12]}"
    with hub_errors(what, name):
        path = _patiently(partial(hf_hub_download, repo, name, revision=revision, repo_type="dataset"))
    if (actual := file_sha256(path)) != sha256:
        _check_intact(path, what)
        raise LoopbenchError(f"{what}: {name} has sha256 {actual}, not {sha256}")
    return path


def download_model_file(
    what: str, repo: str, name: str, revision: str | None, max_bytes: int, token: str | None = None
) -> Path:
    """A file of a model. Its size is asked for first, so that nobody fills the disk.

    No request is made for a full commit's file that is in the cache.

    Args:
        what: the repository, the beginning of the message.
        revision: a branch, a tag or a commit; `None`: the main branch.
        token: of the Hub; `None`: the client's own.

    Raises:
        LoopbenchError: it is out of reach, larger than `max_bytes`, or not what the Hub says that it is.
    """
    fetch = partial(hf_hub_download, repo, name, revision=revision, token=token)
    with hub_errors(what, name):
        size = fetch(dry_run=True).file_size
        if size is not None and size > max_bytes:
            raise LoopbenchError(f"{what}: {name} has {size:,} bytes; at most {max_bytes:,} are expected")
        path = _patiently(fetch)
    _check_intact(path, what)
    return path


def is_intact(path: Path) -> bool:
    """Whether a file in the cache has the hash that the Hub gave for it, where that is known.

    The client checks a file's size alone, and what it once has it never fetches again.
    """
    if not path.is_symlink():  # a file system without links: the hash, the name of the link's target, is not known
        return True
    blob = path.parent / path.readlink()
    with blob.open("rb") as file:
        if re.fullmatch("[0-9a-f]{64}", blob.name):
            return hashlib.file_digest(file, "sha256").hexdigest() == blob.name
        if re.fullmatch("[0-9a-f]{40}", blob.name):  # a small file's: git's hash of a blob
            data = file.read()
            return hashlib.sha1(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest() == blob.name
    return True


def _check_intact(path: Path, what: str) -> None:
    try:
        if is_intact(path):
            return
        blob = path.parent / path.readlink()
        path.unlink()
        blob.unlink()
    except OSError as error:
        raise LoopbenchError(f"{what}: cannot read {path}: {error.strerror or error}") from error
    raise LoopbenchError(f"{what}: {path.name} was damaged; it is removed from the cache and fetched anew next time")


def _patiently(fetch: "partial[str]") -> Path:
    for wait in WAITS:
        try:
            return Path(fetch())
        except HfHubHTTPError as error:
            if error.response.status_code < 500:
                raise
            time.sleep(wait)
    return Path(fetch())
