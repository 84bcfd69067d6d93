import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "evaluation"))
from evaluation_toys import made_record
