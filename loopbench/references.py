"""What a model is called, and where its files are.

A reference is a registry name (`looped-prefix-sums`), a folder (`./runs/x`) or a repository on the Hub
(`hub:org/name[@revision]`).
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_download  # pyright: ignore[reportUnknownVariableType]: a bare dict in it
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from loopbench import registry
from loopbench.downloads import hub_errors
from loopbench.errors import LoopbenchError
from loopbench.validation import printable, read_bytes

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
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
    """

    ref: str
    place: Path | HubReference
    published: HubReference | None = None
    sha256: str | None = None

    def read(self, name: str, max_bytes: int) -> bytes:
        """The content of one of the model's files.

        Raises:
            LoopbenchError: missing, larger than `max_bytes`, or out of reach.
        """
        path = self.place / name if isinstance(self.place, Path) else _download(self.place, name, max_bytes)
        return read_bytes(path, max_bytes)


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


def locate(ref: str) -> Source:
    """Where the files of a model are. A reference to the Hub is resolved to a commit here, once.

    Raises:
        LoopbenchError: a malformed reference, or there is no such model.
    """
    match parse_reference(ref):
        case Path() as path:
            return Source(ref, _existing(path))
        case HubReference() as reference:
            commit = _resolve(reference)
            pinned = HubReference(reference.repo, commit)
            if commit != reference.revision:
                logger.warning(f"{reference} can change; today it is {pinned}: write that to pin it")
            return Source(ref, pinned, published=pinned)
        case name:
            entry = registry.find(name)
            pinned = HubReference(entry.hub, entry.revision) if entry.hub and entry.revision else None
            place = entry.folder or pinned
            if place is None:
                raise LoopbenchError(f"model {name!r} is missing from this installation and is not on the Hub yet")
            return Source(ref, place, published=pinned, sha256=entry.sha256)


def _existing(path: Path) -> Path:
    try:
        folder = path.expanduser()
    except RuntimeError:  # ~name, where nobody has that name
        folder = path
    if not folder.is_dir():
        raise LoopbenchError(f"there is no folder {path}; {SPELLINGS}")
    return folder


def _resolve(reference: HubReference) -> str:
    """The full commit that a reference stands for now; no request is made for a full commit that is cached."""
    with hub_errors(str(reference), CONFIG):
        return hf_hub_download(reference.repo, CONFIG, revision=reference.revision, dry_run=True).commit_hash


def _download(reference: HubReference, name: str, max_bytes: int) -> Path:
    """A file in the Hub client's cache; its size is asked for first, so that nobody fills the disk."""
    with hub_errors(str(reference), name):
        size = hf_hub_download(reference.repo, name, revision=reference.revision, dry_run=True).file_size
    if size is not None and size > max_bytes:
        raise LoopbenchError(f"{reference}: {name} has {size:,} bytes; at most {max_bytes:,} are expected")
    with hub_errors(str(reference), name):
        return Path(hf_hub_download(reference.repo, name, revision=reference.revision))
