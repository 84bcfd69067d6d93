"""What an evaluation is asked to do, and what it does: the record stores it, the cell hashes it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from loopbench.contracts import Examples, LoopedModel, Split, Task
from loopbench.devices import Precision
from loopbench.errors import LoopbenchError

MAX_ITERATIONS = 1_000_000
MAX_BATCH = 65_536
DEPTH_MULTIPLIERS = (1, 2, 4, 8)

Iterations = Annotated[int, Field(ge=1, le=MAX_ITERATIONS)]
BatchSize = Annotated[int, Field(ge=1, le=MAX_BATCH)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
AnyPath = Annotated[Path, Field(strict=False)]


def _moment(text: str) -> str:
    if datetime.strptime(text, MOMENT).strftime(MOMENT) != text:
        raise ValueError("must have two digits for each part")
    return text


MOMENT = "%Y-%m-%dT%H:%M:%SZ"
Moment = Annotated[str, AfterValidator(_moment)]
"""When something was, in UTC."""


class Stored(BaseModel):
    """Part of a record: nothing unknown, nothing converted, nothing infinite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Settings(BaseModel):
    """What is asked for, by the names that `evaluate` explains; `None` stands for what the split or the task says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: AnyPath | None = None
    skip_bad: bool = False
    iterations: Iterations | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    output: AnyPath | None = None
    exact: bool = False
    device: str = "auto"
    precision: Precision = "float32"
    batch_size: BatchSize | None = None
    seed: Seed = 0
    compiled: bool = False


class Protocol(Stored):
    iterations: Iterations = Field(description="T: how often the shared update is applied")
    precision: Precision = Field(description="what matrix products are computed in")
    batch_size: BatchSize = Field(description="examples iterated together; can change the last bits")
    retirement: bool = Field(description="whether an example leaves its batch when its state has settled")
    seed: Seed = Field(description="of the order in which examples are visited, and of random starts")


def make_protocol(model: LoopedModel, task: Task, split: Split, examples: Examples, settings: Settings) -> Protocol:
    """The protocol of a cell, with the defaults filled in.

    T is by default the last scored iteration, 8 D / layers per step, or the model's own limit if that is less. With
    tf32 and bf16 nothing retires: their rounding moves a state by up to 1 % of its norm in every step, so one that has
    settled looks like one that drifts.

    Raises:
        LoopbenchError: more iterations than the model has.
    """
    limit = model.max_iterations or MAX_ITERATIONS
    iterations = settings.iterations or min(scored_iterations(split, model.layers_per_step)[-1], limit)
    if iterations > limit:
        raise LoopbenchError(f"iterations must be {'1' if limit == 1 else f'at most {limit}'}, not {iterations}")
    return Protocol(
        iterations=iterations,
        precision=settings.precision,
        batch_size=settings.batch_size or min(MAX_BATCH, max(1, task.batch_cells // examples.inputs[0].numel())),
        retirement=not settings.exact and settings.precision in ("float64", "float32"),
        seed=settings.seed,
    )


def scored_iterations(split: Split, layers_per_step: int) -> tuple[int, ...]:
    """The iterations that reach the effective depths D, 2D, 4D and 8D of a split."""
    return tuple(iterations_to_depth(split.depth * multiplier, layers_per_step) for multiplier in DEPTH_MULTIPLIERS)


def iterations_to_depth(depth: int, layers_per_step: int) -> int:
    """The fewest iterations that execute `depth` layers."""
    return -(-depth // layers_per_step)
