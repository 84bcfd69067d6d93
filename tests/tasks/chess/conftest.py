import pytest

from loopbench.cache import CACHE
from loopbench.tasks.chess.task import training_pool


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found that another test kept, nor in the user's cache."""
    monkeypatch.setenv(CACHE, str(tmp_path_factory.mktemp("cache")))
    training_pool.cache_clear()
