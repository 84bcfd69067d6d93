"""A number with its uncertainty over examples."""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from loopbench.evaluation.protocol import Stored
from loopbench.evaluation.record import Count
from loopbench.evaluation.statistics import wilson
from loopbench.stability.vectors import Values

RESAMPLES = 1000
INTERVAL = (2.5, 97.5)

Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
Positive = Annotated[Count, Field(ge=1)]
Size = Annotated[float, Field(ge=0)]


class Estimate(Stored):
    value: float = Field(description="the number")
    low: float = Field(description="lower end of its 95 % interval over examples")
    high: float = Field(description="upper end")
    n: Positive = Field(description="how many examples it is of")


def share(count: int, n: int) -> Estimate | None:
    """`count` of `n` with its Wilson interval; `None` of none."""
    if not n:
        return None
    low, high = wilson(count, n)
    return Estimate(value=count / n, low=low, high=high, n=n)


def median(values: Values) -> Estimate | None:
    """The median of the finite ones among `(n,)` values, with its bootstrap interval; `None` if there is none."""
    return _bootstrap(values, lambda samples: np.median(samples, axis=-1))


def mean(values: Values) -> Estimate | None:
    """The mean of the finite ones among `(n,)` values, with its bootstrap interval; `None` if there is none."""
    return _bootstrap(values, lambda samples: np.mean(samples, axis=-1))


def resamples(n: int) -> NDArray[np.int64]:
    """`(1000, n)` draws of n examples with replacement (Efron 1979), the same whenever they are asked for."""
    return np.random.Generator(np.random.Philox(0)).integers(n, size=(RESAMPLES, n))


def interval(statistics: Values) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic of the resamples."""
    low, high = np.percentile(statistics, INTERVAL)
    return float(low), float(high)


def _bootstrap(values: Values, statistic: Callable[[Values], Any]) -> Estimate | None:
    values = values[np.isfinite(values)]
    n = len(values)
    if not n:
        return None
    low, high = interval(statistic(values[resamples(n)]))
    return Estimate(value=float(statistic(values)), low=low, high=high, n=n)
