"""`loopbench models`: what is where, fetched, verified and pinned."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from huggingface_hub import constants
from loopback import TOKEN, Hub

from loopbench import registry
from loopbench.cli import main
from loopbench.files import sha256

REPO = "org/toy"
Run = Callable[..., int]


@pytest.fixture
def run(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Run:
    def loopbench(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["loopbench", "models", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return loopbench


@pytest.fixture
def commit(hub: Hub, toy_files: dict[str, bytes]) -> str:
    return hub.publish(REPO, toy_files)


@pytest.fixture
def checkout(
    toy_files: dict[str, bytes], commit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[Path]:
    """A checkout's registry: a bundled model, and the same on the Hub alone."""
    path = tmp_path / "checkout" / "loopbench" / "registry.yaml"
    zoo = path.parent / "zoo" / "toy-s0"
    zoo.mkdir(parents=True)
    (tmp_path / "checkout" / ".git").mkdir()
    for name, content in toy_files.items():
        (zoo / name).write_bytes(content)
    digest = sha256(toy_files["model.safetensors"])
    path.write_text(f"""\
# The zoo's index.
models:
- name: toy
  task: prefix-sums  # the first
  architecture: recall-outer
  sha256: {digest}
  bundled: toy-s0
  scores: {{score: 81.25, bits-512: 100.0}}
# not bundled
- name: far-toy
  task: prefix-sums
  architecture: recall-outer
  hub: {REPO}  # there
  revision: {commit}
  size: 7148
  sha256: {digest}
""")
    monkeypatch.setattr(registry, "FILE", path)
    monkeypatch.setattr(registry, "ZOO", zoo.parent)
    registry.entries.cache_clear()
    yield path
    registry.entries.cache_clear()


def table(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The rows that were printed, by columns."""
    return [row.split(maxsplit=1) for row in capsys.readouterr().out.splitlines()[1:]]


def test_the_list_says_what_is_where(
    checkout: Path, hub: Hub, run: Run, commit: str, toy_files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    other = hub.publish("org/other", toy_files)
    hub.publish("org/bert", {"config.json": b'{"architectures": ["Bert"]}', "model.safetensors": b"x"})
    assert run() == 0
    rows = dict(table(capsys))
    assert rows.keys() == {"toy", "far-toy"}
    assert " ".join(rows["toy"].split()) == "prefix-sums recall-outer 0.00 MB bundled score 81.25, bits-512 100"
    assert " ".join(rows["far-toy"].split()) == f"prefix-sums recall-outer 0.01 MB hub:{REPO}@{commit} -"
    assert hub.requests == []

    assert run("fetch", "far-toy", f"hub:org/other@{other}", "toy") == 0
    assert run("show", "hub:org/bert") == 2  # another library's model, of which config.json is cached now
    capsys.readouterr()
    assert run() == 0
    rows = dict(table(capsys))
    assert rows["far-toy"].endswith("cached  -")
    assert " ".join(rows[f"hub:org/other@{other}"].split()) == "prefix-sums recall-outer 0.00 MB cached -"
    assert rows.keys() == {"toy", "far-toy", f"hub:org/other@{other}"}


def test_what_was_fetched_is_there_offline(
    checkout: Path, hub: Hub, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("fetch", "far-toy", f"hub:{REPO}") == 0
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    capsys.readouterr()
    for ref in ("far-toy", f"hub:{REPO}"):
        assert run("show", ref) == 0
        assert "# Toy" in capsys.readouterr().out
    assert run("fetch", "hub:org/other") == 2
    assert "HF_HUB_OFFLINE is set" in capsys.readouterr().err


def test_verify_hashes_everything_again(
    checkout: Path, hub: Hub, run: Run, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("fetch", "far-toy") == 0
    capsys.readouterr()
    assert run("verify") == 0
    assert table(capsys) == [["toy", "bundled  ok"], [f"hub:{REPO}@{commit}", "cached   ok"]]

    snapshot = Path(constants.HF_HUB_CACHE) / "models--org--toy" / "snapshots" / commit
    for name in ("config.json", "README.md"):
        good = (snapshot / name).read_bytes()
        (snapshot / name).resolve().write_bytes(b"x" * len(good))
        assert run("verify") == 1
        assert f"cached   {name} damaged; `loopbench models fetch hub:{REPO}@{commit}`" in capsys.readouterr().out
        (snapshot / name).resolve().write_bytes(good)
    weights = checkout.parent / "zoo" / "toy-s0" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    assert run("verify") == 1
    assert "bundled  model.safetensors is not the registry's: its sha256 differs" in capsys.readouterr().out
    shutil.rmtree(weights.parent)
    assert run("verify") == 1
    assert "bundled  model.safetensors is missing" in capsys.readouterr().out


def test_verify_knows_what_was_pinned(checkout: Path, hub: Hub, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fetch", "far-toy") == 0
    head, digest = checkout.read_text().rsplit("sha256: ", 1)
    checkout.write_text(f"{head}sha256: {'a' * len(digest.strip())}\n")
    registry.entries.cache_clear()
    assert run("verify") == 1
    assert "cached   model.safetensors is not the registry's: its sha256 differs" in capsys.readouterr().out


def test_a_pin_is_written_and_the_rest_stays(
    checkout: Path, hub: Hub, run: Run, commit: str, toy_files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    before = checkout.read_text()
    assert run("pin", "toy", "--revision", commit) == 2
    assert "the registry names no repository of toy: give --repo ORG/NAME" in capsys.readouterr().err
    assert run("pin", "toy", "--revision", commit, "--repo", REPO) == 0
    assert capsys.readouterr().out == f"{checkout}: toy is pinned\n"
    lines = f"  hub: {REPO}\n  revision: {commit}\n  sha256:"
    assert checkout.read_text() == before.replace("  sha256:", lines, 1)
    entry = registry.find("toy")
    assert (entry.hub, entry.revision) == (REPO, commit)

    newer = hub.publish(REPO, toy_files | {"README.md": b"# Toy, newer\n"})
    before = checkout.read_text()
    assert run("pin", "far-toy", "--revision", newer) == 0
    head, far = before.split("- name: far-toy")
    assert checkout.read_text() == f"{head}- name: far-toy{far.replace(commit, newer)}"


def test_a_pin_that_is_refused_changes_nothing(
    checkout: Path, hub: Hub, run: Run, commit: str, toy_files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    before = checkout.read_text()
    data = toy_files["model.safetensors"]
    other = hub.publish(REPO, toy_files | {"model.safetensors": data[:-1] + bytes([data[-1] ^ 1])})
    unknown = "0" * 40
    for arguments, message in (
        (("far-toy", "--revision", other), "has sha256 "),
        (("far-toy", "--revision", unknown), f"hub:{REPO}@{unknown}: the repository has no such revision"),
        (("far-toy", "--revision", "main"), "only a full commit can be pinned, not 'main'"),
        (("nobody", "--revision", commit), "unknown model 'nobody'"),
        (("far-toy", "--revision", commit, "--repo", "a b"), "is not a model reference"),
    ):
        assert run("pin", *arguments) == 2
        assert message in capsys.readouterr().err
    checkout.write_text(json.dumps({"models": [entry.model_dump(exclude_none=True) for entry in registry.entries()]}))
    registry.entries.cache_clear()
    newer = hub.publish(REPO, toy_files)
    assert run("pin", "far-toy", "--revision", newer) == 2
    assert "is not laid out as it was shipped" in capsys.readouterr().err
    checkout.write_text(before)
    (checkout.parents[1] / ".git").rmdir()
    assert run("pin", "far-toy", "--revision", commit) == 2
    assert "is not in a checkout: pin in a clone" in capsys.readouterr().err
    assert checkout.read_text() == before


def test_the_clients_own_environment_and_login(hub: Hub, toy_files: dict[str, bytes], tmp_path: Path) -> None:
    hub.publish("org/private", toy_files, private=True)
    home = tmp_path / "home"
    home.mkdir()
    keep = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    base = keep | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    base |= {"HF_HUB_DISABLE_TELEMETRY": "1"}

    def show(**environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "loopbench", "models", "show", "hub:org/private"]
        return subprocess.run(command, env=base | environment, capture_output=True, text=True, check=False)

    (home / "token").write_text(TOKEN)
    done = show()
    assert done.returncode == 0, done.stderr
    commit = hub.repos["org/private"].refs["main"]
    assert done.stderr == (f"hub:org/private can change; today it is hub:org/private@{commit}: write that to pin it\n")
    hub.requests.clear()
    assert show(HF_HUB_OFFLINE="1").returncode == 0
    assert hub.requests == []
