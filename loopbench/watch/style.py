"""The colours of pictures and pages, light and dark.

Blue and vermilion are told apart without colour vision; a wrong cell is marked and bold besides.
"""

from string import Template

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1f2430",
    "faint": "#5f6877",
    "line": "#c9ced6",
    "given": "#e9ecf1",
    "even": "#ffffff",
    "odd": "#cfd5de",
    "right": "#0060a8",
    "wrong": "#b02a00",
    "tint": "#ffe3d6",
    "amber": "#e69f00",
    "residual": "#8a5a00",
}
DARK = {
    "paper": "#14171c",
    "ink": "#e8eaee",
    "faint": "#a0a8b6",
    "line": "#3d4450",
    "given": "#262b34",
    "even": "#b4bbc7",  # chess pieces are black on white, whatever is around them
    "odd": "#868f9e",
    "right": "#6cb8ff",
    "wrong": "#ff9d73",
    "tint": "#4a2415",
    "amber": "#c98a00",
    "residual": "#f0b840",
}
FIXED = """
svg{font-family:system-ui,-apple-system,"Segoe UI",sans-serif;font-size:13px;font-variant-numeric:tabular-nums}
.symbol{text-anchor:middle;font-variant-emoji:text}
.fixed,.symbol.wrong,.t,.solved{font-weight:700}
.t{font-size:30px}
.model{font-weight:600}
.changed,.box,.cursor,.axis,polyline{fill:none}
.box,polyline,circle.residual{stroke-width:2}
polyline{stroke-linejoin:round}
polyline.residual{stroke-dasharray:4 3}
#status>g{visibility:hidden}
#status>g:last-child{visibility:visible}
"""
# Cells are copies (<use>), which selectors reach through classes alone.
COLORS = Template("""
text{fill:$ink}
.paper,.free,circle.residual{fill:$paper}
.faint{fill:$faint}
.square,.axis{stroke:$line}
.given{fill:$given}
.even{fill:$even}
.odd{fill:$odd}
.square.wrong{fill:$tint}
.heat{fill:$amber}
.answer,.solved,.good,text.cells,circle.cells{fill:$right}
.symbol.wrong,.bad{fill:$wrong}
.bad,.good{stroke:$paper}
.piece{fill:#10131a}
polyline.cells{stroke:$right}
text.residual{fill:$residual}
polyline.residual,circle.residual{stroke:$residual}
.changed,.box,.cursor{stroke:$ink}
""")


def stylesheet() -> str:
    """The style of a picture, which follows the reader's colour scheme; without animation it shows the last frame."""
    return f"{FIXED}{COLORS.substitute(LIGHT)}@media (prefers-color-scheme:dark){{{COLORS.substitute(DARK)}}}\n"
