"""A plugin's wheel, unpacked: it is an archive of files, and putting them into a folder runs none of them."""

import io
import re
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name
from packaging.version import Version

from loopbench.errors import LoopbenchError
from loopbench.validation import printable

MAX_FILES = 2000
MAX_UNPACKED_BYTES = 64 * 2**20


def unpack_wheel(data: bytes, folder: Path, distribution: str, version: str) -> None:
    """Write the files of a pure Python wheel into a folder that is empty, as an installer would.

    Raises:
        LoopbenchError: it is no wheel of that distribution and version, too much, or a file would lie elsewhere.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _check(members, distribution, version)
            for member in members:
                path = folder / member.filename
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as file:
                    content = file.read(member.file_size + 1)
                if len(content) != member.file_size:
                    raise LoopbenchError(f"the wheel's {printable(member.filename)} is larger than it says")
                path.write_bytes(content)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise LoopbenchError(f"the wheel cannot be unpacked: {printable(str(error))}") from error


def _check(members: list[zipfile.ZipInfo], distribution: str, version: str) -> None:
    size = sum(member.file_size for member in members)
    if len(members) > MAX_FILES or size > MAX_UNPACKED_BYTES:
        raise LoopbenchError(
            f"the wheel has {size:,} bytes in {len(members):,} files; "
            f"at most {MAX_UNPACKED_BYTES:,} in {MAX_FILES:,} are expected"
        )
    for member in members:
        path, mode = PurePosixPath(member.filename), member.external_attr >> 16
        plain = re.fullmatch(r"[\w.+!/-]+", member.filename, re.ASCII) and not path.is_absolute()
        if not plain or ".." in path.parts or stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise LoopbenchError(f"the wheel has {printable(repr(member.filename))}, which no wheel may have")
    about = {PurePosixPath(m.filename).parts[0] for m in members if ".dist-info/" in m.filename}
    names = [name.removesuffix(".dist-info").partition("-") for name in sorted(about)]
    found = [(canonicalize_name(name), Version(number)) for name, _, number in names]
    if found != [(canonicalize_name(distribution), Version(version))]:
        raise LoopbenchError(f"the wheel is not one of {distribution} {version}: it has {', '.join(sorted(about))}")
