"""What tasks, architectures and objectives are to each other.

Models never import tasks and tasks never import models: what they share is here.

The public seam, all that a plugin imports of loopbench: this module, the hooks (`hookspecs.py`), `LoopbenchError`
(`errors.py`); for a task its pictures (`picture.py`), what fixed splits have in common (`tasks/splits.py`) and exact
accuracy (`tasks/metrics.py`); for an objective the loop (`loop.py`).
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from loopbench.errors import LoopbenchError
from loopbench.picture import Picture
from loopbench.validation import Line

IGNORED = -100  # the target of a cell that does not count (torch's default ignore_index)


@dataclass(frozen=True)
class TaskShape:
    """All that an architecture may know of a task.

    Attributes:
        vocab_size: number of input symbols per cell.
        num_classes: number of output classes per cell.
        grid: the cells, `None` for any length: `(None,)`, `(9, 9)`, `(8, 8)`.
        features: the input vector of each symbol, `vocab_size` rows of equal length; `None` means one-hot.
    """

    vocab_size: int
    num_classes: int
    grid: tuple[int | None, ...]
    features: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True)
class Examples:
    """A batch of problems with their answers.

    Attributes:
        inputs: `(B, *grid)` int64 symbols.
        targets: `(B, *grid)` int64 classes, `IGNORED` where a cell does not count.
        ids: B names, unique within a split.
        extra: what a metric or a renderer needs, one JSON value an example under each key.
    """

    inputs: Tensor
    targets: Tensor
    ids: tuple[str, ...]
    extra: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: Sequence[int]) -> "Examples":
        """The examples at `rows`, in that order."""
        index = torch.as_tensor(rows, dtype=torch.int64, device=self.inputs.device)
        return Examples(
            inputs=self.inputs[index],
            targets=self.targets[index],
            ids=tuple(self.ids[row] for row in rows),
            extra={key: [values[row] for row in rows] for key, values in self.extra.items()},
        )

    def to(self, device: torch.device) -> "Examples":
        """The same examples with their tensors on `device`."""
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device))


class Provider(BaseModel):
    """The installed distribution that something comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    distribution: Line
    version: Line


class ModelInfo(BaseModel):
    """Where a loaded model comes from and what it is: the identity that a record stores."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ref: str
    repo: str | None
    revision: str | None
    weights_sha256: str
    architecture: str
    version: int
    config: dict[str, Any]
    task: str
    provider: Provider
    parameters: int
    layers_per_step: int
    train_iterations: int | None


class LoopedModel(nn.Module, ABC):
    """A weight-tied model: `encode` once, `start`, then `step` as often as the harness likes.

    The harness owns the loop. `step` is a pure function of its two arguments, differentiable throughout: no detaching,
    no hidden state, no dependence on the number of steps already taken.
    """

    layers_per_step: int
    """Attention + MLP pairs (or convolution blocks) that one step executes."""

    max_iterations: int | None = None
    """The most iterations that make sense; `None` means any number."""

    info: ModelInfo | None = None
    """Set when the model is built or loaded; one that was never saved has no hash of its weights."""

    @abstractmethod
    def encode(self, inputs: Tensor) -> Tensor:
        """The injected input `e` of `(B, *grid)` int64 symbols."""

    def start(self, e: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The first state `h_0`, batch first; a random start draws from `generator`. Default: `e`."""
        del generator
        return e

    @abstractmethod
    def step(self, h: Tensor, e: Tensor) -> Tensor:
        """The next state `h_{t+1}`, of the same shape and dtype as `h`."""

    @abstractmethod
    def readout(self, h: Tensor) -> Tensor:
        """`(B, *grid, num_classes)` logits of a state."""

    def observe(self, h: Tensor) -> Tensor:
        """The part of a state that residuals and distances look at. Default: all of it."""
        return h


@dataclass(frozen=True)
class Architecture:
    """A named way to build a model for a task.

    Attributes:
        config: the pydantic model of its settings; every setting has a bound that keeps memory sane.
        build: makes an untrained model from a task's shape and a validated config.
        paper: where it comes from, a URL or a citation.
        time_dependent: whether the update depends on t, which is ranked apart.
    """

    name: str
    version: int
    summary: str
    config: type[BaseModel]
    build: Callable[[TaskShape, Any], LoopedModel]
    paper: str
    time_dependent: bool = False


@dataclass(frozen=True)
class Metric:
    """A verdict on every example: `score(logits, examples)` gives `(B,)` bool; non-finite logits are wrong."""

    name: str
    score: Callable[[Tensor, Examples], Tensor]


@dataclass(frozen=True)
class Split:
    """A fixed set of examples.

    Attributes:
        difficulty: orders a task's splits (bits, guesses, mate depth, rating).
        depth: D, the effective depth in layers that the split's difficulty calls for; the scored depths are
            D, 2D, 4D and 8D.
        source: `generated`, `shipped`, or else the name of the data set that it is downloaded from.
        sha256: of the canonical bytes, checked whenever the split is loaded.
    """

    name: str
    difficulty: float
    depth: int
    count: int
    source: str
    sha256: str

    @property
    def downloaded(self) -> bool:
        """Whether it is read from a data set on the Hub, or from a local copy of that."""
        return self.source not in ("generated", "shipped")


@dataclass(frozen=True)
class Benchmark:
    """What of a task is scored. It is frozen: a change makes a new version.

    Attributes:
        train_limit: what a model of the closed track may be trained on.
        splits: names of the scored splits; each has its depth.
    """

    version: int
    train_limit: str
    splits: tuple[str, ...]


class Task(ABC):
    """A family of problems: fixed splits, training data, a loss and metrics."""

    name: ClassVar[str]
    version: ClassVar[int]
    summary: ClassVar[str]
    about: ClassVar[str] = ""
    """What an example is and how the splits are made, in paragraphs; the task's page of the leaderboard shows it."""
    shape: ClassVar[TaskShape]
    metrics: ClassVar[tuple[Metric, ...]]
    """The first is the primary one."""
    splits: ClassVar[tuple[Split, ...]]
    source: ClassVar[type[BaseModel]]
    """The pydantic model of the training data's settings (`data:` in a recipe)."""
    benchmark: ClassVar[Benchmark | None] = None
    """What is scored; a task without one is evaluated, and not ranked."""
    batch_cells: ClassVar[int] = 4096
    """Cells in an evaluation batch: fixed, since the batch can change the last bits of the logits."""

    @abstractmethod
    def load(self, split: str | None, data: Path | None = None) -> Examples:
        """A fixed split, checked against its sha256; or examples from a local file, which have none to check.

        Args:
            split: its name; `None`: every example of a file of one's own.
            data: a file of one's own, or a local copy of the data set that the split is downloaded from.

        Raises:
            LoopbenchError: unknown split, data whose hash is not the declared one, or a file that the task cannot
                read.
        """

    def load_good(self, split: str | None, data: Path, bad: Callable[[LoopbenchError], object]) -> Examples:
        """Like `load` from a file, but for bad rows: `bad` is told what is wrong with each, and they are left out.

        A task need not be able to.

        Raises:
            LoopbenchError: it is not; or the file as a whole is wrong, as with a missing column.
        """
        raise LoopbenchError(f"task {self.name} cannot skip the bad rows of a file")

    @abstractmethod
    def sample(self, difficulty: float, seed: int, count: int) -> Examples:
        """`count` fresh examples of the same kind as a split of that difficulty.

        Raises:
            LoopbenchError: a difficulty that the task cannot make.
        """

    @abstractmethod
    def batches(self, source: Any, batch_size: int, seed: int, first: int = 0) -> Iterator[Examples]:
        """Training batches number `first`, `first + 1`, …; batch i depends on (source, batch_size, seed, i) alone.

        Beside a GPU this is called for every batch, by several threads at once: what takes long is to be kept.

        Args:
            source: an instance of `self.source`.
        """

    def loss(self, logits: Tensor, examples: Examples) -> Tensor:
        """Mean cross-entropy over the cells that count, a scalar."""
        return nn.functional.cross_entropy(
            logits.flatten(0, -2).float(), examples.targets.flatten(), ignore_index=IGNORED
        )

    @abstractmethod
    def render(self, examples: Examples, logits: Tensor, i: int) -> Picture:
        """Example `i` and what the logits say about it, both on the CPU: the board that `loopbench watch` draws."""


@dataclass(frozen=True)
class Objective:
    """How a training step drives the loop.

    Attributes:
        options: the pydantic model of its settings (`objective.options` in a recipe).
        loss: `(model, task, examples, options, draw) -> scalar`; `draw` is seeded by the run and the step, the same on
            every process of a distributed run.
        iterations: the most iterations of a training step with these options from its start to its loss.
    """

    name: str
    summary: str
    options: type[BaseModel]
    loss: Callable[[LoopedModel, Task, Examples, Any, random.Random], Tensor]
    iterations: Callable[[Any], int]
