"""What the README and docs/ say is what the shipped code and records say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("script", "page"),
    [
        ("presets.py", "README.md"),
        ("tiers.py", "README.md"),
        ("bands.py", "README.md"),
        ("stability.py", "docs/stability.md"),
    ],
)
def test_the_tables_are_those_that_the_records_give(script: str, page: str) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / script)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.strip()
    text = (ROOT / page).read_text(encoding="utf-8")
    for line in filter(None, printed.splitlines()):
        assert line in text


def test_files_that_it_names_are_there() -> None:
    names = re.findall(r"\]\(([^)#:]+)\)|`((?:benchmarks|loopbench)/[\w/.-]+)`", README)
    assert names
    for name in (a or b for a, b in names):
        assert (ROOT / name).exists(), name
