import json
import os
import pickle
import resource
import struct
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from loopbench.contracts import LoopedModel
from loopbench.errors import LoopbenchError
from loopbench.files import file_sha256, sha256
from loopbench.hub import build_model, check_unchanged, load_model, save_model
from loopbench.models.presets import ARCHITECTURES
from loopbench.plugins import get_task

SMALL = {"width": 8, "heads": 2, "mlp_ratio": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "model")
    return tmp_path / "model"


def save(folder: Path, architecture: str = "recall-outer", **changes: Any) -> LoopedModel:
    torch.manual_seed(0)
    config = SMALL | changes
    model = build_model(architecture, config, "prefix-sums")
    save_model(folder, model, train_iterations=30, card="# A card\n")
    return model


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(folder: Path) -> str:
    with pytest.raises(LoopbenchError) as caught:
        load_model(str(folder))
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("architecture", sorted({a.name for a in ARCHITECTURES} - {"looped-transformer"}))
def test_a_model_computes_the_same_after_a_round_trip(architecture: str, tmp_path: Path) -> None:
    model = save(tmp_path, architecture)
    loaded = load_model(str(tmp_path))
    inputs = get_task("prefix-sums").sample(12, 0, 3).inputs
    with torch.no_grad():
        logits = [m.readout(m.step(m.start(e), e)) for m in (model, loaded) for e in [m.encode(inputs)]]
    assert torch.equal(*logits)
    assert not loaded.training


@pytest.mark.parametrize("norm", ["pre", "peri", "outer", "gru"])
def test_every_norm_is_built_without_memory_too(norm: str, tmp_path: Path) -> None:
    save(tmp_path, "looped-transformer", recall="internal", norm=norm)
    assert load_model(str(tmp_path)).info


def test_what_is_known_of_a_loaded_model(folder: Path) -> None:
    info = load_model(str(folder)).info
    assert info is not None
    assert info.ref == str(folder)
    assert (info.repo, info.revision) == (None, None)
    assert info.weights_sha256 == file_sha256(folder / "model.safetensors")
    assert (info.architecture, info.version, info.task) == ("recall-outer", 1, "prefix-sums")
    assert info.config == SMALL | {"recall": "recall", "norm": "outer"}
    assert info.provider.distribution == "loopbench-zoo"
    assert info.train_iterations == 30
    assert info.layers_per_step == 1
    assert info.parameters == sum(p.numel() for p in load_model(str(folder)).parameters())


def test_saving_twice_gives_equal_files_and_leaves_nothing_else(folder: Path) -> None:
    before = {path.name: sha256(path.read_bytes()) for path in folder.iterdir()}
    save(folder)
    assert {path.name: sha256(path.read_bytes()) for path in folder.iterdir()} == before
    assert before.keys() == {"config.json", "model.safetensors", "README.md"}


def test_a_config_holds_every_setting(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    assert config["config"] == SMALL | {"recall": "recall", "norm": "outer"}
    assert config.keys() == {
        *("format", "architecture", "version", "config", "task", "train_iterations", "provider", "loopbench"),
        "task_provider",
    }


def test_a_model_that_was_rebuilt_is_not_saved(tmp_path: Path) -> None:
    model = build_model("fixed-depth", SMALL, "prefix-sums")
    model.head = torch.nn.Linear(8, 3)
    with pytest.raises(LoopbenchError, match=r"does not fit its config: tensors missing: head"):
        save_model(tmp_path, model)
    model.info = None
    with pytest.raises(LoopbenchError, match="save one that came from build_model or load_model"):
        save_model(tmp_path, model)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": 2}, "format: Input should be 1"),
        ({"pickle": "x"}, "pickle: no such field"),
        ({"architecture": "nonsuch"}, "unknown architecture 'nonsuch'.*made with loopbench-zoo"),
        ({"architecture": ["recall"]}, "architecture: Input should be a valid string"),
        ({"task": "nonsuch"}, "unknown task 'nonsuch'"),
        ({"config": SMALL | {"width": 10**9}}, "config.json: config of architecture 'recall-outer': width: .*4096"),
        ({"config": SMALL | {"width": 9}}, "must be a multiple"),
        ({"config": SMALL | {"depth": 3}}, "depth: no such field"),
        ({"config": []}, "config: Input should be a valid dictionary"),
        ({"train_iterations": 0}, "train_iterations"),
        ({"version": 2}, "made for version 2 of .recall-outer., but here is version 1"),
        ({"provider": {"distribution": "loopbench-other", "version": "1"}}, "made with loopbench-other 1, but here"),
        ({"architecture": "\x1b[2J" * 100}, "unknown architecture"),
        (
            {"architecture": "nonsuch", "provider": {"distribution": "loopbench-nonsuch", "version": "1"}},
            r"made with loopbench-nonsuch 1, which is not installed: if you trust it, pip install loopbench-nonsuch \(",
        ),
        (
            {"task": "nonsuch", "task_provider": {"distribution": "loopbench-nonsuch", "version": "1"}},
            r"unknown task 'nonsuch'.*made with loopbench-nonsuch 1, .* pip install loopbench-nonsuch \(",
        ),
        (
            {"architecture": "nonsuch", "provider": {"distribution": "--index-url evil x", "version": "1"}},
            r"made with --index-url evil x 1$",  # what a stranger wrote becomes no command
        ),
    ],
)
def test_a_config_that_is_refused(folder: Path, changes: dict[str, Any], problem: str) -> None:
    edit(folder, **changes)
    with pytest.raises(LoopbenchError, match=problem):
        load_model(str(folder))
    assert "\n" not in refused(folder)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not valid JSON"),
        ("[]", "must be a mapping of names to values"),
        ('{"format": 1, "format": 1}', "the key 'format' stands 2 times"),
        ('{"train_iterations": NaN}', "NaN"),
        ("[" * 60_000, "not valid JSON"),
        (" " * 70_000, "has 70,000 bytes; at most 65,536"),
    ],
)
def test_a_config_file_that_is_refused(folder: Path, text: str, problem: str) -> None:
    (folder / "config.json").write_text(text)
    assert problem in refused(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_files_that_are_none(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert "does not exist" in refused(folder)
    (folder / name).mkdir()
    assert "not a regular file" in refused(folder)
    (folder / name).rmdir()
    os.mkfifo(folder / name)
    assert "not a regular file" in refused(folder)


def test_a_pickle_is_never_read(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    assert "model.safetensors does not exist" in refused(folder)
    torch.save({}, folder / "model.safetensors")
    assert "not a safetensors file" in refused(folder)


def test_weights_of_another_model_are_refused(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "other", "loop")
    (tmp_path / "other" / "model.safetensors").replace(folder / "model.safetensors")
    text = refused(folder)
    assert "tensors missing: block.recall.state.weight" in text
    assert "tensors not in the model: block.norm.pre.weight" in text


def test_a_huge_config_is_refused_without_allocating_its_model(folder: Path) -> None:
    edit(folder, config={"width": 4096, "heads": 2, "mlp_ratio": 16})  # 2.8 GB of weights
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "tensors of the wrong shape" in refused(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_a_file_larger_than_its_config_needs_is_not_read(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(10**12)
    assert "has 1,000,000,000,000 bytes; at most" in refused(folder)


def test_a_nan_is_refused(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-4] + struct.pack("<f", float("nan")))
    assert "not all numbers are finite" in refused(folder)


def test_changed_weights_do_not_pass_as_the_files(folder: Path) -> None:
    model = load_model(str(folder))
    check_unchanged(model)
    check_unchanged(model.double())
    next(iter(model.parameters())).data.flatten()[0] += 1e-12
    with pytest.raises(LoopbenchError, match=r"changed since .* save them with save_model and load that folder"):
        check_unchanged(model)
    check_unchanged(load_model(str(folder)))


def test_a_model_that_was_not_loaded_has_no_identity() -> None:
    with pytest.raises(LoopbenchError, match="load_model"):
        check_unchanged(build_model("recall", SMALL, "prefix-sums"))


def test_a_model_that_was_tuned_in_python_is_saved_and_loaded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = load_model(folder)
    with torch.no_grad():
        next(iter(model.parameters())).add_(1.0)
    digest = save_model("tuned", model)
    assert model.info and model.info.ref == str(folder)
    tuned = load_model(Path("tuned"))
    check_unchanged(tuned)
    assert tuned.info == load_model("./tuned").info
    assert (tuned.info.ref, tuned.info.weights_sha256, tuned.info.train_iterations) == ("./tuned", digest, 30)
    assert all(map(torch.equal, model.parameters(), tuned.parameters()))


def test_a_model_that_was_just_built_is_saved(tmp_path: Path) -> None:
    save_model(tmp_path / "new", deepcopy(build_model("recall", SMALL, "prefix-sums")))
    info = load_model(tmp_path / "new").info
    assert info and (info.architecture, info.train_iterations) == ("recall", None)


def test_a_model_keeps_its_identity_where_it_is_sent(folder: Path) -> None:
    script = (
        "import pickle, sys; from loopbench.hub import check_unchanged; check_unchanged(pickle.load(sys.stdin.buffer))"
    )
    model = load_model(folder)
    sent = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(model), capture_output=True)
    assert sent.returncode == 0, sent.stderr
    check_unchanged(deepcopy(model))


def test_models_are_float32_whatever_the_default_is(folder: Path) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        model = load_model(folder)
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
        assert torch.get_default_dtype() == torch.float64
        assert model.readout(model.step(*2 * [model.encode(torch.zeros(1, 9, dtype=torch.int64))])).isfinite().all()
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("data", [b"", b"x", pickle.dumps({"a": 1})])
def test_something_else_is_no_safetensors_file(folder: Path, data: bytes) -> None:
    (folder / "model.safetensors").write_bytes(data)
    assert refused(folder).endswith("model.safetensors: not a safetensors file")
