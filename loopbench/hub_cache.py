"""The models in the Hub client's cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from huggingface_hub import constants, scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from loopbench.downloads import is_intact
from loopbench.errors import LoopbenchError
from loopbench.hub_errors import hub_errors
from loopbench.references import CONFIG, MAX_CONFIG_BYTES, WEIGHTS
from loopbench.validation import printable, read_json

KEYS = {"format", "architecture", "task", "provider", "loopbench"}


@dataclass(frozen=True)
class CachedModel:
    """A model at one commit.

    Attributes:
        ref: `hub:org/name@commit`.
        task: what its config.json says, which is not checked otherwise.
        files: those of its files that are in the cache.
    """

    ref: str
    task: str
    architecture: str
    files: tuple[Path, ...]

    @property
    def weights(self) -> Path:
        return next(path for path in self.files if path.name == WEIGHTS)


def cached_models() -> list[CachedModel]:
    """The model folders among all repositories in the cache, by reference.

    Raises:
        LoopbenchError: the cache is no folder, or cannot be read.
    """
    with hub_errors("the Hub client's cache"):
        try:
            repos = scan_cache_dir(constants.HF_HUB_CACHE).repos
        except CacheNotFound:
            return []
    found: list[CachedModel] = []
    for repo in repos:
        for revision in repo.revisions if repo.repo_type == "model" else ():
            files = {file.file_name: Path(file.file_path) for file in revision.files}
            if files.keys() >= {CONFIG, WEIGHTS} and (config := _config(files[CONFIG])):
                ref = f"hub:{repo.repo_id}@{revision.commit_hash}"
                task, architecture = (printable(str(config[key]), 64) for key in ("task", "architecture"))
                found.append(CachedModel(ref, task, architecture, tuple(files.values())))
    return sorted(found, key=lambda model: model.ref)


def _config(path: Path) -> dict[str, object] | None:
    """What a model folder's config.json says; `None` if it is another library's."""
    try:
        config = read_json(path, MAX_CONFIG_BYTES)
    except LoopbenchError:
        return None if is_intact(path) else dict.fromkeys(KEYS, "?")
    is_ours = isinstance(config, dict) and config.keys() >= KEYS  # pyright: ignore[reportUnknownMemberType]: JSON
    return cast(dict[str, object], config) if is_ours else None
