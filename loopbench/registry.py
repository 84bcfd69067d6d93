"""The zoo's index: which models have a name, where their weights are, and what they must hash to."""

from functools import cache
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loopbench.errors import LoopbenchError
from loopbench.validation import Name, parse_yaml, read_bytes, validate

FILE = Path(__file__).with_name("registry.yaml")
ZOO = Path(__file__).with_name("zoo")
MAX_REGISTRY_BYTES = 1 << 20


class Entry(BaseModel):
    """One named model.

    Attributes:
        hub: its repository, `org/name`.
        revision: the full commit there; `None` until it is published.
        sha256: of model.safetensors, wherever that comes from.
        size: of model.safetensors, in bytes.
        bundled: its folder in the package's zoo; `None` if it is on the Hub alone.
        scores: the headline numbers that the list shows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: Name
    task: str
    architecture: str
    hub: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str | None = Field(None, pattern=r"^[0-9a-f]{40}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int | None = Field(None, ge=1)
    bundled: Name | None = None
    scores: dict[str, float] = Field(default_factory=dict[str, float])

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.bundled is None and (self.hub is None or self.revision is None):
            raise ValueError(f"{self.name} must be bundled, or have a hub repository and a revision")
        return self

    @property
    def published(self) -> str | None:
        """The reference to its files on the Hub, if it is there."""
        return f"hub:{self.hub}@{self.revision}" if self.hub and self.revision else None

    @property
    def folder(self) -> Path | None:
        """Where its files are in this installation, if they are."""
        folder = ZOO / self.bundled if self.bundled else None
        return folder if folder and folder.is_dir() else None


class Registry(BaseModel):
    """What registry.yaml says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[Entry, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [entry.name for entry in self.models]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"more than one model is named {twice[0]!r}")
        return self


def load_registry(path: Path) -> tuple[Entry, ...]:
    """The models of a registry file, in its order.

    Raises:
        LoopbenchError: it is not a registry.
    """
    return parse_registry(read_bytes(path, MAX_REGISTRY_BYTES), str(path))


def parse_registry(data: bytes, what: str) -> tuple[Entry, ...]:
    """Like `load_registry`, of the file's content.

    Args:
        what: the file, the beginning of the message.
    """
    return validate(Registry, parse_yaml(data, what), what).models


@cache
def entries() -> tuple[Entry, ...]:
    """The models of the registry that is shipped with this version."""
    return load_registry(FILE)


def find(name: str) -> Entry:
    """The model of that name.

    Raises:
        LoopbenchError: there is none; the message names close matches.
    """
    from loopbench.plugins import unknown  # torch comes with it, and listing models has no use for that

    by_name = {entry.name: entry for entry in entries()}
    if name not in by_name:
        raise LoopbenchError(f"{unknown('model', name, by_name)}; a folder is written ./{name}")
    return by_name[name]
