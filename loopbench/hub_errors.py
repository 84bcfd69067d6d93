"""One line for whatever the Hub's client raises."""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager

from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,  # pyright: ignore[reportPrivateImportUsage]: httpx's in the client's version 1, httpx2's in version 2
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from loopbench.errors import LoopbenchError
from loopbench.validation import printable

LOGIN = "--token or `hf auth login`"


@contextmanager
def hub_errors(what: str, name: str = "such file") -> Generator[None]:
    """Raise a `LoopbenchError` in place of what the client raises.

    Args:
        what: the repository, the beginning of the message.
        name: the file that is asked for, if it is one.
    """
    with _quiet_client():
        try:
            yield
        except LoopbenchError:
            raise
        except LocalEntryNotFoundError as error:
            cause = error.__cause__
            reason = explain(cause) if isinstance(cause, Exception) else "the Hub is out of reach"
            raise LoopbenchError(f"{what}: {reason}, and {name} is not in the local cache") from error
        except EntryNotFoundError as error:
            raise LoopbenchError(f"{what}: the repository has no {name}") from error
        except Exception as error:  # of the client, its HTTP library or its transfer library
            raise LoopbenchError(f"{what}: {explain(error)}") from error


def explain(error: Exception) -> str:
    """What an exception of the client means to its user."""
    text = printable(str(error)) or type(error).__name__
    if "Bearer" in text or isinstance(error, UnicodeError):  # what cannot be sent is quoted
        return f"the token has characters that no token has; give another: {LOGIN}"
    match error:
        case OfflineModeIsEnabled():
            return "HF_HUB_OFFLINE is set"
        case GatedRepoError():
            return f"access must be asked for at its page; then give {LOGIN}"
        case RepositoryNotFoundError():
            return f"no such repository; a private one needs {LOGIN}"
        case RevisionNotFoundError():
            return "the repository has no such revision"
        case FileMetadataError():
            return "what answers is not the Hub: a login page of the network, or a wrong HF_ENDPOINT?"
        case HfHubHTTPError():
            return _explain_status(error)
        case HTTPError():
            return f"the Hub is out of reach ({text})"
        case OSError(errno=int(), strerror=str(reason)):
            return reason
        case _:
            return text


def _explain_status(error: HfHubHTTPError) -> str:
    status, headers = error.response.status_code, error.response.headers
    reason = printable(headers.get("X-Error-Message") or error.server_message or "", 100)
    if status == 401:
        return f"the Hub wants another token: {LOGIN}"
    if status == 403:
        return f"the token does not allow this{f' ({reason})' if reason else ''}; give another: {LOGIN}"
    if status == 429:
        seconds = printable(headers.get("Retry-After", ""), 20)
        return f"the Hub limits requests (429); try again {f'in {seconds} s' if seconds else 'later'}"
    if status >= 500:
        return f"the Hub fails ({status}); try again later"
    return f"the Hub refuses ({status}{f': {reason}' if reason else ''})"


@contextmanager
def _quiet_client() -> Generator[None]:
    """Leave out the client's warnings of every retry, since what comes of them is the one line; but let it say how long
    it waits where the Hub told it to."""
    handlers = logging.getLogger("huggingface_hub").handlers
    for handler in handlers:
        handler.addFilter(_matters)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that the disk may not do: if so, that is the one line
            yield
    finally:
        for handler in handlers:
            handler.removeFilter(_matters)


def _matters(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR or record.getMessage().startswith("Rate limited")
