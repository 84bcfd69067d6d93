"""The shipped puzzles: a forced mate in 1, 2 or 3 moves, and not in fewer, that a blunder in a simulated game allows.

One first move alone forces the mate; of a mate in 1 any other promotion on the same squares is right too. Proved by
exhaustive search without regard to the fifty-move rule and to repetitions. A line of a file is a puzzle as Lichess
publishes them: the FEN before the opponent's move, that move, the answer.
"""

from pathlib import Path

from loopbench.errors import LoopbenchError
from loopbench.tasks.chess.puzzles import Puzzle, parse
from loopbench.tasks.chess.rows import Row
from loopbench.tasks.lines import read_lines

FOLDER = Path(__file__).parent / "data"
DEPTHS = (1, 2, 3)
SPLITS = {f"{twin}mate-{depth}": depth for twin in ("", "dev-") for depth in DEPTHS}
"""The shipped files and the moves to mate in each."""


def load_mates(split: str) -> list[Puzzle]:
    """The shipped puzzles of a split.

    Raises:
        LoopbenchError: a line that is not a puzzle.
    """
    return read_mates(FOLDER / f"{split}.txt", SPLITS[split], split)


def read_mates(path: Path, depth: int, name: str) -> list[Puzzle]:
    """The puzzles of a file, numbered from 0 after a name; that they are mates is not looked at.

    Raises:
        LoopbenchError: a line that is not a puzzle.
    """
    return [parse_line(text, depth, f"{name}/{line - 1}", f"{path}, line {line}") for line, text in read_lines(path)]


def format_line(puzzle: Puzzle) -> str:
    """The line of a puzzle whose board has a move on its stack."""
    board = puzzle.board.copy()
    move = board.pop()
    return f"{board.fen()} {move.uci()} {puzzle.answer.uci()}"


def parse_line(text: str, depth: int, name: str, where: str) -> Puzzle:
    """What `format_line` wrote.

    Args:
        name: the id of the puzzle.
        where: the beginning of the message if it is none.

    Raises:
        LoopbenchError: not a FEN and two legal moves.
    """
    words = text.split(" ")
    if len(words) != 8:
        raise LoopbenchError(f"{where}: not the six fields of a FEN and two moves")
    return parse(Row(where, name, " ".join(words[:6]), " ".join(words[6:]), 0, f"mateIn{depth}"))
