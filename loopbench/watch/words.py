"""What is said of a frame, the same in a terminal and in a picture."""

import math

from loopbench.watch.frames import Frame


def verdict(frame: Frame) -> str:
    """Whether the example is solved, and how many of its cells are right."""
    solved = "solved" if frame.solved else "not solved"
    return f"{frame.right} of {frame.counted} cells right, {solved}" if frame.counted else solved


def movement(frame: Frame) -> str:
    """The relative residual."""
    if not math.isfinite(frame.residual):
        return "residual not finite"
    return f"residual {frame.residual:.1e}" if frame.residual else "residual 0"
