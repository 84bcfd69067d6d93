"""Files from the Hub, at a pinned commit, and one line for whatever its client raises."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import hf_hub_download  # pyright: ignore[reportUnknownVariableType]: a bare dict in it
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from loopbench.errors import LoopbenchError
from loopbench.files import file_sha256
from loopbench.validation import printable


def download_dataset_file(repo: str, revision: str, name: str, sha256: str) -> Path:
    """A file of a data set in the Hub client's cache, checked by its hash (the client checks the size alone).

    Args:
        revision: a full commit.

    Raises:
        LoopbenchError: it is out of reach, or not the file that was pinned.
    """
    what = f"data set {repo}@{revision[:12]}"
    with hub_errors(what, name):
        path = Path(hf_hub_download(repo, name, revision=revision, repo_type="dataset"))
    if (actual := file_sha256(path)) != sha256:
        raise LoopbenchError(f"{what}: {name} has sha256 {actual}, not {sha256}; delete {path} to fetch it again")
    return path


@contextmanager
def hub_errors(what: str, name: str) -> Generator[None]:
    """One line for whatever the Hub's client raises.

    Args:
        what: the repository, the beginning of the message.
        name: the file that is asked for.
    """
    client = logging.getLogger("huggingface_hub")
    level = client.level
    client.setLevel(logging.ERROR)  # its warnings are of every retry; what comes of them is the one line
    try:
        yield
    except GatedRepoError as error:
        raise LoopbenchError(f"{what}: access must be asked for at its page, then `hf auth login`") from error
    except RepositoryNotFoundError as error:
        raise LoopbenchError(f"{what}: no such repository; a private one needs `hf auth login`") from error
    except RevisionNotFoundError as error:
        raise LoopbenchError(f"{what}: the repository has no such revision") from error
    except LocalEntryNotFoundError as error:
        raise LoopbenchError(
            f"{what}: the Hub is out of reach (or HF_HUB_OFFLINE is set), and {name} is not in the local cache"
        ) from error
    except EntryNotFoundError as error:
        raise LoopbenchError(f"{what}: the repository has no {name}") from error
    except Exception as error:  # of the client, its HTTP library (which changed with 2.0) or its transfer library
        raise LoopbenchError(f"{what}: cannot fetch {name}: {printable(str(error))}") from error
    finally:
        client.setLevel(level)
