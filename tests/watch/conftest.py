from collections.abc import Sequence

import pytest
from watch_toys import Diagonals, watch

from loopbench.watch.frames import Frame


@pytest.fixture(scope="session")
def sudoku() -> Sequence[Frame]:
    """The 34 frames of 100 iterations, solved at the 17th."""
    return watch(Diagonals(), 100)
