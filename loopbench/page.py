"""HTML pages with pictures inline: no script, no request to any host."""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape
from string import Template
from typing import Any, Protocol

import vl_convert

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: light dark; --page: #fff; --ink: #1f2430; --faint: #5f6877; --edge: #d9dde3; --shade: #0003; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171c; --ink: #e8eaee; --faint: #a0a8b6; --edge: #323843; --shade: #fff3; }
  svg { filter: invert(0.91) hue-rotate(180deg); }
}
body { margin: 0; background: var(--page); color: var(--ink); }
body { font: 16px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1rem; }
section { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1.5rem 2rem; }
h1, h2 { overflow-wrap: anywhere; }
h2 { margin-top: 3rem; border-top: 1px solid var(--edge); padding-top: 1rem; }
figure { margin: 0; }
figcaption { font-size: 0.875rem; color: var(--faint); }
figcaption b { display: block; color: var(--ink); font-size: 1rem; }
svg { width: 100%; height: auto; max-width: 34rem; overflow: visible; }
/* a wide chart keeps its size, and what is wider than the page scrolls, with a shadow on the side that has more */
figure.wide { grid-column: 1 / -1; }
figure.wide svg { display: block; width: auto; max-width: none; }
figure.wide figcaption { position: sticky; left: 0; }
figure.wide, .scroll {
  overflow-x: auto;
  background: linear-gradient(90deg, var(--page) 50%, transparent) 0 / 3rem 100% no-repeat local,
    linear-gradient(-90deg, var(--page) 50%, transparent) 100% / 3rem 100% no-repeat local,
    linear-gradient(90deg, var(--shade), transparent) 0 / 1rem 100% no-repeat scroll,
    linear-gradient(-90deg, var(--shade), transparent) 100% / 1rem 100% no-repeat scroll;
}
table { border-collapse: collapse; font-size: 0.875rem; }
th, td { padding: 0.15rem 1.5rem 0.15rem 0; }
th { text-align: left; font-weight: normal; white-space: nowrap; color: var(--faint); }
td { min-width: 6rem; font-variant-numeric: tabular-nums; }
</style>
</head>
<body>
<main>
<h1>$heading</h1>
$body
</main>
</body>
</html>
""")


CLIP = re.compile(r'(?<=id=")clip\d+(?=")|(?<=url\(#)clip\d+(?=\))')


class Chart(Protocol):
    """One of altair's."""

    def to_dict(self) -> dict[str, Any]: ...


def draw_page(title: str, heading: str, body: Iterable[str]) -> str:
    """A page of parts that are HTML already."""
    return PAGE.substitute(title=escape(title), heading=escape(heading), body="\n".join(body))


def draw_figure(chart: Chart, title: str, text: str, *, wide: bool = False) -> str:
    """A chart as SVG with what it shows; a wide one has the page's width to itself."""
    svg = draw_svg(chart.to_dict())
    kind = ' class="wide"' if wide else ""
    return f"<figure{kind}><figcaption><b>{escape(title)}</b>{escape(text)}</figcaption>{svg}</figure>"


def draw_svg(spec: dict[str, Any]) -> str:
    """A Vega-Lite chart as SVG: the same bytes whatever was drawn before, with ids that no other chart has."""
    svg = vl_convert.vegalite_to_svg(spec)
    own = sha256(CLIP.sub("", svg).encode()).hexdigest()[:8]
    numbers: dict[str, int] = {}  # Vega counts them over all that a process draws
    return CLIP.sub(lambda found: f"clip-{own}-{numbers.setdefault(found[0], len(numbers))}", svg)


def draw_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column names the rows."""
    top = "".join(f"<td>{escape(cell)}</td>" for cell in head[1:])
    lines = "".join(
        f"<tr><th>{escape(name)}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for name, *cells in rows
    )
    return f'<div class="scroll"><table><tr><th>{escape(head[0])}</th>{top}</tr>{lines}</table></div>'
