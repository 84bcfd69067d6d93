"""A submission: a folder with `submission.yaml`, whole records, and nothing that does not belong to them.

What is read here comes from strangers. Nothing of it is run, and what cannot be trusted is not read.
"""

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, Self

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from loopbench.errors import LoopbenchError
from loopbench.evaluation.protocol import Stored
from loopbench.evaluation.record import Record, Sha256
from loopbench.evaluation.store import DIGEST, read_record
from loopbench.leaderboard.verification import FILE as VERIFICATION
from loopbench.leaderboard.verification import Verification, evidence, find_verification
from loopbench.validation import Line, Name, one_line, printable, read_yaml, some, validate, visible

SUBMISSION = "submission.yaml"
MAX_SUBMISSION_BYTES = 64 * 1024
MAX_ENTRY_BYTES = 16 * 2**20
MAX_ENTRY_FILES = 200
MAX_ENTRY_EXAMPLES = 1_000_000  # in all records: of verdicts that are all alike, 16 MiB unpack to many gigabytes
PLAIN = r"[\w.+!-]+"  # of a file's name


def _address(text: str) -> str:
    if not re.fullmatch(r"https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:\d{1,5})?(/[\w.~/?#&=%+,:@!-]*)?", one_line(text)):
        raise ValueError("must be an https address")
    return text


def _reference(text: str) -> str:
    if not re.fullmatch(REFERENCE, text, re.ASCII):
        raise ValueError("must be hub:org/name@COMMIT, with all 40 digits of the commit, or a registry name")
    return text


Prose = Annotated[str, StringConstraints(max_length=4000), AfterValidator(visible)]
Link = Annotated[str, StringConstraints(max_length=500), AfterValidator(_address)]
Track = Literal["closed", "open"]
REFERENCE = r"hub:\w[\w.-]*/\w[\w.-]*@[0-9a-f]{40}|[a-z0-9]+(-[a-z0-9]+)*"
"""A repository at a full commit, or a registry name: neither can change what it stands for."""


class SubmittedModel(Stored):
    ref: Annotated[str, AfterValidator(_reference)] = Field(
        max_length=200, description="hub:org/name@COMMIT or a registry name"
    )
    weights_sha256: Sha256 = Field(description="of model.safetensors")
    time_dependent: bool = Field(False, description="whether the update depends on t: such models are ranked apart")


class PluginWheel(Stored):
    distribution: Line = Field(description="name of the distribution that provides the architecture")
    version: Line = Field(description="its version, as in the records")
    wheel: Line = Field(description="name of the wheel, which lies in the same folder")
    sha256: Sha256 = Field(description="of the wheel")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            name, version, _, tags = parse_wheel_filename(self.wheel)
            same = (name, version) == (canonicalize_name(self.distribution), Version(self.version))
        except (InvalidWheelFilename, InvalidVersion) as error:
            raise ValueError(printable(str(error))) from error
        if not same or not re.fullmatch(PLAIN, self.wheel, re.ASCII):
            raise ValueError(f"{self.wheel} is not a wheel of {self.distribution} {self.version}")
        if {(tag.abi, tag.platform) for tag in tags} != {("none", "any")}:
            raise ValueError(f"{self.wheel} is not pure Python: its name must end in -none-any.whl")
        return self


class Training(Stored):
    data: Prose = Field(min_length=1, description="everything that decided the weights: data sets, generators, filters")
    recipe: Prose = Field(min_length=1, description="how it was trained: a recipe's name or address, and the budget")


class Submission(Stored):
    """What submission.yaml says."""

    schema_version: Literal[1] = Field(1, description="version of this format")
    name: Name = Field(description="of the entry: the name of its folder")
    model: SubmittedModel = Field(description="what was evaluated")
    plugin: PluginWheel | None = Field(None, description="the package of its architecture, unless that is bundled")
    authors: list[Line] = Field(min_length=1, max_length=50, description="who made it")
    links: list[Link] = Field([], max_length=10, description="https addresses: a paper, code")
    track: Track = Field(description="closed: trained within the benchmark's limit")
    training: Training = Field(description="on what, and how")
    runs_tried: int = Field(ge=1, le=1_000_000, description="training runs among which this one was chosen")
    description: Prose = Field("", description="whatever else a reader should know")


@dataclass(frozen=True)
class Entry:
    """A submission that could be read.

    Attributes:
        records: by the name of their split: whole, complete, of one task and one model, the submission's.
        verification: what came of running just this again, if that was done.
    """

    folder: Path
    submission: Submission
    records: Mapping[str, Record]
    verification: Verification | None

    @property
    def name(self) -> str:
        """The submission's, which is its folder's."""
        return self.submission.name

    @property
    def record(self) -> Record:
        """Any of the records: what they say of the model and of the task is the same in all."""
        return next(iter(self.records.values()))

    @property
    def evidence(self) -> str:
        """What a verification of this entry speaks of."""
        plugin = self.submission.plugin
        return evidence(self.submission.model.weights_sha256, plugin and plugin.sha256, self.records.values())


def read_entries(folder: Path) -> list[Entry]:
    """The entries in the folders of a folder, by name.

    Raises:
        LoopbenchError: one of them cannot be read.
    """
    return [read_entry(path) for path in entry_folders(folder)]


def entry_folders(folder: Path) -> list[Path]:
    """The folders in a folder, by name.

    Raises:
        LoopbenchError: there is no such folder, or it has something else than folders.
    """
    paths = _listed(folder)
    if other := [path.name for path in paths if path.is_symlink() or not path.is_dir()]:
        raise LoopbenchError(f"{folder} has {some(other)}, and should have nothing but folders of submissions")
    return paths


def read_entry(folder: Path) -> Entry:
    """The entry in a folder, trusting nothing; whether it is official and honest is `check`'s to say.

    Raises:
        LoopbenchError: the folder has anything else than one submission and its records, more than 16 MiB of it, or
            more than a million examples.
    """
    paths = {path.name: path for path in _listed(folder)}
    if odd := [name for name in (folder.name, *paths) if not re.fullmatch(PLAIN, name, re.ASCII)]:
        raise LoopbenchError(f"{printable(str(folder))}: names of letters, digits and .+!_- alone, not {some(odd)}")
    size = 0
    for path in paths.values():
        status = path.lstat()  # a link is not followed
        if not stat.S_ISREG(status.st_mode):
            raise LoopbenchError(f"{path} is not a regular file")
        size += status.st_size
    if size > MAX_ENTRY_BYTES or len(paths) > MAX_ENTRY_FILES:
        raise LoopbenchError(
            f"{folder} has {size:,} bytes in {len(paths)} files; "
            f"a submission has at most {MAX_ENTRY_BYTES:,} bytes and {MAX_ENTRY_FILES} files"
        )
    submission = validate(Submission, read_yaml(folder / SUBMISSION, MAX_SUBMISSION_BYTES), str(folder / SUBMISSION))
    if submission.name != folder.name:
        raise LoopbenchError(f"{folder / SUBMISSION}: the name is {submission.name}, but the folder's is {folder.name}")
    records = _read_records(folder, paths, submission)
    wheel = {submission.plugin.wheel} if submission.plugin else set[str]()
    verdicts = {record.per_example.file for record in records.values() if record.per_example}
    belonging = {SUBMISSION, VERIFICATION, *wheel, *verdicts, *(record.file_name for record in records.values())}
    if other := [name for name in paths if name not in belonging]:
        raise LoopbenchError(f"{folder} has {some(other)}, which does not belong to its submission")
    if missing := [name for name in wheel if name not in paths]:
        raise LoopbenchError(f"{folder} lacks {missing[0]}, which its submission names")
    entry = Entry(folder, submission, records, None)
    return replace(entry, verification=find_verification(folder, entry.evidence))


def _read_records(folder: Path, paths: Mapping[str, Path], submission: Submission) -> dict[str, Record]:
    """By the name of their split, from easy to hard."""
    found: list[Record] = []
    for path in (path for name, path in paths.items() if re.search(rf"\.{DIGEST}\.json$", name)):
        found.append(read_record(path))
        if (count := sum(record.examples.count for record in found)) > MAX_ENTRY_EXAMPLES:
            raise LoopbenchError(
                f"{folder} has records of {count:,} examples; a submission has at most {MAX_ENTRY_EXAMPLES:,}"
            )
    if not found:
        raise LoopbenchError(f"{folder} has no records")
    by_split: dict[str, Record] = {}
    for record in sorted(found, key=lambda record: (record.split.difficulty, record.split.name)):
        path = folder / record.file_name
        if record.file_name not in paths:
            raise LoopbenchError(f"{folder} has a record that must be named {record.file_name}")
        if record.status != "complete" or record.partial:
            raise LoopbenchError(f"{path} is {'partial' if record.partial else 'not complete'}: whole records count")
        if record.model.weights_sha256 != submission.model.weights_sha256:
            raise LoopbenchError(f"{path}: it is of other weights than {SUBMISSION}'s")
        if (record.task, _identity(record)) != (found[0].task, _identity(found[0])):
            raise LoopbenchError(f"{folder}: the records are not all of one task and one model")
        if record.split.name in by_split:
            raise LoopbenchError(f"{folder} has two records of {record.split.name}")
        by_split[record.split.name] = record
    return by_split


def _identity(record: Record) -> object:
    """What must be the same in all records of a model, whatever it was called and wherever it was run."""
    return record.model.model_copy(update={"ref": "", "repo": None, "revision": None})


def _listed(folder: Path) -> list[Path]:
    try:
        if folder.is_symlink() or not folder.is_dir():
            raise LoopbenchError(f"{folder} is not a folder")
        return sorted(folder.iterdir())
    except OSError as error:
        raise LoopbenchError(f"cannot read {folder}: {error.strerror or error}") from error
