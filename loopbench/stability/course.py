"""A batch of inputs and what became of it along the loop: what every measure starts from."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loopbench.contracts import LoopedModel
from loopbench.errors import LoopbenchError
from loopbench.loop import trajectory
from loopbench.stability.vectors import Values, norms, to_values

MIN_ITERATIONS = 16  # with fewer, there are no windows to compare


@dataclass(frozen=True, eq=False)
class Course:
    """N examples followed for T iterations. Norms are Euclidean, of what `observe` shows of a state.

    Attributes:
        inputs: `(N, *grid)` symbols.
        start, end: h_0 and h_T, batch first.
        norms: `(T + 1, N)` ‖h_t‖, t = 0 … T.
        changes: `(T, N)` ‖step(h_t) − h_t‖, t = 0 … T − 1.
        cosines: `(T, N)` cos(h_t, h_{t+1}).
        returns: `(T // 2, N)` the distance to the state in the middle, h_{T − T//2}, after 1, 2, … steps from it.
        answered_at: `(N,)` the last t at which a cell's answer differs from the one at t − 1; 1 if it never changes.
        epsilon: the machine epsilon of the states.
        batch_size: how many examples are iterated together.
    """

    inputs: Tensor
    start: Tensor
    end: Tensor
    norms: Values
    changes: Values
    cosines: Values
    returns: Values
    answered_at: NDArray[np.int64]
    epsilon: float
    batch_size: int

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def iterations(self) -> int:
        """T."""
        return len(self.changes)

    @property
    def finite(self) -> NDArray[np.bool_]:
        """`(N,)`, which examples never left the range of numbers."""
        return np.asarray(np.isfinite(self.norms).all(0))


def follow(
    model: LoopedModel,
    inputs: Tensor,
    iterations: int,
    *,
    start: Tensor | None = None,
    batch_size: int = 64,
    seed: int = 0,
) -> Course:
    """Iterate a batch and keep what the measures need: its ends, and a few numbers an iteration.

    Args:
        inputs: `(N, *grid)` int64 symbols.
        start: the first states; default: `model.start`.
        seed: of random starts.

    Raises:
        LoopbenchError: no input, or fewer than 16 iterations.
    """
    if not len(inputs):
        raise LoopbenchError("there is no example to follow")
    if iterations < MIN_ITERATIONS:
        raise LoopbenchError(f"iterations must be at least {MIN_ITERATIONS} to tell where a state goes")
    with torch.no_grad():
        if start is None:
            start = first_states(model, inputs, seed)
        parts = [
            _follow(model, inputs[i : i + batch_size], start[i : i + batch_size], iterations)
            for i in range(0, len(inputs), batch_size)
        ]
    ends, answers, tables = zip(*parts, strict=True)
    sizes, changes, cosines, returns = (np.concatenate(column, axis=1) for column in zip(*tables, strict=True))
    return Course(
        inputs=inputs,
        start=start,
        end=torch.cat(ends),
        norms=sizes,
        changes=changes,
        cosines=cosines,
        returns=returns,
        answered_at=np.concatenate(answers),
        epsilon=torch.finfo(start.dtype).eps,
        batch_size=batch_size,
    )


def first_states(model: LoopedModel, inputs: Tensor, seed: int) -> Tensor:
    """h_0 of every input; random starts draw from the seed."""
    with torch.no_grad():
        return model.start(model.encode(inputs), torch.Generator(inputs.device).manual_seed(seed))


def observed(model: LoopedModel, h: Tensor) -> Tensor:
    """`(B, D)`, what `observe` shows of states."""
    return model.observe(h).flatten(1)


def _follow(
    model: LoopedModel, inputs: Tensor, start: Tensor, iterations: int
) -> tuple[Tensor, NDArray[np.int64], tuple[Values, ...]]:
    h, x = start, observed(model, start)
    middle = x
    sizes, changes, cosines, returns = [norms(x)], list[Tensor](), list[Tensor](), list[Tensor]()
    answer = torch.empty(0)
    answered_at = torch.ones(len(inputs), dtype=torch.int64, device=inputs.device)
    for t, h in enumerate(trajectory(model, inputs, iterations, start=start), 1):
        before, x = x, observed(model, h)
        sizes.append(norms(x))
        changes.append(norms(x - before))
        cosines.append((x * before).sum(1) / (sizes[-1] * sizes[-2]))
        if t > iterations - iterations // 2:
            returns.append(norms(x - middle))
        else:
            middle = x
        previous, answer = answer, model.readout(h).argmax(-1).flatten(1)
        if t > 1:
            answered_at[(answer != previous).any(1)] = t
    table = tuple(to_values(torch.stack(rows)) for rows in (sizes, changes, cosines, returns))
    return h, answered_at.cpu().numpy(), table
