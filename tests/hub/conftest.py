from collections.abc import Generator
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from loopback import Hub, running

from loopbench.hub import build_model, save_model

SMALL = {"width": 8, "heads": 2, "mlp_ratio": 1}


@pytest.fixture(scope="session")
def toy_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A model folder of five kilobytes."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "toy"
    save_model(folder, build_model("recall-outer", SMALL, "prefix-sums"), train_iterations=30, card="# Toy\n")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="session")
def server() -> Generator[Hub]:
    with running() as hub:
        yield hub


@pytest.fixture
def hub(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """An empty Hub that the client of this process talks to, with an empty cache and nobody logged in."""
    server.repos, server.objects, server.requests, server.fault = {}, {}, [], None
    point_client_at(server.endpoint, tmp_path / "cache", monkeypatch)
    return server


def point_client_at(endpoint: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment variables would have done before the client was imported."""
    for name, value in {
        "ENDPOINT": endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(cache),
        "HF_TOKEN_PATH": str(cache.parent / "token"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
    }.items():
        monkeypatch.setattr(constants, name, value)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
