"""Whether a submission's wheel is a plugin, whole and as it was built; nothing of it is imported."""

import base64
import hashlib
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from tempfile import TemporaryDirectory

from loopbench import hookspecs
from loopbench.errors import LoopbenchError
from loopbench.files import sha256
from loopbench.leaderboard.submission import MAX_ENTRY_BYTES, PluginWheel
from loopbench.leaderboard.wheels import unpack_wheel
from loopbench.validation import printable, read_bytes, some


def wheel_findings(path: Path, plugin: PluginWheel) -> Iterator[str]:
    """What is wrong with a wheel, a line each."""
    data = read_bytes(path, MAX_ENTRY_BYTES)
    if sha256(data) != plugin.sha256:
        yield f"{plugin.wheel} has sha256 {sha256(data)}, not {plugin.sha256}"
        return
    with TemporaryDirectory() as folder:
        try:
            unpack_wheel(data, Path(folder), plugin.distribution, plugin.version)
            [found] = distributions(path=[folder])
            changed = list(_changed(found, Path(folder)))
            hooked = bool(found.entry_points.select(group=hookspecs.GROUP))
        except LoopbenchError as error:
            yield str(error)
            return
        except Exception as error:  # of the metadata's parsers, which trust what they read
            yield printable(f"the metadata of {plugin.wheel} cannot be read: {type(error).__name__}: {error}")
            return
    if changed:
        yield f"{plugin.wheel}: {some(changed)}: not as its RECORD says"
    if not hooked:
        yield f"{plugin.wheel} has no entry point in group {hookspecs.GROUP}: it is no plugin"


def _changed(found: Distribution, folder: Path) -> Iterator[str]:
    """The files that RECORD does not list, or lists with another hash
    (https://packaging.python.org/en/latest/specifications/binary-distribution-format/)."""
    hashes = {str(file): file.hash for file in found.files or []}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, digest = path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).digest()
        expected = hashes.get(name)
        right = expected and (expected.mode, expected.value) == (
            "sha256",
            base64.urlsafe_b64encode(digest).decode().rstrip("="),
        )
        if not right and not name.endswith(".dist-info/RECORD"):  # which cannot hold its own
            yield name
