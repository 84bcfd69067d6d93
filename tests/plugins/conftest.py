"""Plugins for one test."""

import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from installed_plugins import Install, write_distribution

from loopbench import plugins


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Install]:
    """Installs a distribution and has the plugins looked up anew."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("LOOPBENCH_PLUGINS", raising=False)

    def install(distribution: str, source: str) -> None:
        write_distribution(tmp_path, distribution, source)
        plugins.reports.cache_clear()

    plugins.reports.cache_clear()
    yield install
    plugins.reports.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("plugin_"):
            del sys.modules[name]
