"""Model folders: config.json, model.safetensors and README.md, strictly checked, since they come from strangers.

Nothing in a folder is code, and no pickle is ever read.
"""

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from loopbench import __version__, weights
from loopbench.contracts import LoopedModel, ModelInfo, Provider
from loopbench.errors import LoopbenchError
from loopbench.files import sha256, write_bytes, write_json
from loopbench.plugins import architecture_provider, get_architecture, get_task
from loopbench.references import CARD, CONFIG, WEIGHTS, Source, locate
from loopbench.validation import parse_json, printable, validate

MAX_CONFIG_BYTES = 64 * 1024

_fingerprints: dict[str, str] = {}  # of the weights in every file loaded so far, by the file's sha256


class ModelConfig(BaseModel):
    """What config.json says.

    Attributes:
        format: of the model folder.
        version: of the architecture; weights of one version are not those of another.
        config: the architecture's settings, all of them.
        train_iterations: the most iterations that a training step ran.
        provider: the distribution that the architecture came from.
        loopbench: the version that wrote the folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    architecture: str
    version: int = Field(ge=1)
    config: dict[str, Any]
    task: str
    train_iterations: int | None = Field(None, ge=1)
    provider: Provider
    loopbench: str


def model_config(
    architecture: str, config: dict[str, Any], task: str, train_iterations: int | None = None
) -> ModelConfig:
    """The config.json of a model that is made here and now; settings left out of `config` get their defaults.

    Raises:
        LoopbenchError: an unknown architecture, or settings that it does not take.
    """
    return ModelConfig(
        architecture=architecture,
        version=get_architecture(architecture).version,
        config=_settings(architecture, config).model_dump(mode="json"),
        task=task,
        train_iterations=train_iterations,
        provider=architecture_provider(architecture),
        loopbench=__version__,
    )


def build_model(architecture: str, config: dict[str, Any], task: str) -> LoopedModel:
    """An untrained model on the CPU.

    Raises:
        LoopbenchError: an unknown architecture or task, or settings that the architecture does not take.
    """
    return get_architecture(architecture).build(get_task(task).shape, _settings(architecture, config))


def save_model(folder: Path, model: LoopedModel, config: ModelConfig, card: str | None = None) -> str:
    """Write a model folder, each file whole, and return the sha256 of model.safetensors.

    Args:
        card: the text of README.md; `None` leaves the one that may be there.

    Raises:
        LoopbenchError: `config` does not describe `model`, a weight is not finite, or a file cannot be written.
    """
    data = weights.dump(model, _needed_shapes(config))
    write_bytes(folder / WEIGHTS, data)
    if card is not None:
        write_bytes(folder / CARD, card.encode())
    write_json(folder / CONFIG, config.model_dump(mode="json"))
    return sha256(data)


def load_model(ref: str) -> LoopedModel:
    """The model of a reference, in eval mode on the CPU, with its `info` set.

    Args:
        ref: a registry name, a folder or `hub:org/name[@revision]`.

    Raises:
        LoopbenchError: a malformed reference, no such model, or a folder that is not exactly as it must be.
    """
    return load_source(locate(ref))


def load_source(source: Source) -> LoopedModel:
    """Like `load_model`, from where the files are known to be."""
    config = load_config(source)
    # Built without memory first: what a stranger's config asks for is only allocated for a file that has it.
    shapes = _needed_shapes(config)
    data = source.read(WEIGHTS, weights.largest_file(shapes))
    digest = sha256(data)
    if source.sha256 not in (None, digest):
        raise LoopbenchError(f"{source.ref}: {WEIGHTS} has sha256 {digest}, but the registry says {source.sha256}")
    tensors = weights.parse(data, shapes, f"{source.ref}: {WEIGHTS}")
    model = build_model(config.architecture, config.config, config.task)
    model.load_state_dict(tensors, strict=True)
    model.info = ModelInfo(
        ref=source.ref,
        repo=source.published and source.published.repo,
        revision=source.published and source.published.revision,
        weights_sha256=digest,
        architecture=config.architecture,
        version=config.version,
        config=_settings(config.architecture, config.config).model_dump(mode="json"),
        task=config.task,
        provider=architecture_provider(config.architecture),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        layers_per_step=model.layers_per_step,
        train_iterations=config.train_iterations,
    )
    _fingerprints[digest] = weights.fingerprint(model)
    return model.eval()


def load_config(source: Source) -> ModelConfig:
    """A model folder's config.json, whose architecture is installed.

    Raises:
        LoopbenchError: not a valid config.json, or its architecture comes from a distribution that is not here.
    """
    what = f"{source.ref}: {CONFIG}"
    config = validate(ModelConfig, parse_json(source.read(CONFIG, MAX_CONFIG_BYTES), what), what)
    origin = f"the model was made with {printable(f'{config.provider.distribution} {config.provider.version}')}"
    try:
        installed = architecture_provider(config.architecture)
    except LoopbenchError as error:
        raise LoopbenchError(f"{what}: {error}; {origin}") from error
    if installed.distribution != config.provider.distribution:
        raise LoopbenchError(
            f"{what}: {origin}, but here {config.architecture!r} is {installed.distribution} {installed.version}'s"
        )
    if config.version != (version := get_architecture(config.architecture).version):
        raise LoopbenchError(
            f"{what}: made for version {config.version} of {config.architecture!r}, but here is version {version}"
        )
    return config


def check_unchanged(model: LoopedModel) -> None:
    """Make sure that a model's weights are the file's that its `info` names.

    Raises:
        LoopbenchError: it was not loaded with `load_model`, or its weights were changed since.
    """
    if model.info is None:
        raise LoopbenchError("the model has no identity; save it with save_model and load that folder with load_model")
    if weights.fingerprint(model) != _fingerprints.get(model.info.weights_sha256):
        raise LoopbenchError(
            f"the weights changed since {model.info.ref} was loaded; save them with save_model and load that folder"
        )


def _settings(architecture: str, config: dict[str, Any]) -> BaseModel:
    return validate(get_architecture(architecture).config, config, f"config of architecture {architecture!r}")


def _needed_shapes(config: ModelConfig) -> weights.Shapes:
    """What the model of a config needs, found out without allocating it."""
    with torch.device("meta"):
        return weights.needed_shapes(build_model(config.architecture, config.config, config.task))
