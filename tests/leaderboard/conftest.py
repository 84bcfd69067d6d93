"""Records are made up by the same helpers as in tests/evaluation."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "evaluation"))
