"""What came of running a submission again: `verification.json` in its folder."""

from typing import Literal

from pydantic import Field

from loopbench.evaluation.environment import Environment
from loopbench.evaluation.protocol import Iterations, Seed, Stored
from loopbench.evaluation.record import Count, Name, Sha256, Text

Counts = list[Count]


class Reproduced(Stored):
    n: Count = Field(description="examples of the split that were run again")
    iterations: list[Iterations] = Field(max_length=16, description="the scored iterations")
    reported: Counts = Field(max_length=16, description="how many of them the record says are right, at each")
    found: Counts = Field(max_length=16, description="how many of them were found to be right")
    agrees: bool = Field(description="whether the difference is what a change of device explains")


class Fresh(Stored):
    n: Count = Field(description="examples that nobody had seen before")
    correct: Counts = Field(max_length=16, description="how many of them are right, at each scored iteration")
    p_value: float = Field(ge=0, le=1, description="of Fisher's one-sided test of public against fresh")
    agrees: bool = Field(description="whether the public split is not significantly better")


class Untrained(Stored):
    n: Count = Field(description="examples that the architecture was run on with new weights")
    correct: Counts = Field(max_length=16, description="how many of them are right, at each scored iteration")
    agrees: bool = Field(description="whether that is no more than chance")


class VerifiedSplit(Stored):
    reproduced: Reproduced
    fresh: Fresh | None = Field(description="none where the task is no procedure")
    untrained: Untrained


class Verification(Stored):
    schema_version: Literal[1] = Field(1, description="version of this format")
    created: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", description="when this was written, UTC")
    seed: Seed = Field(description="of the samples and the fresh splits")
    commit: str | None = Field(pattern=r"^[0-9a-f]{40}$", description="the merge commit that the seed comes from")
    share: float = Field(gt=0, le=1, description="of each split that was run again")
    evidence: Sha256 = Field(description="of the records and weights that this speaks of")
    splits: dict[Name, VerifiedSplit] = Field(max_length=64)
    verdict: Literal["verified", "mismatch", "refused"]
    reasons: list[Text] = Field(max_length=64, description="why it is not verified")
    environment: Environment = Field(description="on what machine and installation")
