"""One commit on the Hub, or a pull request."""

import logging
import re
import warnings
from collections.abc import Generator
from contextlib import contextmanager

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from loopbench.errors import LoopbenchError
from loopbench.hub_errors import hub_errors
from loopbench.publishing.folder import Publication
from loopbench.validation import printable

logger = logging.getLogger(__name__)


def check_target(repo: str, tag: str | None, option: str = "--repo") -> None:
    """Find out early whether a repository and a tag can have these names.

    Args:
        option: that names the repository.

    Raises:
        LoopbenchError: one of them cannot.
    """
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise LoopbenchError(f"{option}: {printable(str(error))}") from error
    if not re.fullmatch(r"[^/]+/[^/]+", repo):
        raise LoopbenchError(f"{option} must be ORG/NAME, not {printable(repo)!r}")
    if tag is not None and not re.fullmatch(r"\w[\w.-]*", tag, re.ASCII):
        raise LoopbenchError(f"--tag must be a name like v1, not {printable(tag)!r}")


def push(
    publication: Publication,
    *,
    private: bool = False,
    tag: str | None = None,
    create_pr: bool = False,
    token: str | None = None,
) -> CommitInfo:
    """Publish a model in one commit; what an earlier push wrote and this one does not is removed.

    Args:
        private: the repository, if it is made now, is not shown to others.
        tag: of the commit.
        create_pr: open a pull request in a repository that is there.
        token: of the Hub; `None`: the client's own.

    Raises:
        LoopbenchError: the Hub cannot be reached or refuses, the tag is taken, or the repository is public although it
            is to be private.
    """
    repo, api = publication.repo, HfApi(token=token, library_name="loopbench")
    with hub_errors(f"hub:{repo}"), _warnings_in_a_line(repo):
        if not create_pr:
            api.create_repo(repo, private=private or None, exist_ok=True)
        if private and not api.model_info(repo).private:
            raise LoopbenchError(f"hub:{repo} is public: --private only decides how a repository is made")
        if tag is not None and (taken := [ref for ref in api.list_repo_refs(repo).tags if ref.name == tag]):
            raise LoopbenchError(f"hub:{repo} has a tag {tag} already, at {taken[0].target_commit}: choose another")
        stale = [path for path in api.list_repo_files(repo) if publication.owns(path) and path not in publication.files]
        commit = api.create_commit(
            repo,
            [
                *(CommitOperationAdd(path, content) for path, content in publication.files.items()),
                *(CommitOperationDelete(path) for path in stale),
            ],
            commit_message=f"loopbench push: {publication.info.architecture} for {publication.info.task}",
            create_pr=create_pr,
        )
        if tag is not None:
            api.create_tag(repo, tag=tag, revision=commit.oid)
    return commit


@contextmanager
def _warnings_in_a_line(repo: str) -> Generator[None]:
    """Log what the client warns of, as what the Hub finds in the card's metadata, without the place in its code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in caught:
        logger.warning(f"hub:{repo}: {printable(str(warning.message))}")
