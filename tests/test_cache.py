import logging
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from loopbench.cache import CACHE, Arrays, cache_folder, cached_arrays

SQUARES = {"squares": np.arange(12, dtype=np.uint8).reshape(3, 4), "none": np.zeros((0, 2), np.uint8)}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


class Maker:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Arrays:
        self.calls += 1
        return dict(SQUARES)


def same(found: Arrays) -> bool:
    return found.keys() == SQUARES.keys() and all(
        np.array_equal(found[name], array) and found[name].dtype == array.dtype for name, array in SQUARES.items()
    )


def test_what_was_made_is_kept_under_its_name() -> None:
    make = Maker()
    assert all(same(cached_arrays("a", make)) for _ in range(3))
    assert make.calls == 1
    assert same(cached_arrays("b", make))
    assert make.calls == 2


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "foreign"])
def test_a_damaged_file_is_made_again(folder: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    make = Maker()
    cached_arrays("a", make)
    path = folder / "a.safetensors"
    whole = path.read_bytes()
    damaged = {"flipped": whole[:-1] + b"?", "cut": whole[:-1], "empty": b"", "foreign": b"something else entirely"}
    path.write_bytes(damaged[damage])
    with caplog.at_level(logging.WARNING):
        assert same(cached_arrays("a", make))
    [line] = caplog.messages
    assert f"{path} is damaged" in line
    assert path.read_bytes() == whole
    assert make.calls == 2


def test_where_nothing_can_be_written_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE, str(tmp_path / "file" / "cache"))
    make = Maker()
    with caplog.at_level(logging.WARNING):
        assert all(same(cached_arrays("a", make)) for _ in range(2))
    assert make.calls == 2
    assert len(caplog.messages) == 2
    assert all("cannot write" in line for line in caplog.messages)


def test_who_wants_the_same_waits_for_the_first() -> None:
    make = Maker()

    def slow() -> Arrays:
        time.sleep(0.2)
        return make()

    threads = [threading.Thread(target=cached_arrays, args=("a", slow)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.calls == 1


def test_the_folder_is_the_users_cache_if_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(CACHE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "loopbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "loopbench"


def test_an_error_while_making_is_the_makers() -> None:
    def broken() -> Arrays:
        raise OSError("no such thing")

    with pytest.raises(OSError, match="no such thing"):
        cached_arrays("a", broken)
    assert same(cached_arrays("a", Maker()))
