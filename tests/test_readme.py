"""What the README and docs/ say is what the shipped code and records say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("script", ["presets.py", "tiers.py", "ratings.py", "bands.py", "stability.py", "plugins.py"])
def test_the_tables_are_those_that_the_records_give(script: str) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / script)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.strip()
    lines = {line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()}
    for line in filter(None, printed.splitlines()):
        assert line in lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    paths = [page.parent / link for link in re.findall(r"\]\(([^)#:]+)\)", text)]
    named = re.findall(r"`(?:python )?((?:benchmarks|leaderboard|loopbench|tests)/[\w/.-]+)", text)
    paths += [ROOT / name for name in named]
    assert paths
    for path in paths:
        assert path.exists(), path
