"""Everything that can go wrong on the way: one clear line, and a cache that works as soon as the fault is over."""

import errno
import hashlib
import os
import resource
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from conftest import point_client_at
from huggingface_hub import constants
from loopback import TOKEN, Hub, Request

from loopbench.errors import LoopbenchError
from loopbench.hub import build_model, load_model, save_model

REPO, REF = "org/toy", "hub:org/toy"
WEIGHTS, CONFIG = "model.safetensors", "config.json"
HTML = b"<!DOCTYPE html><html><body>Please log in to the network</body></html>"

Act = Callable[[Request], object]


@pytest.fixture
def commit(hub: Hub, toy_files: dict[str, bytes]) -> str:
    return hub.publish(REPO, toy_files)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


def on(command: str, file: str, act: Act, times: float = float("inf")) -> Callable[[Request], bool]:
    """Do something else than answering to the first so many requests of a kind."""
    left = times

    def fault(request: Request) -> bool:
        nonlocal left
        if request.command != command or not request.path.endswith(file) or left <= 0:
            return False
        left -= 1
        act(request)
        return True

    return fault


def status(code: int, **headers: str) -> Act:
    return lambda request: request.answer(code, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


def refused(ref: str, **options: str) -> str:
    with pytest.raises(LoopbenchError) as caught:
        load_model(ref, **options)
    assert str(caught.value).isprintable()
    return str(caught.value)


def cached_files() -> list[Path]:
    return [path for path in Path(constants.HF_HUB_CACHE).rglob("*") if path.is_file()]


def assert_usable(ref: str = REF) -> None:
    assert load_model(ref).info
    assert not [path for path in cached_files() if path.name.endswith(".incomplete")]


def test_what_is_missing(hub: Hub, commit: str, toy_files: dict[str, bytes]) -> None:
    assert (
        refused("hub:org/nowhere")
        == "hub:org/nowhere: no such repository; a private one needs --token or `hf auth login`"
    )
    assert refused(f"{REF}@v9") == f"{REF}@v9: the repository has no such revision"
    hub.publish("org/empty", {"README.md": b""})
    assert refused("hub:org/empty") == "hub:org/empty: the repository has no config.json"
    half = hub.publish("org/half", {CONFIG: toy_files[CONFIG], "pytorch_model.bin": b"pickle"})
    assert refused("hub:org/half") == f"hub:org/half@{half}: the repository has no model.safetensors"
    hub.publish("org/half", toy_files)
    assert_usable("hub:org/half")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (on("HEAD", CONFIG, status(401)), f"{REF}: the Hub wants another token: --token or `hf auth login`"),
        (on("HEAD", CONFIG, status(403, X_Error_Code="GatedRepo")), f"{REF}: access must be asked for at its page"),
        (
            on("HEAD", CONFIG, status(429, Retry_After="120")),
            f"{REF}: the Hub limits requests (429); try again in 120 s, and config.json is not in the local cache",
        ),
        (on("GET", WEIGHTS, status(429)), "the Hub limits requests (429); try again later"),
        (on("HEAD", CONFIG, status(500)), f"{REF}: the Hub fails (500); try again later, and config.json is not in"),
        (on("GET", WEIGHTS, status(503)), "the Hub fails (503); try again later"),
        (on("GET", WEIGHTS, status(418)), "the Hub refuses (418)"),
        (on("GET", WEIGHTS, lambda request: request.cut(b"abc", size=7148)), "the Hub is out of reach (peer closed"),
        (on("GET", WEIGHTS, lambda request: request.answer(200, {}, HTML)), "file should be of size"),
        (
            on("HEAD", CONFIG, lambda request: request.answer(200, {"Content-Type": "text/html"}, HTML)),
            f"{REF}: what answers is not the Hub: a login page of the network, or a wrong HF_ENDPOINT?",
        ),
    ],
)
def test_a_fault_that_stays_is_one_line(hub: Hub, commit: str, fault: Callable[[Request], bool], message: str) -> None:
    hub.fault = fault
    assert message in refused(REF)
    hub.fault = None
    assert_usable()


@pytest.mark.parametrize(
    ("fault", "waited"),
    [
        (on("HEAD", CONFIG, status(429, Retry_After="7"), times=3), 8),
        (on("GET", WEIGHTS, status(429, Retry_After="7"), times=2), 8),
        (on("HEAD", CONFIG, status(502), times=4), 1),
        (on("GET", WEIGHTS, status(500), times=3), 4),
    ],
)
def test_a_fault_that_passes_is_waited_for(
    hub: Hub, commit: str, fault: Callable[[Request], bool], waited: float, waits: list[float]
) -> None:
    hub.fault = fault
    assert_usable()
    assert waited in waits


def test_what_is_cut_is_taken_up_again(hub: Hub, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_model(tmp_path / "large", build_model("recall-outer", {"width": 672, "heads": 2}, "prefix-sums"))
    large = {path.name: path.read_bytes() for path in (tmp_path / "large").iterdir()}
    weights = large[WEIGHTS]
    assert len(weights) > 25e6
    hub.publish(REPO, large)
    ranges: list[str | None] = []

    def cut_once(request: Request) -> bool:
        if request.command != "GET" or not request.path.endswith(WEIGHTS):
            return False
        ranges.append(request.headers.get("Range"))
        if len(ranges) == 1:
            request.cut(weights[:15_000_000], size=len(weights))
        return len(ranges) == 1

    hub.fault = cut_once
    loaded = load_model(REF)
    assert loaded.info and loaded.info.weights_sha256 == hashlib.sha256(weights).hexdigest()
    assert ranges == [None, f"bytes={10 * 2**20}-"]


def test_a_small_file_that_is_cut_starts_anew(hub: Hub, commit: str, toy_files: dict[str, bytes]) -> None:
    content = toy_files[WEIGHTS]
    hub.fault = on("GET", WEIGHTS, lambda request: request.cut(content[:2000], size=len(content)), times=2)
    assert_usable()


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
def test_damage_of_the_same_size_is_found_and_fetched_anew(
    hub: Hub, commit: str, toy_files: dict[str, bytes], file: str
) -> None:
    headers = {"X-Repo-Commit": commit}
    page = HTML.ljust(len(toy_files[file]))
    hub.fault = on("GET", file, lambda request: request.answer(200, headers, page))
    assert f"{file} was damaged; it is removed from the cache and fetched anew next time" in refused(REF)
    hub.fault = None
    assert_usable()
    blob = next(path for path in cached_files() if path.name == file).resolve()
    blob.write_bytes(page)
    assert f"{file} was damaged" in refused(f"{REF}@{commit}")
    assert_usable(f"{REF}@{commit}")


def test_a_moved_tag_is_another_commit(
    hub: Hub, commit: str, toy_files: dict[str, bytes], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    hub.repos[REPO].tags["v1"] = commit
    first = load_model(f"{REF}@v1").info
    assert first and first.revision == commit
    assert f"{REF}@v1 can change; today it is {REF}@{commit}: write that to pin it" in caplog.text
    torch.manual_seed(1)
    save_model(tmp_path / "new", build_model("recall-outer", first.config, "prefix-sums"))
    moved = hub.publish(REPO, {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()})
    hub.repos[REPO].tags["v1"] = moved
    second = load_model(f"{REF}@v1").info
    assert second and second.revision == moved
    assert second.weights_sha256 != first.weights_sha256
    caplog.clear()
    pinned = load_model(f"{REF}@{commit}").info
    assert pinned and pinned.weights_sha256 == first.weights_sha256
    assert not caplog.text


def test_without_a_network_the_cache_serves(
    hub: Hub, commit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_usable()
    point_client_at("http://127.0.0.1:9", tmp_path / "cache", monkeypatch)
    assert_usable()
    message = refused("hub:org/other")
    assert message.startswith("hub:org/other: the Hub is out of reach (")
    assert message.endswith("), and config.json is not in the local cache")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert_usable()
    assert refused("hub:org/other") == "hub:org/other: HF_HUB_OFFLINE is set, and config.json is not in the local cache"


def test_a_token_is_never_shown(hub: Hub, commit: str) -> None:
    for token in ("hf_secret", "hf_secret\nlines", "hf_secret…"):
        assert "hf_s" not in refused(REF, token=token)
    assert load_model(REF, token=TOKEN).info


@contextmanager
def full_disk(folder: Path) -> Generator[int]:
    """A folder with little room: a small file system where one can be mounted, else a limit on the size of a file.
    Gives the error number that it causes."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", folder], capture_output=True).returncode == 0:
        try:
            yield errno.ENOSPC
        finally:
            subprocess.run(["umount", folder], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
    try:
        yield errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk(hub: Hub, commit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    big = tmp_path / "big"
    save_model(big, build_model("recall-outer", {"width": 32, "heads": 2}, "prefix-sums"))
    hub.publish("org/big", {path.name: path.read_bytes() for path in big.iterdir()})
    with full_disk(tmp_path / "full") as error:
        point_client_at(hub.endpoint, tmp_path / "full" / "cache", monkeypatch)
        assert refused("hub:org/big").endswith(os.strerror(error))
        assert not [path for path in cached_files() if path.name.endswith(".incomplete")]
        assert_usable()
    point_client_at(hub.endpoint, tmp_path / "cache", monkeypatch)
    assert_usable("hub:org/big")
