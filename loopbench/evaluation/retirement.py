"""When the state of an example has settled, and the audit of that rule.

A state has settled when its change ‖Δ‖ shrank by ratios of at most c < 1 in eight steps running, and what is left to go
if it keeps shrinking so, ‖Δ‖ c / (1 − c), is below √ε of its norm: half of the digits. A change below 4 ε of the norm
counts as none, where ε is the machine epsilon: rounding keeps the state of a contracting looped transformer moving by
½ to 3 ε for ever (measured in float32 and float64), so a rule on ratios alone would let such a state run on.

Nothing here proves that an answer stays as it is. That is what the audit is for.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

PERIOD = 32  # a state is looked at in the last RUN + 1 of every PERIOD steps: looking at all of them costs time
RUN = 8
ROUNDING = 4.0  # in units of the machine epsilon

AUDITED_COUNT = 300
AUDITED_SHARE = 0.05


class Watch:
    """Looks at the states of a batch as they come; the batch may lose examples after a verdict, not between."""

    def __init__(self) -> None:
        self._before = torch.empty(0)
        self._changes: list[Tensor] = []

    def look(self, t: int, x: Tensor) -> Tensor | None:
        """Take the observed states `(B, …)` at t = 1, 2, …; every 32 of them, say which settled: `(B,)` bool."""
        phase = t % PERIOD
        if 0 < phase < PERIOD - RUN - 1:
            return None
        x = x.reshape(len(x), -1)
        if phase == PERIOD - RUN - 1:
            self._before, self._changes = x, []
            return None
        self._changes.append(_norm(x - self._before))
        self._before = x
        return None if phase else settled(torch.stack(self._changes), _norm(x))


def settled(changes: Tensor, norm: Tensor) -> Tensor:
    """Whether states have settled, `(B,)` bool, from `(RUN + 1, B)` successive changes and the `(B,)` last norms."""
    epsilon = torch.finfo(norm.dtype).eps
    changes = changes.masked_fill(changes <= ROUNDING * epsilon * norm, 0)
    ratios = (changes[1:] / changes[:-1]).masked_fill(changes[1:] == 0, 0)  # 0/0 too: it stays where it is
    c = ratios.amax(0)
    return (c < 1) & (changes[-1] * c <= (1 - c) * epsilon**0.5 * norm) & norm.isfinite()


def _norm(x: Tensor) -> Tensor:
    # torch's stubs lack it
    return torch.linalg.vector_norm(x, dim=1)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


@dataclass
class Audit:
    """Of the examples that settle, at least 300 and 5 % run on to the end, or all if there are fewer.

    Attributes:
        count: examples that settled, the audited ones included.
        audited: those of them that run on.
        disagreements: audited examples with a later verdict that differs from the one they settled with.
    """

    count: int = 0
    audited: int = 0
    disagreements: int = 0

    def runs_on(self) -> bool:
        """Count one more settled example; whether it has to run on."""
        self.count += 1
        chosen = self.audited < max(AUDITED_COUNT, AUDITED_SHARE * self.count)
        self.audited += chosen
        return chosen
