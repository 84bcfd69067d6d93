"""What verifying an entry found: `verification.json`, written by `loopbench leaderboard verify` beside the records."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from loopbench.evaluation.environment import Environment
from loopbench.evaluation.protocol import Iterations, Moment, Seed, Stored
from loopbench.evaluation.record import Count, Name, Record, Sha256
from loopbench.files import canonical_json, sha256, write_json
from loopbench.validation import read_json, validate

FILE = "verification.json"
MAX_BYTES = 256 * 1024

Counts = Annotated[list[Count], Field(min_length=1, max_length=16)]
Examples = Annotated[int, Field(ge=1, le=10_000_000)]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]


class Reproduced(Stored):
    """The model run again on a sample of the split."""

    n: Examples = Field(description="examples in the sample")
    iterations: Annotated[list[Iterations], Field(min_length=1, max_length=16)] = Field(
        description="the scored iterations, ascending; every list of counts goes along it"
    )
    reported: Counts = Field(description="how many of the sample are right by the record")
    found: Counts = Field(description="how many are right now")
    flips: Counts = Field(description="how many are right by one of them and wrong by the other")
    agrees: bool = Field(description="whether a change of device explains the flips")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _expect_counts(self.n, len(self.iterations), self.reported, self.found, self.flips)
        if self.iterations != sorted(set(self.iterations)):
            raise ValueError("iterations must ascend")
        return self


class Fresh(Stored):
    """The model run on new examples of the split's difficulty."""

    n: Examples = Field(description="examples drawn")
    correct: Counts = Field(description="how many are right at the scored iterations")
    p_value: float = Field(
        ge=0, le=1, description="of the hypothesis that the split is no easier for the model than fresh examples"
    )
    agrees: bool = Field(description="whether that may be, with Holm's correction over the splits")


class Untrained(Stored):
    """The same architecture with weights that were never trained, on the sample of the split."""

    n: Examples = Field(description="examples in the sample")
    correct: Counts = Field(description="how many are right at the scored iterations")
    chance: float = Field(ge=0, le=1, description="the most that an answer which ignores its input may solve, a rate")
    agrees: bool = Field(description="whether it is right no more often than by chance")


class VerifiedSplit(Stored):
    reproduced: Reproduced
    fresh: Fresh | None = Field(description="none where the task cannot draw new examples")
    untrained: Untrained

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for part in filter(None, (self.fresh, self.untrained)):
            _expect_counts(part.n, len(self.reproduced.iterations), part.correct)
        return self


class Verification(Stored):
    schema_version: Literal[1] = Field(description="version of this format and of the rules behind it")
    created: Moment = Field(description="when, UTC")
    seed: Seed = Field(description="of the samples, the fresh examples and the untrained weights")
    commit: str | None = Field(
        pattern=r"^[0-9a-f]{40}$", description="the commit that the seed was derived from; none if it was given"
    )
    share: float = Field(gt=0, le=1, description="of a split's examples that were run again")
    evidence: Sha256 = Field(description="of the records, the weights and the plugin that this speaks of")
    splits: dict[Name, VerifiedSplit] = Field(max_length=64, description="by name; none if the model did not run")
    verdict: Literal["verified", "mismatch", "refused"] = Field(
        description="mismatch: reproduced or fresh disagree with what was reported; refused: not a result at all"
    )
    reasons: list[Reason] = Field(max_length=256, description="what is wrong, a line each")
    environment: Environment = Field(description="on what machine and installation")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        verified = self.verdict == "verified"
        if verified == bool(self.reasons):
            raise ValueError("there are reasons if and only if the verdict is not verified")
        parts = [part for s in self.splits.values() for part in (s.reproduced, s.fresh, s.untrained) if part]
        if verified and not (parts and all(part.agrees for part in parts)):
            raise ValueError("verified, although not everything agrees")
        return self


def evidence(weights_sha256: str, plugin_sha256: str | None, records: Iterable[Record]) -> str:
    """The SHA-256 over all that a verification speaks of, so that it is never shown beside anything else.

    Args:
        plugin_sha256: of the entry's wheel, if it has one.
        records: of the scored splits, in any order, as they were read.
    """
    by_cell = {record.cell: record.model_dump(mode="json") for record in records}
    return sha256(canonical_json({"weights": weights_sha256, "plugin": plugin_sha256, "records": by_cell}))


def find_verification(folder: Path, evidence: str) -> Verification | None:
    """The verification in an entry's folder; `None` if there is none, or if it is of other records.

    Raises:
        LoopbenchError: it cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return None
    verification = validate(Verification, read_json(path, MAX_BYTES), str(path))
    return verification if verification.evidence == evidence else None


def save_verification(folder: Path, verification: Verification) -> None:
    """Write a verification into an entry's folder, whole.

    Raises:
        LoopbenchError: it cannot be written.
    """
    write_json(folder / FILE, verification.model_dump(mode="json"))


def _expect_counts(n: int, length: int, *lists: list[int]) -> None:
    if any(len(counts) != length or max(counts) > n for counts in lists):
        raise ValueError(f"counts must be {length} numbers of at most {n}")
