"""Writing into registry.yaml, whose comments and order stay as they are."""

import re
from pathlib import Path

from loopbench import registry
from loopbench.errors import LoopbenchError
from loopbench.files import write_bytes
from loopbench.hub import load_source
from loopbench.references import HubReference, Source, parse_reference
from loopbench.registry import MAX_REGISTRY_BYTES, Entry, load_registry, parse_registry
from loopbench.validation import dump_yaml, printable, read_bytes


def pin(name: str, revision: str, repo: str | None = None, token: str | None = None) -> Path:
    """Write into the checkout's registry.yaml where on the Hub a model is, and return that file.

    Args:
        revision: a full commit.
        repo: `org/name`; default: the one that the registry names.
        token: of the Hub; `None`: the client's own.

    Raises:
        LoopbenchError: no such model; what is published there is out of reach or another; loopbench does not run from a
            checkout, or its registry is not laid out as it was shipped.
    """
    entry = registry.find(name)
    path = registry.FILE.resolve()
    if not (path.parents[1] / ".git").exists():
        raise LoopbenchError(f"{path} is not in a checkout: pin in a clone, installed with pip install --editable .")
    if (repo := repo or entry.hub) is None:
        raise LoopbenchError(f"the registry names no repository of {name}: give --repo ORG/NAME")
    if not re.fullmatch("[0-9a-f]{40}", revision):
        raise LoopbenchError(f"only a full commit can be pinned, not {printable(revision)!r}")
    place = parse_reference(f"hub:{repo}@{revision}")
    assert isinstance(place, HubReference)
    load_source(Source(str(place), place, sha256=entry.sha256, token=token))
    fields = {"hub": repo, "revision": revision}
    expected = [each.model_copy(update=fields if each.name == name else {}) for each in load_registry(path)]
    text = _with_fields(read_bytes(path, MAX_REGISTRY_BYTES).decode(), name, fields).encode()
    if list(parse_registry(text, str(path))) != expected:
        raise LoopbenchError(f"{path} is not laid out as it was shipped: write {fields} into {name} by hand")
    write_bytes(path, text)
    registry.entries.cache_clear()
    return path


def entry_lines(entry: Entry) -> str:
    """An entry as it stands in registry.yaml."""
    return dump_yaml([entry.model_dump(mode="json", exclude_defaults=True)]).rstrip()


def _with_fields(text: str, name: str, fields: dict[str, str]) -> str:
    """The registry's text with these fields in the entry of that name, in place of what they were or before sha256."""
    begin, *entries = re.split(r"^(?=- )", text, flags=re.MULTILINE)
    return begin + "".join(
        _with_fields_in(entry, fields) if re.match(rf"- name: {re.escape(name)}\s", entry) else entry
        for entry in entries
    )


def _with_fields_in(entry: str, fields: dict[str, str]) -> str:
    for field, value in fields.items():
        line = f"  {dump_yaml({field: value}).rstrip()}"
        entry, found = re.subn(rf"^  {field}:[^#\n]*?(?=\s*(#.*)?$)", line, entry, flags=re.MULTILINE)
        if not found:
            entry = re.sub(r"^  sha256:", rf"{line}\n  sha256:", entry, flags=re.MULTILINE)
    return entry
