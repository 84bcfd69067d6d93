"""How a check is run, and what it says when a contract is broken."""

from collections.abc import Callable
from typing import NoReturn, Protocol, TypeVar

from loopbench.validation import printable


class Subject(Protocol):
    """What is checked; `where` is the part of it that is being looked at."""

    where: str


SubjectT = TypeVar("SubjectT", bound=Subject)
Check = Callable[[SubjectT], None]
"""A contract: the first line of its docstring says it, and it raises AssertionError where the subject breaks it."""


class Broken(AssertionError):
    """What a check found."""


def broken(found: str) -> NoReturn:
    """Say what was found in place of what the contract asks for."""
    raise Broken(found)


def hold(check: Check[SubjectT], subject: SubjectT) -> None:
    """Run one check.

    Raises:
        AssertionError: the contract is broken, or the plugin's code raised; the message says where it was, what the
            contract is and what was found.
    """
    __tracebackhide__ = True  # pytest shows the message, not the kit
    try:
        check(subject)
    except Broken as found:
        raise AssertionError(_message(check, subject, str(found))) from None
    except Exception as error:
        raise AssertionError(
            _message(check, subject, f"{type(error).__name__}: {printable(str(error), 500)}")
        ) from error


def contract(check: Check[SubjectT]) -> str:
    """The contract in one line."""
    return (check.__doc__ or "").partition("\n")[0]


def _message(check: Check[SubjectT], subject: Subject, found: str) -> str:
    return f"\n  where:    {subject.where}\n  contract: {contract(check)}\n  found:    {found}"
