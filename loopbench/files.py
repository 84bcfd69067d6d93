"""Files that are written whole or not at all, and the one JSON spelling that hashes are taken of."""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from loopbench.errors import LoopbenchError


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` with `data` in one step: temporary file, fsync, rename, fsync of the folder.

    Raises:
        LoopbenchError: the file cannot be written; what stood there before still stands.
    """
    write_with(path, lambda temporary: temporary.write_bytes(data))


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Like `write_bytes`, for a writer that wants a path of its own.

    Raises:
        LoopbenchError: the file cannot be written; what stood there before still stands.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(descriptor)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o666 & ~_umask())
        _fsync(temporary)
        temporary.replace(path)
        _fsync(path.parent)
    except OSError as error:
        raise LoopbenchError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder with these files in one step: a temporary folder, fsync, rename.

    Raises:
        LoopbenchError: it cannot be made, or is there already with something in it; then there is nothing new.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp") as temporary:
            folder = Path(temporary) / path.name
            folder.mkdir()
            for name, data in files.items():
                (folder / name).write_bytes(data)
                _fsync(folder / name)
            _fsync(folder)
            folder.rename(path)
        _fsync(path.parent)
    except OSError as error:
        raise LoopbenchError(f"cannot write {path}: {error.strerror or error}") from error


def remove_leftovers(folder: Path, pattern: str, older_than: float = 600) -> None:
    """Remove the temporary files of writers that were killed; a living one is done long before so many seconds.

    Args:
        pattern: a glob of the names that were being written.
    """
    for path in folder.glob(f".{pattern}.*.tmp"):
        with contextlib.suppress(OSError):  # another process was faster
            if time.time() - path.stat().st_mtime > older_than:
                path.unlink()


@contextmanager
def claimed(lock: Path, busy: str, patience: float = 0) -> Generator[None]:
    """Keep every other process out of what a lock file stands for; its folder is made if need be.

    The lock is the kernel's: it ends with the process, however that ends.

    Args:
        busy: the message if another process is at work there.
        patience: seconds to wait for it.

    Raises:
        LoopbenchError: another process is at work there, or the folder cannot be written.
    """
    claim = FileLock(lock)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        claim.acquire(timeout=patience)
    except Timeout as error:
        raise LoopbenchError(busy) from error
    except OSError as error:
        raise LoopbenchError(f"cannot write to {lock.parent}: {error.strerror or error}") from error
    try:
        yield
    finally:
        claim.release()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, in one step.

    Raises:
        LoopbenchError: the file cannot be written.
        ValueError: a number is not finite.
    """
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def check_writable(folder: Path) -> None:
    """Find out early what would be too late after a long run; nothing stays behind.

    Raises:
        LoopbenchError: the folder is not there and cannot be made, or nothing can be written in it.
    """
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise LoopbenchError(f"cannot write to {folder}: {nearest} is not a folder")
    try:
        with tempfile.TemporaryFile(dir=nearest):  # permissions alone say nothing of /proc or a disk that is full
            pass
    except OSError as error:
        reason = "nothing can be made there" if error.errno == errno.ENOENT else error.strerror or error
        raise LoopbenchError(f"cannot write to {folder}: {reason}") from error


def canonical_json(value: Any) -> bytes:
    """Sorted keys, no spaces, ASCII: equal values give equal bytes.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def sha256(data: bytes) -> str:
    """The hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
