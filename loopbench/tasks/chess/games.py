"""Simulated games, each of them from a seed and a number alone.

The players see what can be taken and a mate in one, but no threat of mate. Each takes the move of the highest value, to
which luck adds the more the more careless the player is; now and then one sees nothing that the other side can do.
"""

import chess
import numpy as np

from loopbench.tasks.chess.evaluation import LEVELS, MATE, evaluate, exchange
from loopbench.tasks.chess.moves import MOST
from loopbench.tasks.chess.position import play, read
from loopbench.tasks.chess.search import NEXT, Work, advance, begin, forced, workspace
from loopbench.tasks.compiled import compiled
from loopbench.tasks.random_numbers import below, start

PLIES = 160
"""Moves, of both sides, after which a game ends."""
HOPELESS = 900
"""The value at which a game is given up."""
LUCK = (5, 60)
"""The least luck of a player, and the range above it that it is drawn from."""
ZEAL = 8
"""The range that a player's zeal is drawn from."""
LAPSE = 100
"""The moves of which one sees nothing."""
SLIP = 120
"""What a tempting move is less worth than the best, at most."""


def game(seed: np.uint64, number: int) -> np.ndarray:
    """The moves of game `number` of a seed, int64."""
    moves, work = np.zeros(PLIES, np.int64), workspace(LEVELS)
    read(chess.Board(), work[0][0])
    return moves[: _play_game(seed, number, work, moves)]


@compiled
def _play_game(seed: np.uint64, number: int, work: Work, played: np.ndarray) -> int:
    """Play from position 0, write the moves and return their number."""
    positions, _, _ = work
    state = np.empty(1, np.uint64)
    start(state, seed, number)
    luck = (LUCK[0] + below(state, LUCK[1]), LUCK[0] + below(state, LUCK[1]))
    zeal = (below(state, ZEAL), below(state, ZEAL))
    for ply in range(PLIES):
        if abs(evaluate(positions[0], 0)) > HOPELESS:
            return ply
        move = _choose(work, state, luck[ply & 1], zeal[ply & 1])
        if move < 0:
            return ply
        played[ply] = move
        play(positions, 0, move)
        positions[0] = positions[1]
    return PLIES


@compiled
def _choose(work: Work, state: np.ndarray, luck: int, zeal: int) -> int:
    """The move of position 0 with the highest value and luck, −1 if there is none."""
    positions, moves, _ = work
    hopes, lucks = np.empty(MOST, np.int64), np.empty(MOST, np.int64)
    count, blind = _hopes(work, hopes, zeal), below(state, LAPSE) == 0
    for i in range(count):
        lucks[i] = below(state, luck)
        hopes[i] += lucks[i]
    best, highest = -1, -2 * MATE
    while count:
        i = np.argmax(hopes[:count])
        if hopes[i] <= highest:  # no value is above the hope
            break
        value = hopes[i]
        if not blind and value < MATE:
            play(positions, 0, moves[0, i])
            value = lucks[i] + exchange(work, highest - lucks[i], zeal)
        if value > highest:
            best, highest = moves[0, i], value
        hopes[i] = -2 * MATE
    return best


@compiled
def tempting_moves(work: Work, found: np.ndarray) -> int:
    """Write the moves of position 0 that are little worse than the best, as a calm player sees it; return their number.

    Args:
        work: of at least `LEVELS` positions.
    """
    positions, moves, _ = work
    values = np.empty(MOST, np.int64)
    count, highest, known = _hopes(work, values, 0), -2 * MATE, 0
    for i in range(count):
        if values[i] < MATE:
            play(positions, 0, moves[0, i])
            values[i] = exchange(work, highest - SLIP, 0)
        highest = max(highest, values[i])
    for i in range(count):
        if values[i] > highest - SLIP:
            found[known] = moves[0, i]
            known += 1
    return known


@compiled
def _hopes(work: Work, hopes: np.ndarray, zeal: int) -> int:
    """Put the legal moves of position 0 first, write what each is worth if nothing follows it, and count them."""
    positions, moves, counters = work
    count = 0
    begin(work, 0)
    while advance(work, 0, False):
        moves[0, count] = moves[0, counters[0, NEXT] - 1]
        hopes[count] = MATE if forced(work, 1, 1, False) else -evaluate(positions[1], zeal)
        count += 1
    return count
