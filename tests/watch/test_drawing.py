import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from watch_toys import Diagonals, watch

from loopbench.errors import LoopbenchError
from loopbench.picture import Cell, Picture
from loopbench.watch import page, svg, terminal
from loopbench.watch.frames import Frame
from loopbench.watch.save import check_save, save

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '</script></title><script>alert(1)</script>"\x1b[31m\x00&'


def one(picture: Picture, **changes) -> Frame:
    values = {"changed": frozenset(), "right": 1, "counted": 2, "solved": False, "residual": 0.5}
    return Frame(**({"t": 1, "picture": picture} | values | changes))


def sequence(bits: int) -> Frame:
    return one(Picture([[Cell("0", given=True)] * bits, [Cell("1", right=False)] * bits], wraps=True))


def kinds(root: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """What copies refer to."""
    return {f"#{group.get('id')}": group for group in root.find(f"{SVG}defs") or ()}


def board(text: str, frame: int) -> dict[tuple[str | None, str | None], list[bytes]]:
    """What a reader sees in each place at a frame: what was painted there last."""
    root = ElementTree.fromstring(text)
    (cells,) = (group for group in root.iter(f"{SVG}g") if group.get("id") == "cells")
    copies = [use for group in cells[: frame + 1] for use in group]
    markup = {name: [ElementTree.tostring(part) for part in group] for name, group in kinds(root).items()}
    return {(use.get("x"), use.get("y")): markup[use.get("href") or ""] for use in copies}


def count(root: ElementTree.Element, part: str) -> int:
    """How many copies have a part of that class."""
    having = {name for name, group in kinds(root).items() if any(child.get("class") == part for child in group)}
    return sum(use.get("href") in having for use in root.iter(f"{SVG}use"))


def test_a_board_in_a_terminal(sudoku: Sequence[Frame]) -> None:
    lines = terminal.draw(sudoku[7], 80).plain.splitlines()
    assert lines[0] == "t = 8   27 of 54 cells right, not solved   residual 1.2e-01"
    assert lines[2] == " 1 2 3 │ 4 5 6 │ 7 8 1×"
    assert lines[5] == " ──────┼───────┼───────"
    assert lines[-1].startswith("digits up to diagonal")


def test_changed_and_wrong_cells_stand_out_in_a_terminal(sudoku: Sequence[Frame]) -> None:
    styles = [str(span.style) for span in terminal.draw(sudoku[7], 80).spans]
    changed = [style for style in styles if "reverse" in style.replace("not reverse", "")]
    assert len(changed) == len(sudoku[7].changed) == 6
    assert sum("red" in style and "reverse" in style for style in styles) == 27


@pytest.mark.parametrize("width", [20, 80, 200])
def test_a_sequence_is_broken_to_fit_a_terminal(width: int) -> None:
    lines = terminal.draw(sequence(500), width).plain.splitlines()[2:]
    assert max(map(len, lines)) <= width
    assert sum(line.count("0") for line in lines) == 500
    assert sum(line.count("1×") for line in lines) == 500


def test_light_that_is_no_number_is_dark() -> None:
    lit = one(Picture([[Cell("a", heat=float("nan")), Cell("b", heat=7.0), Cell("c", heat=-1.0)]], checkered=True))
    text = terminal.draw(lit, 80)
    assert [text.plain[span.start] for span in text.spans if " on " in str(span.style)] == ["b"]
    assert re.findall('fill-opacity="(.*?)"', svg.draw([lit], "m", "e", animated=False)) == ["1.00"]


def test_each_frame_of_a_picture_shows_its_own_board(sudoku: Sequence[Frame]) -> None:
    """What is painted over frame after frame looks as if every frame had been drawn alone."""
    text = svg.draw(sudoku, "m", "e", animated=True)
    for k in (0, 1, 7, len(sudoku) - 1):
        assert board(text, k) == board(svg.draw([sudoku[k]], "m", "e", animated=False), 0)
    assert text.count("@keyframes") == 2 * len(sudoku)


def test_wrong_cells_of_a_picture_are_marked_and_changed_ones_framed(sudoku: Sequence[Frame]) -> None:
    root = ElementTree.fromstring(svg.draw([sudoku[7]], "m", "e", animated=False))
    assert count(root, "bad") == 27
    assert count(root, "changed") == 6


@pytest.mark.parametrize("bits", [1, 8, 64, 512, 4096])
def test_a_long_sequence_is_about_as_wide_as_high(bits: int) -> None:
    root = ElementTree.fromstring(svg.draw([sequence(bits)], "m", "e", animated=False))
    assert 0.3 < int(root.get("width", 0)) / int(root.get("height", 0)) < 4
    places = [(use.get("x"), use.get("y")) for use in root.iter(f"{SVG}use")]
    assert len(places) == len(set(places)) == 2 * bits


@pytest.mark.parametrize("iterations", [1, 2])
def test_the_shortest_runs_can_be_drawn(iterations: int) -> None:
    ElementTree.fromstring(svg.draw(watch(Diagonals(), iterations), "m", "e", animated=True))


@pytest.mark.parametrize("residual", [0.0, float("inf"), float("nan")])
def test_a_residual_without_a_logarithm_can_be_drawn(residual: float) -> None:
    text = svg.draw([one(Picture([[Cell()]]), residual=residual, counted=0)], "m", "e", animated=False)
    ElementTree.fromstring(text)
    assert "nan" not in text
    assert "inf" not in text


def test_what_comes_from_outside_cannot_break_out(tmp_path: Path) -> None:
    evil = one(Picture([[Cell(EVIL)]], caption=EVIL, row_labels=[EVIL], column_labels=[EVIL]))
    for name in ("x.svg", "x.html"):
        save(tmp_path / name, [evil], EVIL, EVIL)
        text = (tmp_path / name).read_text()
        assert "<script>alert" not in text
        assert not set("\x1b\x00") & set(text)
    assert not set("\x1b\x00") & set(terminal.draw(evil, 80).plain)
    ElementTree.parse(tmp_path / "x.svg")


def test_a_page_asks_nobody_for_anything(sudoku: Sequence[Frame]) -> None:
    text = page.draw_page(sudoku, "m", "e")
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert "default-src 'none'" in text


@pytest.mark.parametrize("name", ["x.png", "x", "x.svg.tmp"])
def test_another_format_is_refused(name: str) -> None:
    with pytest.raises(LoopbenchError, match=r"use \.svg \(an animated picture\) or \.html \(a page\)"):
        check_save(Path(name))
