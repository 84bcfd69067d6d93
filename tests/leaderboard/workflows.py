"""The workflows, read."""

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
WORKFLOWS: dict[str, Any] = {path.stem: yaml.load(path.read_text(), yaml.BaseLoader) for path in FOLDER.glob("*.yml")}
