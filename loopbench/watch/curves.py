"""The share of right cells and the residual over the iterations, small, below the board."""

from collections.abc import Iterator, Sequence
from math import ceil, floor, isfinite, log2, log10

from loopbench.watch.frames import Frame

HEIGHT = 64
MARGIN = 46  # for the numbers at either side
LABELLED = 6  # at most so many numbers along the axis


class Curves:
    """Both curves on a logarithmic axis of iterations, in pixels from the top left corner."""

    height = HEIGHT + 40

    def __init__(self, frames: Sequence[Frame], width: int) -> None:
        self.frames = frames
        self.width = width
        sizes = [log10(frame.residual) for frame in frames if frame.residual > 0 and isfinite(frame.residual)]
        self.low, self.high = (floor(min(sizes)), ceil(max(sizes))) if sizes else (-1, 0)
        self.high += self.low == self.high

    def x(self, t: int) -> float:
        """Where an iteration lies."""
        last = self.frames[-1].t
        share = log2(t) / log2(last) if last > 1 else 0.5
        return MARGIN + share * (self.width - 2 * MARGIN)

    def draw(self) -> Iterator[str]:
        """The curves with their names, scales and axis."""
        top, bottom, left, right = 20, 20 + HEIGHT, MARGIN, self.width - MARGIN
        yield f'<text class="cells" x="{left}" y="12">● cells right</text>'
        yield f'<text class="residual" text-anchor="end" x="{right}" y="12">◦ residual, log scale</text>'
        yield f'<path class="axis" d="M{left},{top}H{right}M{left},{bottom}H{right}"/>'
        for y, share, power in ((top, "100 %", self.high), (bottom, "0", self.low)):
            yield f'<text class="cells" text-anchor="end" x="{left - 6}" y="{y + 4}">{share}</text>'
            yield f'<text class="residual" x="{right + 6}" y="{y + 4}">1e{power}</text>'
        for t in self._labelled():
            yield f'<text class="faint" text-anchor="middle" x="{self.x(t):.1f}" y="{bottom + 15}">{t:,}</text>'
        yield _line("cells", [(self.x(frame.t), self._accuracy(frame)) for frame in self.frames if frame.counted])
        yield _line("residual", [(self.x(f.t), self._residual(f)) for f in self.frames if isfinite(f.residual)])

    def cursor(self, frame: Frame) -> str:
        """A line at a frame's t, with a dot on either curve."""
        x = f"{self.x(frame.t):.1f}"
        parts = [f'<path class="cursor" d="M{x},20V{20 + HEIGHT}"/>']
        if frame.counted:
            parts.append(f'<circle class="cells" cx="{x}" cy="{self._accuracy(frame):.1f}" r="4"/>')
        if isfinite(frame.residual):
            parts.append(f'<circle class="residual" cx="{x}" cy="{self._residual(frame):.1f}" r="4"/>')
        return "".join(parts)

    def _accuracy(self, frame: Frame) -> float:
        return 20 + HEIGHT * (1 - frame.right / frame.counted)

    def _residual(self, frame: Frame) -> float:
        size = log10(frame.residual) if frame.residual > 0 else self.low
        return 20 + HEIGHT * (self.high - size) / (self.high - self.low)

    def _labelled(self) -> list[int]:
        """Powers of two from 1, as many as there is room for."""
        powers = self.frames[-1].t.bit_length()
        return [2**i for i in range(0, powers, -(-powers // LABELLED))]


def _line(name: str, points: Sequence[tuple[float, float]]) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{name}" points="{joined}"/>'
