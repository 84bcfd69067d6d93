"""What an evaluation does, as one value: the command line fills it, the record stores it, the cell hashes it."""

from pydantic import BaseModel, ConfigDict, Field

from loopbench.contracts import LoopedModel, Split, Task
from loopbench.devices import Precision
from loopbench.errors import LoopbenchError

MAX_ITERATIONS = 1_000_000
DEPTH_MULTIPLIERS = (1, 2, 4, 8)


class Stored(BaseModel):
    """Part of a record: nothing unknown, nothing converted, nothing infinite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Protocol(Stored):
    iterations: int = Field(ge=1, le=MAX_ITERATIONS, description="T: how often the shared update is applied")
    precision: Precision = Field(description="what matrix products are computed in")
    batch_size: int = Field(ge=1, le=65_536, description="examples iterated together; can change the last bits")
    retirement: bool = Field(description="whether an example leaves its batch when its state has settled")
    seed: int = Field(ge=0, lt=2**63, description="of the order in which examples are visited, and of random starts")


def make_protocol(
    model: LoopedModel,
    task: Task,
    split: Split,
    *,
    iterations: int | None = None,
    precision: Precision = "float32",
    batch_size: int | None = None,
    exact: bool = False,
    seed: int = 0,
) -> Protocol:
    """The protocol of a cell, with the defaults filled in.

    T is by default the last scored iteration, 8 D / layers per step, or the model's own limit if that is less. With
    tf32 and bf16 nothing retires: their rounding moves a state by up to 1 % of its norm in every step, so one that has
    settled looks like one that drifts.

    Raises:
        LoopbenchError: a number is out of bounds, or more iterations than the model has.
    """
    limit = model.max_iterations or MAX_ITERATIONS
    if iterations is None:
        iterations = min(scored_iterations(split, model.layers_per_step)[-1], limit)
    batch_size = task.batch_size if batch_size is None else batch_size
    for name, value, low, high in (
        ("iterations", iterations, 1, limit),
        ("batch size", batch_size, 1, 65_536),
        ("seed", seed, 0, 2**63 - 1),
    ):
        if not low <= value <= high:
            allowed = f"{low}" if low == high else f"between {low} and {high}"
            raise LoopbenchError(f"{name} must be {allowed}, not {value}")
    return Protocol(
        iterations=iterations,
        precision=precision,
        batch_size=batch_size,
        retirement=not exact and precision in ("float64", "float32"),
        seed=seed,
    )


def scored_iterations(split: Split, layers_per_step: int) -> tuple[int, ...]:
    """The iterations that reach the effective depths D, 2D, 4D and 8D of a split."""
    return tuple(iterations_to_depth(split.depth * multiplier, layers_per_step) for multiplier in DEPTH_MULTIPLIERS)


def iterations_to_depth(depth: int, layers_per_step: int) -> int:
    """The fewest iterations that execute `depth` layers."""
    return -(-depth // layers_per_step)
