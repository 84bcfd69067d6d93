"""What the installed plugins provide, and what is wrong with the broken ones.

A plugin is an entry point in group `loopbench`; the core's own architectures, tasks and objectives are plugins too. All
are loaded at the first look-up, each on its own: one that fails is reported and changes nothing for the others.

The environment variable `LOOPBENCH_PLUGINS=a,b` is an allow-list of distributions: beside the core, only their plugins
are loaded, and none at all if it is empty.
"""

import os
import re
import traceback
from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

import pluggy
from pydantic import BaseModel, ConfigDict, Field, create_model

from loopbench import hookspecs
from loopbench.contracts import Architecture, Objective, Provider, Task
from loopbench.errors import LoopbenchError
from loopbench.validation import printable, some, validate

CORE = "loopbench-zoo"
ALLOW_LIST = "LOOPBENCH_PLUGINS"

Kind = Literal["architecture", "task", "objective"]
Thing = Architecture | Task | Objective
ThingT = TypeVar("ThingT", Architecture, Task, Objective)
KINDS: dict[Kind, type[Thing]] = {"architecture": Architecture, "task": Task, "objective": Objective}
Claims = dict[tuple[Kind, str], list[tuple[Provider, Thing]]]


@dataclass
class PluginReport:
    """One entry point.

    Attributes:
        module: what the entry point names.
        api: the `LOOPBENCH_API` that the module states, whatever that is; `None` before it is loaded.
        problems: what is wrong with it; each goes on from "plugin 'x' …".
    """

    provider: Provider
    module: str
    api: object = None
    provides: list[tuple[Kind, Thing]] = field(default_factory=list[tuple[Kind, Thing]])
    problems: list[str] = field(default_factory=list[str])


def get_architecture(name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        LoopbenchError: there is none, or more than one.
    """
    return _get("architecture", Architecture, name)[1]


def get_task(name: str) -> Task:
    """The task of that name.

    Raises:
        LoopbenchError: there is none, or more than one.
    """
    return _get("task", Task, name)[1]


def get_objective(name: str) -> Objective:
    """The objective of that name.

    Raises:
        LoopbenchError: there is none, or more than one.
    """
    return _get("objective", Objective, name)[1]


def architecture_provider(name: str) -> Provider:
    """The distribution that an architecture comes from.

    Raises:
        LoopbenchError: there is no such architecture, or more than one.
    """
    return _get("architecture", Architecture, name)[0]


def names(kind: Kind) -> list[str]:
    """The names that can be looked up, sorted; a name that two plugins claim cannot."""
    return sorted(name for (k, name), claims in _claims(reports()).items() if k == kind and len(claims) == 1)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The one line that says that there is no such name, and which there are: close matches first."""
    known = sorted(known)
    close = " or ".join(map(repr, get_close_matches(name, known)))
    guess = f"did you mean {close}? " if close else ""
    return f"unknown {kind} {printable(name)!r}; {guess}known: {', '.join(known) or 'none'}"


@cache
def reports() -> tuple[PluginReport, ...]:
    """Every installed plugin, the core's own first. The first call loads them.

    Raises:
        LoopbenchError: `LOOPBENCH_PLUGINS` names a distribution that has no plugin.
    """
    installed = [(_provider(entry_point), entry_point) for entry_point in entry_points(group=hookspecs.GROUP)]
    installed.sort(key=lambda pair: (pair[0].distribution != CORE, pair[0].distribution, pair[1].value))
    allowed = _allowed({_normalized(provider.distribution) for provider, _ in installed})
    found: list[PluginReport] = []
    for provider, entry_point in installed:
        report = PluginReport(provider, entry_point.value)
        if _normalized(provider.distribution) in allowed:
            _load(entry_point, report)
        else:
            report.problems.append(f"is left out by {ALLOW_LIST}")
        found.append(report)
    claims = _claims(found)
    for report in found:
        for kind, thing in report.provides:
            if len(claims[kind, thing.name]) > 1:
                report.problems.append(f"clashes: {_clash(kind, thing.name, claims)}")
    return tuple(found)


def _get(kind: Kind, contract: type[ThingT], name: str) -> tuple[Provider, ThingT]:
    claims = _claims(reports())
    match claims.get((kind, name), []):
        case [(provider, thing)] if isinstance(thing, contract):
            return provider, thing
        case []:
            broken = [f"plugin {r.provider.distribution!r} {problem}" for r in reports() for problem in r.problems]
            raise LoopbenchError("; ".join(filter(None, (unknown(kind, name, names(kind)), some(broken, "; ")))))
        case _:
            raise LoopbenchError(f"{_clash(kind, name, claims)}; leave one of them out with {ALLOW_LIST}")


def _claims(found: Iterable[PluginReport]) -> Claims:
    """Who provides what under each name."""
    claims: Claims = defaultdict(list)
    for report in found:
        for kind, thing in report.provides:
            claims[kind, thing.name].append((report.provider, thing))
    return claims


def _clash(kind: Kind, name: str, claims: Claims) -> str:
    claimants = " and ".join(f"{p.distribution} {p.version}" for p, _ in claims[kind, name])
    return f"{kind} {name!r} is provided by {claimants}"


def _allowed(installed: set[str]) -> set[str]:
    """The normalized names of the distributions whose plugins are loaded."""
    text = os.environ.get(ALLOW_LIST)
    if text is None:
        return installed
    allowed = {_normalized(name.strip()) for name in text.split(",") if name.strip()}
    if missing := sorted(allowed - installed):
        raise LoopbenchError(f"{ALLOW_LIST}: {unknown('plugin', some(missing), installed)}")
    return {CORE} | allowed


def _normalized(distribution: str) -> str:
    """Upper and lower case, `-`, `_` and `.` are the same in the name of a distribution."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _provider(entry_point: EntryPoint) -> Provider:
    try:
        assert entry_point.dist is not None
        return Provider(distribution=entry_point.dist.name, version=entry_point.dist.version)
    except Exception:  # an installation without its metadata: what importlib raises depends on the Python
        return Provider(distribution=entry_point.name, version="unknown")


def _load(entry_point: EntryPoint, report: PluginReport) -> None:
    """Import a plugin and collect what its hooks return."""
    manager = pluggy.PluginManager(hookspecs.GROUP)  # its own, so that nothing can reach another plugin
    manager.add_hookspecs(hookspecs)
    with _reporting(report, "failed to load"):
        plugin = entry_point.load()
        report.api = getattr(plugin, "LOOPBENCH_API", None)
        if report.api != hookspecs.API:
            stated = "does not state LOOPBENCH_API" if report.api is None else f"states LOOPBENCH_API = {report.api!r}"
            raise LoopbenchError(f"{report.module} {stated}; it must state LOOPBENCH_API = {hookspecs.API}")
        manager.register(plugin)
        if not manager.get_hookcallers(plugin):
            raise LoopbenchError(f"{report.module} has no function marked with @hookimpl")
    hooks: dict[Kind, str] = {kind: f"loopbench_{kind}s" for kind in KINDS}
    with _reporting(report, f"implements a hook that is none of {', '.join(hooks.values())}"):
        manager.check_pending()
    for kind, hook in hooks.items():
        with _reporting(report, f"failed in {hook}"):
            for things in getattr(manager.hook, hook)():
                for thing in things:
                    with _reporting(report, f"provides a broken {kind}"):
                        _check(thing, KINDS[kind])
                        report.provides.append((kind, thing))


@contextmanager
def _reporting(report: PluginReport, what: str) -> Generator[None]:
    """Whatever a plugin raises becomes a problem in its report; SystemExit too, since it must not end the command."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except (LoopbenchError, pluggy.PluginValidationError) as error:
        report.problems.append(printable(f"{what}: {error}", 500))
    except BaseException as error:
        report.problems.append(printable(f"{what}: {''.join(traceback.format_exception_only(error))}", 500))


def _check(thing: object, contract: type[Thing]) -> None:
    """Raise LoopbenchError unless `thing` is a `contract` and each of its attributes has the declared type."""
    if not isinstance(thing, contract):
        raise LoopbenchError(f"{thing!r} is not an instance of loopbench.contracts.{contract.__name__}")
    validate(_attributes(contract), thing, repr(thing.name))


@cache
def _attributes(contract: type[Thing]) -> type[BaseModel]:
    """A pydantic model of a contract's attributes, read from their annotations."""
    fields: dict[str, Any] = {
        name: get_args(hint)[0] if get_origin(hint) is ClassVar else hint
        for name, hint in get_type_hints(contract).items()
    }
    fields["name"] = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    return create_model(
        contract.__name__,
        __config__=ConfigDict(from_attributes=True, strict=True, arbitrary_types_allowed=True),
        **fields,
    )
