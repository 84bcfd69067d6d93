"""What the installed plugins provide, and what is wrong with the broken ones.

A plugin is an entry point in group `loopbench`; the core's own architectures, tasks and objectives are plugins too. All
are loaded at the first look-up, each on its own: one that fails is reported and changes nothing for the others.

The environment variable `LOOPBENCH_PLUGINS=a,b` is an allow-list of distributions: beside the core, only their plugins
are loaded, and none at all if it is empty.
"""

import os
import re
import sys
import traceback
from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TypeVar

from loopbench import hookspecs
from loopbench.contracts import Architecture, Objective, Provider, Task
from loopbench.errors import LoopbenchError
from loopbench.loading import Kind, PluginReport, Thing, load
from loopbench.validation import printable, some

CORE = "loopbench-zoo"
ALLOW_LIST = "LOOPBENCH_PLUGINS"

ThingT = TypeVar("ThingT", Architecture, Task, Objective)
Claims = dict[tuple[Kind, str], list[tuple[Provider, Thing]]]


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


def objective_provider(name: str) -> Provider:
    """The distribution that an objective comes from.

    Raises:
        LoopbenchError: there is no such objective, or more than one.
    """
    return _get("objective", Objective, name)[0]


def task_provider(name: str) -> Provider:
    """The distribution that a task comes from.

    Raises:
        LoopbenchError: there is no such task, or more than one.
    """
    return _get("task", Task, name)[0]


def package_paths(distribution: str) -> list[Path]:
    """The folders of the packages that a distribution's plugins are in, or their files if they are modules.

    Raises:
        LoopbenchError: none of its plugins is loaded.
    """
    found: set[Path] = set()
    for report in reports():
        module = sys.modules.get(_package(report.module).partition(".")[0])
        if report.provider.distribution == distribution and module and module.__file__:
            file = Path(module.__file__)
            found.add(file.parent if file.name == "__init__.py" else file)
    if not found:
        raise LoopbenchError(f"plugin {printable(distribution)!r} is needed, and is not installed here")
    return sorted(found)


def origin(provider: Provider) -> str:
    """A distribution and its version; with the command that installs it, where it is not here.

    The name may be a stranger's: nothing but the name of a distribution ever becomes part of a command.
    """
    name = provider.distribution
    text = printable(f"{name} {provider.version}")
    here = {_normalized(report.provider.distribution) for report in reports()}
    if _normalized(name) in here or not re.fullmatch(r"[A-Za-z0-9]([\w.-]{0,62}[A-Za-z0-9])?", name, re.ASCII):
        return text
    return f"{text}, which is not installed: if you trust it, pip install {name} (or the folder of its source)"


def names(kind: Kind) -> list[str]:
    """The names that can be looked up, sorted; a name that two plugins claim cannot."""
    return sorted(name for (k, name), claims in _claims(reports()).items() if k == kind and len(claims) == 1)


def clashes(kind: Kind) -> list[str]:
    """A line for each name that two plugins claim."""
    claims = _claims(reports())
    return [_clash(k, name, claims) for (k, name), claimants in claims.items() if k == kind and len(claimants) > 1]


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
            load(entry_point, report)
        else:
            report.problems.append(f"is left out by {ALLOW_LIST}")
        found.append(report)
    claims = _claims(found)
    for report in found:
        for kind, thing in report.provides:
            if len(claims[kind, thing.name]) > 1:
                report.problems.append(f"clashes: {_clash(kind, thing.name, claims)}")
    return tuple(found)


def blame(error: BaseException) -> str | None:
    """The one line for an error inside a plugin's code: whose, where and what. `None`: no plugin had a part in it."""
    packages = {_package(r.module): r.provider for r in reports() if r.provider.distribution != CORE}
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        name = frame.f_globals.get("__name__", "")
        for package, provider in packages.items():
            if f"{name}.".startswith(f"{package}."):
                place = f"{name}, line {line}, in {frame.f_code.co_name}"
                what = "".join(traceback.format_exception_only(error))
                return printable(f"plugin {provider.distribution!r} {provider.version} failed ({place}): {what}", 500)
    return None


def _get(kind: Kind, contract: type[ThingT], name: str) -> tuple[Provider, ThingT]:
    claims = _claims(reports())
    match claims.get((kind, name), []):
        case [(provider, thing)] if isinstance(thing, contract):
            return provider, thing
        case []:
            broken = [f"plugin {r.provider.distribution!r} {problem}" for r in reports() for problem in r.problems]
            raise LoopbenchError("; ".join(filter(None, (unknown(kind, name, names(kind)), some(broken, "; ")))))
        case _:
            raise LoopbenchError(_clash(kind, name, claims))


def _claims(found: Iterable[PluginReport]) -> Claims:
    """Who provides what under each name."""
    claims: Claims = defaultdict(list)
    for report in found:
        for kind, thing in report.provides:
            claims[kind, thing.name].append((report.provider, thing))
    return claims


def _clash(kind: Kind, name: str, claims: Claims) -> str:
    claimants = " and ".join(f"{p.distribution} {p.version}" for p, _ in claims[kind, name])
    return f"{kind} {name!r} is provided by {claimants}; leave one of them out with {ALLOW_LIST}"


def _package(entry_point: str) -> str:
    """The package that the module of an entry point is in, or is; a module by itself."""
    module = sys.modules.get(name := entry_point.partition(":")[0])
    return (module and module.__package__) or name


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
