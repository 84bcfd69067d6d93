"""Loading one plugin, whatever is wrong with it."""

import os
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import pluggy
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from loopbench import hookspecs
from loopbench.contracts import Architecture, Metric, Objective, Provider, Split, Task
from loopbench.errors import TRACEBACK, LoopbenchError
from loopbench.validation import Name, printable, validate

Kind = Literal["architecture", "task", "objective"]
Thing = Architecture | Task | Objective
KINDS: dict[Kind, type[Thing]] = {"architecture": Architecture, "task": Task, "objective": Objective}


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


def load(entry_point: EntryPoint, report: PluginReport) -> None:
    """Import a plugin and collect what its hooks return, or what went wrong, in its report.

    What it prints goes to stderr: stdout is the command's own.
    """
    with redirect_stdout(sys.stderr):
        _load(entry_point, report)


def _load(entry_point: EntryPoint, report: PluginReport) -> None:
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
            caller: pluggy.HookCaller = getattr(manager.hook, hook)
            results = caller()
            if len(results) < len(caller.get_hookimpls()):  # pluggy leaves None out
                raise LoopbenchError(f"it returned None instead of its {kind}s")
            for things in results:
                for thing in things:
                    with _reporting(report, f"provides a broken {kind}"):
                        _check(thing, KINDS[kind])
                        report.provides.append((kind, thing))


@contextmanager
def _reporting(report: PluginReport, what: str) -> Generator[None]:
    """Whatever a plugin raises becomes a problem in its report; SystemExit too, since it must not end the command.

    Its author sets LOOPBENCH_TRACEBACK=1 to see where it was raised.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except (LoopbenchError, pluggy.PluginValidationError) as error:
        report.problems.append(printable(f"{what}: {error}", 500))
    except BaseException as error:
        if os.environ.get(TRACEBACK):
            traceback.print_exception(error)
        report.problems.append(printable(f"{what}: {''.join(traceback.format_exception_only(error))}", 500))


def _check(thing: object, contract: type[Thing]) -> None:
    """Raise LoopbenchError unless `thing` is a `contract` and each of its attributes has the declared type."""
    if not isinstance(thing, contract):
        raise LoopbenchError(f"{thing!r} is not an instance of loopbench.contracts.{contract.__name__}")
    validate(_attributes(contract), thing, repr(thing.name))


@cache
def _attributes(contract: type[Thing | Split | Metric]) -> type[BaseModel]:
    """A pydantic model of a contract's attributes, read from their annotations."""
    fields: dict[str, Any] = {
        name: get_args(hint)[0] if get_origin(hint) is ClassVar else hint
        for name, hint in get_type_hints(contract).items()
    }
    fields["name"] = Name
    if contract is Task:
        for parts, part in (("splits", Split), ("metrics", Metric)):
            fields[parts] = Annotated[
                tuple[_attributes(part), ...], Field(min_length=1), AfterValidator(_check_names_differ)
            ]
    return create_model(
        contract.__name__,
        __config__=ConfigDict(from_attributes=True, strict=True, arbitrary_types_allowed=True),
        **fields,
    )


def _check_names_differ(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    names = [part.name for part in parts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"more than one is named {twice[0]!r}")
    return parts
