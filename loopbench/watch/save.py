"""Frames as a file: an animated picture or a page."""

from collections.abc import Sequence
from pathlib import Path

from loopbench.errors import LoopbenchError
from loopbench.files import check_writable, write_bytes
from loopbench.validation import printable
from loopbench.watch.frames import Frame
from loopbench.watch.page import draw_page
from loopbench.watch.svg import draw

SUFFIXES = (".svg", ".html")


def check_save(path: Path) -> None:
    """Find out early whether frames can be saved.

    Raises:
        LoopbenchError: they cannot, or the suffix is none of .svg and .html.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        known = "use .svg (an animated picture) or .html (a page)"
        raise LoopbenchError(f"cannot save to {path}: {known}{f', not {printable(suffix)}' if suffix else ''}")
    if path.is_dir():
        raise LoopbenchError(f"cannot save to {path}: it is a folder")
    check_writable(path.parent)


def save(path: Path, frames: Sequence[Frame], model: str, example: str) -> None:
    """Draw the frames of an example as an animated .svg or as an .html page, whole or not at all.

    Args:
        model: what is said of the model, a few words.
        example: the same of the example.

    Raises:
        LoopbenchError: the file's suffix is none of .svg and .html, or it cannot be written.
    """
    check_save(path)
    is_page = path.suffix.lower() == ".html"
    text = draw_page(frames, model, example) if is_page else draw(frames, model, example, animated=True)
    write_bytes(path, text.encode())
