"""A recipe: everything that decides the weights a run ends with."""

import re
from pathlib import Path
from typing import Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from loopbench.errors import LoopbenchError
from loopbench.plugins import unknown
from loopbench.references import HubReference, parse_reference
from loopbench.validation import dump_yaml, parse_yaml, printable, read_yaml, validate

SHIPPED = Path(__file__).parents[1] / "recipes"
MAX_RECIPE_BYTES = 64 * 1024


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ObjectiveChoice(_Section):
    """How a training step drives the loop."""

    name: str = Field(description="an objective: `progressive`, `every-iteration`, or a plugin's")
    options: dict[str, Any] = Field(default_factory=dict, description="its settings")


class OptimizerChoice(_Section):
    """A timm optimizer. Norm gains and biases have no weight decay."""

    name: str = Field("adamw", description="one of timm.optim that can go on from a checkpoint, as nearly all can")
    lr: float = Field(gt=0, le=10, description="peak learning rate")
    weight_decay: float = Field(0.01, ge=0, le=10)
    betas: tuple[float, float] | None = Field(None, description="default: the optimizer's own")


class ScheduleChoice(_Section):
    """The learning rate over the steps."""

    name: Literal["constant", "cosine", "paper"] = Field(
        "cosine",
        description="`cosine` is timm's; `paper` is arXiv 2604.15259's over `epochs` equal parts",
    )
    warmup_steps: int = Field(0, ge=0, description="linear warm-up of `cosine` and `constant`")
    final: float = Field(0.0, ge=0, le=1, description="`cosine` ends at this share of the peak")
    epochs: int = Field(100, ge=1, description="`paper`: the number of epochs that the steps are divided into")


class ProbeChoice(_Section):
    """A look at dev splits while training; it goes into the log and changes nothing."""

    splits: tuple[str, ...] = Field(min_length=1, description="dev splits of the task")
    every: int = Field(ge=1, description="steps between two looks")
    examples: int = Field(64, ge=1, description="the first so many of each split")
    iterations: int = Field(128, ge=1, le=100_000, description="where the accuracy is read")


class Recipe(_Section):
    """What to train, on what, and how."""

    task: str
    data: dict[str, Any] = Field(default_factory=dict, description="the training data's settings")
    architecture: str
    config: dict[str, Any] = Field(default_factory=dict, description="the architecture's settings")
    init: str | None = Field(
        None,
        description="a model built alike, as for --model, whose weights the training begins with",
    )
    freeze: tuple[str, ...] = Field(
        (), description="parameters that stay as they are initialized: names, * for any part"
    )
    objective: ObjectiveChoice
    steps: int | None = Field(None, ge=1, le=100_000_000)
    budget_minutes: float | None = Field(
        None, gt=0, description="in place of `steps`: as many as fit, measured once at the start and then written here"
    )
    batch_size: int = Field(ge=1, le=1_000_000, description="examples per step, over all processes")
    optimizer: OptimizerChoice
    schedule: ScheduleChoice = Field(default_factory=lambda: ScheduleChoice.model_validate({}))
    clip: float | None = Field(1.0, gt=0, description="largest norm of the gradient; null: any")
    ema: float | None = Field(None, gt=0, lt=1, description="decay of an average of the weights, which is then saved")
    precision: Literal["float32", "tf32", "bf16-autocast"] = "float32"
    compile: bool = Field(True, description="torch.compile the step (falls back where there is no compiler)")
    seed: int = Field(0, ge=0, lt=2**32)
    checkpoint_every: int = Field(100, ge=1, description="steps between two checkpoints")
    probe: ProbeChoice | None = None

    @field_validator("init")
    @classmethod
    def _is_fixed(cls, init: str | None) -> str | None:
        try:
            reference = None if init is None else parse_reference(init)
        except LoopbenchError as error:
            raise ValueError(str(error)) from error
        if isinstance(reference, HubReference) and not re.fullmatch("[0-9a-f]{40}", reference.revision or ""):
            raise ValueError(f"{reference} can change: write hub:{reference.repo}@COMMIT, a commit with its 40 digits")
        return init

    @model_validator(mode="after")
    def _length(self) -> Self:
        if (self.steps is None) == (self.budget_minutes is None):
            raise ValueError("give either steps or budget_minutes")
        return self


def find_recipe(name: str) -> Path:
    """The file of a shipped recipe, or a path: what has a slash or ends in .yaml or .yml.

    Raises:
        LoopbenchError: no such recipe is shipped; the message names those that are.
    """
    path = Path(name)
    if "/" in name or path.suffix in (".yaml", ".yml"):
        return path
    shipped = {path.stem: path for path in shipped_recipes()}
    if name not in shipped:
        raise LoopbenchError(f"{unknown('recipe', name, shipped)}; a file is written ./{printable(name)}")
    return shipped[name]


def shipped_recipes() -> list[Path]:
    """The files of the recipes that come with loopbench, by name."""
    return sorted(SHIPPED.glob("*.yaml"), key=lambda path: path.stem)


def load_recipe(path: Path, changes: list[str], seed: int | None = None) -> Recipe:
    """Read a recipe and apply `key=value` changes to it; `optimizer.lr=3e-4` reaches into a section.

    Setting `budget_minutes` takes the place of the recipe's `steps`, and the reverse.

    Raises:
        LoopbenchError: a file that is no recipe, an unknown key, or a value that does not fit.
    """
    values = read_yaml(path, MAX_RECIPE_BYTES)
    if not isinstance(values, dict):
        raise LoopbenchError(f"{path} is not a recipe: it must be a mapping with task, architecture, objective …")
    values = cast(dict[str, Any], values)
    for change in changes:
        key, sign, text = change.partition("=")
        if not sign or not key:
            raise LoopbenchError(f"--set takes key=value, for example optimizer.lr=3e-4, not {change!r}")
        assign(values, key, parse_yaml(text.encode(errors="surrogateescape"), f"--set {key}={printable(text)}"))
    if seed is not None:
        values["seed"] = seed
    changed = f" with --set {' '.join(map(printable, changes))}" if changes else ""
    return validate(Recipe, values, f"recipe {path.name if path.parent == SHIPPED else path}{changed}")


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML that `load_recipe` reads back to an equal recipe."""
    return dump_yaml(recipe.model_dump(mode="json"))


def assign(values: dict[str, Any], key: str, value: Any) -> None:
    """Change a recipe's values in place; the key `optimizer.lr` reaches into a section, which is made if need be.

    Raises:
        LoopbenchError: what should be a section is a value.
    """
    *sections, last = key.split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise LoopbenchError(f"{key}: {section} is a value, not a section")
        values = cast(dict[str, Any], inner)
    values[last] = value
    for one, other in (("steps", "budget_minutes"), ("budget_minutes", "steps")):
        if key == one:
            values.pop(other, None)
