"""Where states go: to a point, around a cycle, away, or nowhere that T iterations can tell.

Nothing is read off a small change alone: a state that drifts has a relative change of 1/t and converges nowhere. What
counts is how the path still to go compares with the path just gone. Only what rounding explains is taken for rest: a
drift would have to go on for 260,000 iterations in float32 to pass for that, and in float64 it never does.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loopbench.stability.course import Course
from loopbench.stability.vectors import Values

Fate = Literal["reached", "converging", "cycle", "chaotic", "drifting", "diverging", "circling"]

TOLERANCE = 1e-3  # of the state's norm: how much path may be left where a point counts as reached
WINDOW = 16
ROUNDING = 32.0  # in machine epsilons of the norm: a change below that is none; trained models at rest move by up to 8
RATE_FLOOR = 100.0  # likewise: changes below that are too close to rounding for a rate
RETURN = 1e-3  # of the largest distance around a cycle: how closely a state must come back
FIVEFOLD = np.log(5.0)  # a perturbation that grows by more over the last half is chaos, one that shrinks by more dies
STRAIGHT = 0.9  # chord over path of the last half
GROWTH = 1.1  # of the norm in a quarter of the loop
DECAY = 0.9  # of the change in a quarter of the loop


def tails(course: Course) -> Values:
    """`(N,)` the path that is left after T if it goes on as it does: b q / (1 − q).

    b is the length of the path over the last 16 iterations (T // 4 if that is less) and q is b over the length of the
    16 before, so windows rather than single changes, which need not shrink one by one where J is not normal or turns.
    """
    changes = _changes(course)
    w = min(WINDOW, course.iterations // 4)
    before, last = changes[-2 * w : -w].sum(0), changes[-w:].sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = np.where(last == 0, 0, last / before)
        return np.where(q < 1, last * q / (1 - q), np.inf)


def reached(course: Course) -> NDArray[np.bool_]:
    """`(N,)` whether the change decays geometrically and the tail is below 1e-3 ‖h_T‖."""
    return course.finite & (tails(course) <= TOLERANCE * course.norms[-1])


def reached_at(course: Course) -> NDArray[np.int64]:
    """`(N,)` the first t from which the whole path to the end, its tail included, is below 1e-3 ‖h_T‖; −1: never."""
    left = np.cumsum(np.vstack([tails(course), _changes(course)[::-1]]), axis=0)[::-1]
    with np.errstate(invalid="ignore"):
        first = (left <= TOLERANCE * course.norms[-1]).argmax(0)
    return np.where(reached(course), first, -1)


def rates(course: Course) -> Values:
    """`(N,)` the factor by which the change shrinks in one step: between two windows at the end of the loop, or before
    rounding sets in if it does. Zero where a state stops at once."""
    above = course.changes > RATE_FLOOR * course.epsilon * course.norms[1:]
    result = np.full(len(course), np.nan)
    for i in np.flatnonzero(course.finite):
        n = int(above[:, i].nonzero()[0].max(initial=-1)) + 1
        w = min(WINDOW, n // 2)
        parts = course.changes[n - 2 * w : n, i].reshape(2, w).sum(1)
        result[i] = (parts[1] / parts[0]) ** (1 / w) if w and parts[0] else 0.0
    return result


def periods(course: Course) -> NDArray[np.int64]:
    """`(N,)` the smallest p ≥ 2 after which a state of the last half returns, and after 2 p again; 0: none to T // 4.

    It returns if it comes within 1e-3 of the largest distance that it goes away.
    """
    returns = course.returns
    with np.errstate(invalid="ignore"):
        near = returns <= RETURN * returns.max(0)
    twice = near[: len(near) // 2] & near[1::2][: len(near) // 2]  # row p − 1 beside row 2 p − 1
    twice[:1] = False
    return np.where(twice.any(0), twice.argmax(0) + 1, 0)


def fates(course: Course, lyapunov: Callable[[NDArray[np.int64]], Values]) -> list[Fate]:
    """What becomes of every example, the first that holds:

    - diverging: not finite, or the norm grows by 10 % in the last quarter of the loop, no slower than in the one before
      (a drift's growth slows down), and never falls back to what it was in the second;
    - reached: the tail is below 1e-3 ‖h_T‖;
    - cycle: it returns after a period;
    - chaotic: a perturbation grows fivefold over the last half;
    - converging: a perturbation shrinks fivefold over the last half (a power of t, as a drift that slows down has, does
      less) and the change by a tenth over the last quarter, but there is path left to go;
    - drifting: the last half goes nearly straight;
    - circling: none of these: bounded, not sensitive, and not back after T // 4 steps.

    Args:
        lyapunov: the leading exponents of some examples, per iteration.
    """
    settled, returning, straight = reached(course), periods(course) > 0, _straightness(course) >= STRAIGHT
    grown = np.zeros(len(course))
    unsettled = np.flatnonzero(course.finite & ~settled)
    if len(unsettled):
        grown[unsettled] = lyapunov(unsettled) * (course.iterations // 2)
    kinds: list[tuple[Fate, NDArray[np.bool_]]] = [
        ("diverging", _grows(course)),
        ("reached", settled),
        ("cycle", returning),
        ("chaotic", grown > FIVEFOLD),
        ("converging", (grown < -FIVEFOLD) & _decays(course)),
        ("drifting", straight),
    ]
    found: list[Fate] = ["circling"] * len(course)
    for fate, holds in reversed(kinds):  # what comes first overwrites what comes later
        for i in np.flatnonzero(holds):
            found[i] = fate
    return found


def _changes(course: Course) -> Values:
    """The changes, without those that rounding alone explains."""
    return np.where(course.changes <= ROUNDING * course.epsilon * course.norms[1:], 0, course.changes)


def _quarters(values: Values) -> list[Values]:
    quarter = len(values) // 4
    return [values[len(values) - k * quarter :][:quarter] for k in (4, 3, 2, 1)]


def _grows(course: Course) -> NDArray[np.bool_]:
    quarters = _quarters(course.norms[1:])[1:]
    second, third, fourth = (part.max(0) for part in quarters)
    with np.errstate(divide="ignore", invalid="ignore"):
        earlier, later = third / second, fourth / third
        grows = (later > GROWTH) & (later >= 0.98 * earlier) & (quarters[-1].min(0) > second)
        return ~course.finite | grows


def _decays(course: Course) -> NDArray[np.bool_]:
    third, fourth = (part.sum(0) for part in _quarters(_changes(course))[2:])
    return fourth < DECAY * third


def _straightness(course: Course) -> Values:
    path = course.changes[-len(course.returns) :].sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return course.returns[-1] / path
