"""Frames as one SVG picture, which plays by itself or is driven by a page.

Each frame paints the cells that differ over those of the frames before it, so the picture grows with what changes.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import pairwise

from loopbench.validation import printable
from loopbench.watch.board import SIDE, Board
from loopbench.watch.curves import Curves
from loopbench.watch.frames import Frame
from loopbench.watch.style import stylesheet
from loopbench.watch.words import movement, verdict

FRAME_SECONDS = 0.15  # the least time that a frame stands
REST_SECONDS = 3.0  # on the last frame
MARGIN = 24
TOP = 88  # of the board, below the headings
CAPTION = 42
LETTER = 7.5  # the average width of a letter of a heading


def draw(frames: Sequence[Frame], model: str, example: str, *, animated: bool) -> str:
    """The picture of some frames of one example: the last of them, where nothing is animated.

    Args:
        model: what is said of the model, a few words.
        example: the same of the example.
        animated: whether it plays by itself; if not, whoever shows it decides which of the groups in `#cells` and
            `#status`, one a frame, are visible: at frame k the cells of frames 0 … k and the status of k.
    """
    board = Board(frames[0].picture)
    width = max(SIDE, board.width)
    below = TOP + board.height + (CAPTION if any(frame.picture.caption for frame in frames) else 16)
    curves = Curves(frames, width)
    size = f'width="{width + 2 * MARGIN}" height="{below + curves.height}"'
    box = f'viewBox="0 0 {width + 2 * MARGIN} {below + curves.height}"'
    name = escape(f"{printable(model)} on {printable(example)}, iteration by iteration")
    letters = int(width / 2 / LETTER)
    at_board = f'<g transform="translate({(width - board.width) // 2},{TOP})">'
    at_curves = f'<g transform="translate(0,{below})">'

    def status(frame: Frame) -> Iterator[str]:
        yield f'<text class="t" y="68">t = {frame.t:,}</text>'
        yield _text(verdict(frame), "end", width, 52, "solved" if frame.solved else "")
        yield _text(movement(frame), "end", width, 70, "faint")
        yield _text(printable(frame.picture.caption), "middle", width // 2, TOP + board.height + 22)
        yield f"{at_board}{''.join(board.outline_at(*place) for place in sorted(frame.changed))}</g>"
        yield f"{at_curves}{curves.cursor(frame)}</g>"

    changes = ["".join(cells) for cells in _changes(board, frames)]
    statuses = ["".join(status(frame)) for frame in frames]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img" aria-label="{name}">',
        f"<title>{name}</title><style>{stylesheet()}",
        *(_keyframes(len(frames)) if animated else ()),
        "</style><defs>",
        *board.symbols(),
        f'</defs><rect class="paper" {size}/><g transform="translate({MARGIN},0)">',
        _text(printable(model, letters), "start", 0, 28, "model"),
        _text(printable(example, letters), "end", width, 28, "faint"),
        at_board,
        '<g id="cells">',
        *_groups("c", changes, animated),
        "</g>",
        *board.lines(),
        "</g>",
        at_curves,
        *curves.draw(),
        '</g><g id="status">',
        *_groups("s", statuses, animated),
        "</g></g></svg>\n",
    ]
    return "\n".join(parts)


def _changes(board: Board, frames: Sequence[Frame]) -> Iterator[Iterator[str]]:
    """For each frame the cells that are to be painted: those that differ from the frame before."""
    first = frames[0].picture
    places = [(i, j) for i in range(len(first.rows)) for j in range(first.columns)]
    yield (board.cell_at(first, i, j) for i, j in places)
    for before, after in pairwise(frame.picture for frame in frames):
        yield (board.cell_at(after, i, j) for i, j in places if before.rows[i][j] != after.rows[i][j])


def _groups(kind: str, contents: Iterable[str], animated: bool) -> Iterator[str]:
    for k, content in enumerate(contents):
        style = f' style="animation-name:{kind}{k}"' if animated else ""
        yield f"<g{style}>{content}</g>"


def _keyframes(count: int) -> Iterator[str]:
    """Shows the cells of each frame from its turn to the end, and its status in its turn, again and again."""
    seconds = (count - 1) * FRAME_SECONDS + REST_SECONDS
    yield f"#cells>g,#status>g{{animation:{seconds:g}s step-end infinite}}"
    yield "@media (prefers-reduced-motion:reduce){#cells>g,#status>g{animation:none!important}}"
    for k in range(count):
        begin, end = (f"{100 * FRAME_SECONDS * turn / seconds:.4g}%" for turn in (k, k + 1))
        shown = f"0%{{visibility:hidden}}{begin}{{visibility:visible}}"
        yield f"@keyframes c{k}{{{shown}}}"
        yield f"@keyframes s{k}{{{shown}{f'{end}{{visibility:hidden}}' if k + 1 < count else ''}}}"


def _text(text: str, anchor: str, x: int, y: int, name: str = "") -> str:
    return f'<text class="{name}" text-anchor="{anchor}" x="{x}" y="{y}">{escape(text)}</text>'
