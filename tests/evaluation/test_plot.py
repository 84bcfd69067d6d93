import re
from pathlib import Path

import pytest
from evaluation_toys import made_record

from loopbench.errors import LoopbenchError
from loopbench.evaluation.plot import check_plot, draw, save_plot

RECORDS = [made_record([4, 5, 0, 6], 200, split={"name": f"bits-{n}", "difficulty": float(n)}) for n in (128, 64)]
SCORED = {"bits-64": (8, 16), "bits-128": (64, 5000)}


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<svg"), ("html", b"<!DOCTYPE html>")])
def test_a_picture_is_drawn(tmp_path: Path, suffix: str, magic: bytes) -> None:
    path = tmp_path / f"curve.{suffix}"
    save_plot(path, RECORDS, SCORED)
    assert path.read_bytes().lstrip().startswith(magic)
    assert list(tmp_path.iterdir()) == [path]


def test_the_page_loads_nothing_and_cannot_be_broken_out_of(tmp_path: Path) -> None:
    evil = made_record([1], 4, model={"ref": "./</script><script>alert(1)</script>"})
    save_plot(tmp_path / "curve.html", [evil], {})
    page = (tmp_path / "curve.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert "<script>alert" not in page


def test_long_curves_are_thinned_and_short_ones_are_not() -> None:
    long = draw([made_record([4, 9_000], 10_000)], {"bits-64": (999, 5000)}).to_dict()
    points = next(layer["data"]["values"] for layer in long["layer"] if len(layer["data"]["values"]) > 1)
    at = [point["t"] for point in points]
    assert len(at) < 250
    assert {1, 2, 4096, 8192, 10_000, 999, 5000} <= set(at)
    assert [point["t"] for point in points if point["scored"]] == [999, 5000]
    assert points[-1]["accuracy"] == 1.0
    short = draw([made_record([4], 100)], {}).to_dict()
    points = next(layer["data"]["values"] for layer in short["layer"] if len(layer["data"]["values"]) > 1)
    assert {point["t"] for point in points} >= set(range(1, 30))


def test_splits_are_ordered_by_difficulty_and_the_training_range_is_marked() -> None:
    chart = str(draw(RECORDS, SCORED).to_dict())
    assert "'domain': ['bits-64', 'bits-128']" in chart
    assert "trained up to t = 30" in chart
    unknown = made_record([1], 50, model={"train_iterations": None})
    assert "trained" not in str(draw([unknown], {}).to_dict())


def test_one_iteration_is_a_dot(tmp_path: Path) -> None:
    save_plot(tmp_path / "curve.svg", [made_record([1, 0], 1)], {})
    assert 'aria-roledescription="point"' in (tmp_path / "curve.svg").read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("curve.pdf", r"use \.png, \.svg or \.html, not \.pdf"),
        ("curve", r"use \.png, \.svg or \.html$"),
        ("curve.png.tmp", r"use \.png, \.svg or \.html"),
        ("folder.png", "it is a folder"),
        ("file/curve.png", "is not a folder"),
    ],
)
def test_what_cannot_be_written_is_known_early(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(LoopbenchError, match=message):
        check_plot(tmp_path / name)
    check_plot(tmp_path / "new" / "curve.SVG")


def test_dots_are_spoken_of_where_there_are_some() -> None:
    assert "dots: scored depths" in str(draw(RECORDS, SCORED).to_dict())
    assert "dots" not in str(draw(RECORDS, {"bits-64": (201,), "bits-128": (5000,)}).to_dict())


def test_bands_that_coincide_do_not_add_up(tmp_path: Path) -> None:
    """All bands are of one opaque colour, so that many of them look like one."""
    save_plot(tmp_path / "curve.svg", RECORDS, {})
    bands = re.findall(r'<path aria-label="[^"]*low[^"]*"[^>]*>', (tmp_path / "curve.svg").read_text())
    assert len(bands) == 2
    assert len({re.search(r'fill="([^"]*)"', band)[1] for band in bands}) == 1
    assert all(re.search(r'opacity="1"|^(?!.*opacity)', band) for band in bands)
