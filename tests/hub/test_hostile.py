"""Repositories made to do harm do nothing but fail.

The bound on memory: no repository of this kind makes a process grow by more than `MAX_GROWTH`. It is measured in a
process that does nothing else: in the one that runs all the tests, memory that was swapped out comes back meanwhile.
"""

import json
import multiprocessing
import os
import pickle
import struct
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Hub

from loopbench.errors import LoopbenchError
from loopbench.hub import load_model
from loopbench.plugins import get_task

MAX_GROWTH = 64 * 2**20
CASES = 300
REPO, WEIGHTS, CONFIG = "org/evil", "model.safetensors", "config.json"
Files = dict[str, bytes]

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=9), st.just(10**9)
)
JSON = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=9), v, max_size=3))
NAMES = st.sampled_from(
    [
        "../../escaped",
        "/tmp/escaped",
        "..",
        "a/../../b",
        "C:\\x",
        "pytorch_model.bin",
        "\x00",
        "x" * 300,
        "records/../../y",
    ]
)


class Payload:
    """A pickle that leaves a trace if it is ever read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, (f"touch {self.trace}",)


def deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def nested(draw: st.DrawFn, config: dict[str, Any]) -> bytes:
    """The config with another value at one of its fields, at any level."""
    config = json.loads(json.dumps(config))
    inner = config["config"] if draw(st.booleans()) else config
    inner[draw(st.sampled_from([*inner, "extra", "format", "__class__"]))] = draw(JSON)
    return json.dumps(config).encode("utf-8", "surrogatepass")


def evil_config(draw: st.DrawFn, files: Files) -> bytes:
    config = json.loads(files[CONFIG])
    kind = draw(st.sampled_from(["value", "value", "deep", "huge", "bytes", "settings", "twice"]))
    if kind == "value":
        return nested(draw, config)
    if kind == "deep":
        return deep(draw(st.sampled_from([33, 1000, 30_000])))
    if kind == "huge":
        return b" " * draw(st.sampled_from([64 * 1024 + 1, 3 * 2**20])) + files[CONFIG]
    if kind == "bytes":
        return draw(st.binary(max_size=60))
    if kind == "settings":
        settings = st.dictionaries(st.sampled_from(["width", "heads", "mlp_ratio", "recall", "norm", "x"]), SCALARS)
        return json.dumps(config | {"config": draw(settings)}).encode("utf-8", "surrogatepass")
    return files[CONFIG].replace(b'"format": 1', b'"format": 1, "format": 1')


def evil_weights(draw: st.DrawFn, files: Files, trace: Path) -> bytes:
    data = files[WEIGHTS]
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    kind = draw(st.sampled_from(["pickle", "length", "cut", "entry", "offsets", "twice", "missing", "number", "bytes"]))
    if kind == "pickle":
        return pickle.dumps(Payload(trace))
    if kind == "length":
        return struct.pack("<Q", draw(st.sampled_from([2**30, 2**63, length - 1, length + 1, 0]))) + data[8:]
    if kind == "cut":
        return data[: draw(st.integers(0, len(data) - 1))] + draw(st.binary(max_size=3))
    if kind == "number":
        place = 8 + length + 4 * draw(st.integers(0, len(body) // 4 - 1))
        value = struct.pack("<f", draw(st.sampled_from([float("nan"), float("inf"), float("-inf")])))
        return data[:place] + value + data[place + 4 :]
    if kind == "bytes":
        place = draw(st.integers(0, 7 + length))
        return data[:place] + draw(st.binary(min_size=1, max_size=4)) + data[place + 1 :]
    name = draw(st.sampled_from(sorted(header)))
    if kind == "entry":
        header[name][draw(st.sampled_from(["dtype", "shape", "data_offsets", "more"]))] = draw(JSON)
    elif kind == "offsets":
        header[name]["data_offsets"] = draw(st.lists(st.integers(-8, 2 * len(body)), min_size=2, max_size=2))
    elif kind == "missing":
        header[draw(NAMES)] = header.pop(name)
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    if kind == "twice":
        text = text[:-1] + b"," + json.dumps({name: header[name]}).encode()[1:]
    return struct.pack("<Q", len(text)) + text + body


@st.composite
def evil(draw: st.DrawFn, files: Files, trace: Path) -> Files:
    """A model folder with something wrong in it."""
    files = dict(files)
    what = draw(st.sampled_from(["config", "weights", "both", "pickles", "names"]))
    if what in ("config", "both"):
        files[CONFIG] = evil_config(draw, files)
    if what in ("weights", "both"):
        files[WEIGHTS] = evil_weights(draw, files, trace)
    if what == "pickles":
        del files[WEIGHTS]
        files |= {name: pickle.dumps(Payload(trace)) for name in ("pytorch_model.bin", "model.pt", "modeling.py")}
    for name in draw(st.lists(NAMES, max_size=3)) if what == "names" else ():
        files[name] = pickle.dumps(Payload(trace))
    return files


def reset_peak() -> int:
    """Forget the highest memory so far; returns the present one, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def logits(ref: str) -> list[float]:
    """What a model says after one step."""
    model = load_model(ref)
    e = model.encode(get_task("prefix-sums").sample(9, 0, 2).inputs)
    return model.readout(model.step(model.start(e), e)).flatten().tolist()


def outside(folder: Path) -> set[Path]:
    """Everything beside the cache."""
    cache = Path(constants.HF_HUB_CACHE)
    return {path for path in folder.rglob("*") if path != cache and cache not in path.parents}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux's /proc")
def test_hostile_repositories_do_nothing_but_fail(
    hub: Hub, toy_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    trace = tmp_path / "trace"
    environment = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": constants.HF_HUB_CACHE}
    for name, value in (environment | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}).items():
        monkeypatch.setenv(name, value)
    refused: list[str] = []
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as victim:

        def loaded(ref: str) -> list[float]:
            return victim.submit(logits, ref).result()

        hub.publish("org/good", toy_files)
        expected = loaded("hub:org/good")
        before = outside(tmp_path)
        start = victim.submit(reset_peak).result()

        @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(evil(toy_files, trace))
        def attack(files: Files) -> None:
            commit = hub.publish(REPO, files)
            try:
                got = loaded(f"hub:{REPO}@{commit}")
            except LoopbenchError as error:
                assert str(error).isprintable()
                assert len(str(error)) < 2000
                refused.append(str(error))
            else:
                assert got == expected or files[WEIGHTS] != toy_files[WEIGHTS]
            finally:
                hub.repos[REPO].commits.clear()

        attack()
        assert victim.submit(peak).result() - start < MAX_GROWTH
        assert loaded("hub:org/good") == expected
    assert len(refused) > CASES / 2
    assert outside(tmp_path) == before, "something was written outside the cache"
    assert not trace.exists(), "a pickle was read"


def test_a_width_of_a_billion_allocates_nothing(hub: Hub, toy_files: Files) -> None:
    config = json.loads(toy_files[CONFIG])
    for width, message in ((10**9, "less than or equal to 4096"), (4096, "tensors of the wrong shape")):
        text = json.dumps(config | {"config": config["config"] | {"width": width, "mlp_ratio": 16}})
        commit = hub.publish(REPO, toy_files | {CONFIG: text.encode()})
        start = reset_peak()
        with pytest.raises(LoopbenchError, match=message):
            load_model(f"hub:{REPO}@{commit}")
        assert peak() - start < MAX_GROWTH


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
def test_a_file_that_is_too_large_is_not_downloaded(hub: Hub, toy_files: Files, file: str) -> None:
    commit = hub.publish(REPO, toy_files | {file: b"\0" * 3_000_000})
    with pytest.raises(LoopbenchError, match="has 3,000,000 bytes; at most"):
        load_model(f"hub:{REPO}@{commit}")
    assert ("GET", f"/{REPO}/resolve/{commit}/{file}") not in hub.requests


def test_links_in_a_clone_show_nothing_of_this_machine(toy_files: Files, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password")
    clone = tmp_path / "clone"
    clone.mkdir()
    for file in (CONFIG, WEIGHTS):
        for name, content in toy_files.items():
            (clone / name).unlink(missing_ok=True)
            (clone / name).write_bytes(content)
        for target in (secret, Path("/dev/zero"), Path("nowhere")):
            (clone / file).unlink()
            (clone / file).symlink_to(target)
            with pytest.raises(LoopbenchError) as caught:
                load_model(clone)
            assert "password" not in str(caught.value)
