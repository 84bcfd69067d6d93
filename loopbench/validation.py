"""Reading what strangers wrote: bounded, strict, and one clear line when it is wrong."""

import json
import math
import re
from collections import Counter
from collections.abc import Hashable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, cast, get_args
from unicodedata import category

import yaml
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from loopbench.errors import LoopbenchError

MAX_DEPTH = 32
MAX_REPORTED = 5
MAX_KEYS = 10_000
"""Of a JSON object: to report a name that is unknown costs a hundred times its bytes."""

MAX_MARKS = 3
"""Combining marks in a row: more than any script has, since a tower of them paints over the lines above."""

INKLESS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and a symbol by their category, and nothing to be seen."""

ModelT = TypeVar("ModelT", bound=BaseModel)


def visible(text: str) -> str:
    """The text, if it is shown as it is: nothing that is not printed, turns its direction or covers other lines.

    Raises:
        ValueError: it is not that.
    """
    if not text.replace("\n", "").isprintable() or any(letter in text for letter in INKLESS):
        raise ValueError("must be printable characters")
    if text and not text.strip():
        raise ValueError("must not be blank")
    marks = "".join("M" if category(letter).startswith("M") else " " for letter in text)
    if "M" * (MAX_MARKS + 1) in marks:
        raise ValueError(f"has more than {MAX_MARKS} combining marks in a row")
    return text


def one_line(text: str) -> str:
    """The text, if it is `visible` and one line.

    Raises:
        ValueError: it is not that.
    """
    if "\n" in text:
        raise ValueError("must be one line of printable characters")
    return visible(text)


Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(one_line)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]


def validate(model_type: type[ModelT], value: object, what: str) -> ModelT:
    """`value` as an instance of a pydantic model.

    Args:
        what: what the value is, the beginning of the message (a path, "config of 'loop'").

    Raises:
        LoopbenchError: it is not one; the message names every field that is wrong (at most five).
    """
    try:
        return model_type.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        problems = [
            ": ".join(filter(None, (".".join(map(str, problem["loc"])), _message(model_type, problem))))
            for problem in found[:MAX_REPORTED]
        ]
        raise LoopbenchError(f"{what}: {some(problems, '; ', len(found))}") from error


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """A regular file's content.

    Raises:
        LoopbenchError: missing, not a regular file, unreadable, or larger than `max_bytes`.
    """
    try:
        if not path.exists():
            raise LoopbenchError(f"{path} does not exist")
        if not path.is_file():  # a fifo would block, a device would never end
            raise LoopbenchError(f"{path} is not a regular file")
        size = path.stat().st_size
        if size > max_bytes:
            raise LoopbenchError(f"{path} has {size:,} bytes; at most {max_bytes:,} are expected")
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise LoopbenchError(f"cannot read {path}: {error.strerror or error}") from error


def read_json(path: Path, max_bytes: int) -> Any:
    """A JSON file's value.

    Raises:
        LoopbenchError: as `read_bytes` and `parse_json`.
    """
    return parse_json(read_bytes(path, max_bytes), str(path))


def parse_json(data: bytes, what: str) -> Any:
    """The value of some JSON text: standard JSON only, so no NaN or infinity, and no key twice in an object.

    Raises:
        LoopbenchError: it is not that, or nested deeper than 32 levels.
    """
    try:
        value = json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_no_constant)
        _check_plain(value, MAX_DEPTH)
    except (ValueError, RecursionError) as error:
        raise LoopbenchError(f"{what}: not valid JSON: {printable(str(error))}") from error
    return value


def read_yaml(path: Path, max_bytes: int) -> Any:
    """A YAML file's value.

    Raises:
        LoopbenchError: as `read_bytes` and `parse_yaml`.
    """
    return parse_yaml(read_bytes(path, max_bytes), str(path))


def parse_yaml(data: bytes, what: str) -> Any:
    """The value of some YAML text, of the types that JSON has: no aliases, no tags, and no key twice in a mapping.

    Raises:
        LoopbenchError: it is not that, or nested deeper than 32 levels.
    """
    try:
        text = data.decode()
        _check_events(text)
        value: Any = yaml.load(text, _Loader)
        _check_plain(value, MAX_DEPTH)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise LoopbenchError(f"{what}: not valid YAML: {line}{printable(str(error.problem))}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise LoopbenchError(f"{what}: not valid YAML: {printable(str(error))}") from error
    return value


def dump_yaml(value: Any) -> str:
    """A JSON value as YAML text that `parse_yaml` reads back to an equal value."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def printable(text: str, limit: int = 200) -> str:
    """Text from outside on one line: no control characters, no terminal escapes, not endless."""
    line = "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def some(items: list[str], separator: str = ", ", count: int | None = None) -> str:
    """The first five of a list from outside, and how many more there are of `count` (default: of the list)."""
    left = (count or len(items)) - MAX_REPORTED
    more = [f"and {left} more"] if left > 0 else []
    return separator.join([*map(printable, items[:MAX_REPORTED]), *more])


def _message(model_type: type[BaseModel], problem: ErrorDetails) -> str:
    match problem["type"]:
        case "extra_forbidden":
            *path, name = map(str, problem["loc"])
            close = get_close_matches(name, _fields(model_type, path), n=1)
            return "no such field" + (f" (did you mean {close[0]}?)" if close else "")
        case "model_type":
            return "must be a mapping of names to values"
        case "list_type" | "tuple_type":
            return "must be a list"
        case _:
            return problem["msg"].removeprefix("Value error, ")


def _fields(model_type: type[BaseModel], path: list[str]) -> list[str]:
    """The fields of the model that is found on that path; none if it could be one of several."""
    for name in path:
        if field := model_type.model_fields.get(name):  # otherwise a place in a list, or a key of a mapping, of models
            models = _models(field.annotation)
            if len(models) != 1:
                return []
            model_type = models[0]
    return list(model_type.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models in a type: of `tuple[Part, ...] | None` it is Part."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise ValueError(f"an object has {len(pairs):,} keys; at most {MAX_KEYS:,} are expected")
    _check_unique([key for key, _ in pairs])
    return dict(pairs)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _check_unique(keys: list[Any]) -> None:
    key, count = Counter(keys).most_common(1)[0] if keys else ("", 0)
    if count > 1:
        raise ValueError(f"the key {key!r} stands {count} times")


def _check_plain(value: Any, depth: int) -> None:
    """Raise ValueError unless `value` could be written as JSON and read back the same."""
    match value:
        case dict() | list() if depth == 0:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        case dict():
            for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]: any value
                if not isinstance(key, str):
                    raise ValueError(f"the key {key!r} must be a string")
                _check_plain(key, depth)
                _check_plain(item, depth - 1)
        case list():
            for item in value:  # pyright: ignore[reportUnknownVariableType]: any value
                _check_plain(item, depth - 1)
        case str():
            value.encode()  # a lone surrogate could never be printed or saved
        case bool() | None:
            pass
        case int():
            if not -(2**63) <= value < 2**64:
                raise ValueError("an integer needs more than 64 bits")
        case float():
            if not math.isfinite(value):
                raise ValueError("a number is not finite")
        case _:
            raise ValueError(f"{value} is read as a {type(value).__name__}; put it in quotes")


def _check_events(text: str) -> None:
    """Raise ValueError for YAML that would be costly, or not plain data, if it were composed."""
    depth = 0
    events = yaml.parse(text, yaml.SafeLoader)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    for event in cast(Iterable[yaml.Event], events):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases (*name) are not allowed: a few lines of them can stand for gigabytes")
        if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and event.tag is not None:
            raise ValueError(f"the tag {event.tag!r} is not allowed: only plain data is")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:  # PyYAML's time is quadratic in the depth
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


class _Loader(yaml.SafeLoader):
    """Without duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep)
        _check_unique([self.construct_object(key) for key, _ in node.value])  # pyright: ignore[reportUnknownMemberType]
        return mapping


class _Dumper(yaml.SafeDumper):
    """With quotes around what `_Loader` would read as a number."""


# YAML 1.1, which PyYAML follows, reads 1e-3 as a string; in YAML 1.2 and in JSON it is a number.
for _each in (_Loader, _Dumper):
    _each.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType]: untyped
        "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
    )
