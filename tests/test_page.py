"""Charts on a page."""

import re
from typing import Any

from loopbench.page import draw_svg


def chart(*values: float) -> dict[str, Any]:
    """A line that is cut off at the frame."""
    points = [{"x": x, "y": y} for x, y in enumerate(values)]
    encoding = {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}}
    return {"data": {"values": points}, "mark": {"type": "line", "clip": True}, "encoding": encoding}


def test_a_chart_is_the_same_whatever_was_drawn_before() -> None:
    first = draw_svg(chart(1, 2))
    other = draw_svg(chart(3, 1))
    assert draw_svg(chart(1, 2)) == first
    ids = [set(re.findall(r'id="([^"]+)"', svg)) for svg in (first, other)]
    assert ids[0] and ids[1]
    assert not ids[0] & ids[1]
    assert set(re.findall(r"url\(#([^)]+)\)", first)) == ids[0]
