"""Arrays that took long to make, kept for the next time.

They lie in the folder that the environment variable LOOPBENCH_CACHE names, or else in `loopbench` in the user's cache.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from loopbench.errors import LoopbenchError
from loopbench.files import remove_leftovers, write_bytes

logger = logging.getLogger(__name__)

CACHE = "LOOPBENCH_CACHE"
Arrays = dict[str, np.ndarray]


def cache_folder() -> Path:
    """The folder, which need not be there."""
    users = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return Path(os.environ.get(CACHE) or users / "loopbench")


def cached_arrays(name: str, make: Callable[[], Arrays]) -> Arrays:
    """What `make` makes, or made before under that name.

    Processes that want the same wait for the first of them. A damaged file is made again, and where nothing can be
    written nothing is kept; the log has a line about either.

    Args:
        name: has to be another one whenever the arrays would be.
    """
    path = cache_folder() / f"{name}.safetensors"
    with _claimed(path):
        kept = _read(path) if path.exists() else None
        if kept is None:
            kept = make()
            try:
                write_bytes(path, save(kept, {"sha256": _sha256(kept)}))
            except LoopbenchError as error:
                logger.warning("%s; it will take as long the next time", error)
        return kept


@contextmanager
def _claimed(path: Path) -> Generator[None]:
    with ExitStack() as stack:
        with suppress(OSError):  # without a folder there is nothing to claim
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(path.with_suffix(".lock")))
            remove_leftovers(path.parent, path.name)
        yield


def _read(path: Path) -> Arrays | None:
    try:
        opened: Any = safe_open(path, "np")  # which has no types
        with opened as file:
            arrays: Arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
            metadata: dict[str, str] = file.metadata() or {}
            if metadata.get("sha256") == _sha256(arrays):
                return arrays
            reason = "its sha256 differs"
    except (SafetensorError, OSError, ValueError) as error:
        reason = str(error)
    logger.warning("%s is damaged (%s) and made again", path, reason)
    return None


def _sha256(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
