"""What a model is called, and where its files are.

A reference is a registry name (`looped-prefix-sums`), a folder (`./runs/x`) or a repository on the Hub
(`hub:org/name[@revision]`).
"""

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub.errors import HFValidationError, RemoteEntryNotFoundError
from huggingface_hub.utils import validate_repo_id

from loopbench import registry
from loopbench.downloads import download_model_file
from loopbench.errors import LoopbenchError
from loopbench.validation import printable, read_bytes

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
MAX_CONFIG_BYTES = 64 * 1024
SPELLINGS = "write a registry name (looped-prefix-sums), a folder (./runs/x) or hub:org/name[@revision]"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HubReference:
    """A repository on the Hub, and the branch, tag or commit there (`None`: its main branch)."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"hub:{self.repo}" + (f"@{self.revision}" if self.revision else "")


@dataclass(frozen=True)
class Source:
    """Where a model's files are.

    Attributes:
        ref: the reference as it was given.
        place: a folder, or a repository at a full commit.
        published: the same model on the Hub, at a full commit, if that is known.
        sha256: what model.safetensors must hash to, if the registry says so.
        token: of the Hub, if it is not the client's own.
    """

    ref: str
    place: Path | HubReference
    published: HubReference | None = None
    sha256: str | None = None
    token: str | None = field(default=None, repr=False)

    def read(self, name: str, max_bytes: int) -> bytes:
        """The content of one of the model's files.

        Raises:
            LoopbenchError: missing, larger than `max_bytes`, or out of reach.
        """
        path = self.place / name if isinstance(self.place, Path) else self._download(self.place, name, max_bytes)
        return read_bytes(path, max_bytes)

    def find(self, name: str, max_bytes: int) -> bytes | None:
        """Like `read`, for a file that a model need not have."""
        if isinstance(self.place, Path) and not (self.place / name).exists():
            return None
        try:
            return self.read(name, max_bytes)
        except LoopbenchError as error:
            if isinstance(error.__cause__, RemoteEntryNotFoundError):
                return None
            raise

    def _download(self, place: HubReference, name: str, max_bytes: int) -> Path:
        return download_model_file(str(place), place.repo, name, place.revision, max_bytes, self.token)


def parse_reference(ref: str) -> str | Path | HubReference:
    """A registry name, a folder, or a repository on the Hub.

    Raises:
        LoopbenchError: it is not certain which; the message names the valid spellings.
    """
    if match := re.fullmatch(r"hub:([\w.-]+/[\w.-]+)(?:@(\w[\w./-]*))?", ref, re.ASCII):
        try:
            validate_repo_id(match[1])
        except HFValidationError as error:
            raise LoopbenchError(f"{ref!r} is not a model reference: {printable(str(error))}") from error
        return HubReference(match[1], match[2])
    scheme = re.match(r"\w[\w+-]*:", ref)
    if ref.isprintable() and not scheme:
        if "/" in ref or ref.startswith((".", "~")):
            return Path(ref)
        if re.fullmatch(r"[\w.-]+", ref, re.ASCII):
            return ref
    raise LoopbenchError(f"{printable(ref)!r} is not a model reference; {SPELLINGS}")


def locate(ref: str, token: str | None = None) -> Source:
    """Where the files of a model are. A reference to the Hub is resolved to a commit here, once.

    Args:
        token: of the Hub; `None`: the client's own.

    Raises:
        LoopbenchError: a malformed reference, or there is no such model.
    """
    match parse_reference(ref):
        case Path() as path:
            return Source(ref, _existing(path))
        case HubReference() as reference:
            commit = _resolve(reference, token)
            pinned = HubReference(reference.repo, commit)
            if commit != reference.revision:
                logger.warning(f"{reference} can change; today it is {pinned}: write that to pin it")
            return Source(ref, pinned, published=pinned, token=token)
        case name:
            entry = registry.find(name)
            pinned = HubReference(entry.hub, entry.revision) if entry.hub and entry.revision else None
            place = entry.folder or pinned
            if place is None:
                raise LoopbenchError(f"model {name!r} is missing from this installation and is not on the Hub yet")
            return Source(ref, place, published=pinned, sha256=entry.sha256, token=token)


def _existing(path: Path) -> Path:
    try:
        folder = path.expanduser()
    except RuntimeError:  # ~name, where nobody has that name
        folder = path
    if not folder.is_dir():
        raise LoopbenchError(f"there is no folder {path}; {SPELLINGS}")
    return folder


def _resolve(reference: HubReference, token: str | None) -> str:
    """The full commit that a reference stands for now, or stood for when the Hub was last in reach."""
    # Downloading, and not just asking, makes the client remember what the branch or tag stands for.
    path = download_model_file(
        str(reference), reference.repo, CONFIG, reference.revision, MAX_CONFIG_BYTES, token=token
    )
    commit = path.parent.name  # snapshots/<commit>/config.json
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise LoopbenchError(f"{reference}: what answers is not the Hub: {printable(commit)!r} is no commit")
    return commit
