"""Model folders: config.json, model.safetensors and README.md, strictly checked, since they come from strangers.

Nothing in a folder is code, and no pickle is ever read.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import torch
from pydantic import BaseModel, ConfigDict, Field

from loopbench import __version__, weights
from loopbench.contracts import LoopedModel, ModelInfo, Provider
from loopbench.errors import LoopbenchError
from loopbench.files import sha256, write_bytes, write_json
from loopbench.plugins import architecture_provider, get_architecture, get_task, origin, task_provider
from loopbench.references import CARD, CONFIG, MAX_CONFIG_BYTES, WEIGHTS, Source, locate
from loopbench.validation import parse_json, printable, validate


class ModelConfig(BaseModel):
    """What config.json says.

    Attributes:
        format: of the model folder.
        version: of the architecture; weights of one version are not those of another.
        config: the architecture's settings, all of them.
        train_iterations: the most iterations that a training step ran.
        provider: the distribution that the architecture came from.
        task_provider: the one that the task came from; `None` in a file that does not say.
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
    task_provider: Provider | None = None
    loopbench: str


class _Info(ModelInfo):
    """What is known of a model that was built here.

    Attributes:
        fingerprint: of the weights in the file that the model was loaded from; `None` if there is none. It is no part
            of the model's identity, but goes wherever the model is copied or sent.
    """

    fingerprint: str | None = Field(default=None, exclude=True, repr=False)


def build_model(architecture: str, config: dict[str, Any], task: str) -> LoopedModel:
    """An untrained float32 model on the CPU; settings left out of `config` get their defaults.

    Raises:
        LoopbenchError: an unknown architecture or task, settings that the architecture does not take, or what it builds
            is no looped model.
    """
    spec = get_architecture(architecture)
    provider = architecture_provider(architecture)
    settings = validate(spec.config, config, f"config of architecture {architecture!r}")
    with _default_dtype(torch.float32):
        model = cast(object, spec.build(get_task(task).shape, settings))
    layers = getattr(model, "layers_per_step", None)
    if not isinstance(model, LoopedModel) or not isinstance(layers, int) or layers < 1:
        raise LoopbenchError(
            f"architecture {architecture!r} of {provider.distribution} {provider.version} builds a "
            f"{type(model).__name__} with layers_per_step = {layers!r}; it must build a LoopedModel with at least 1"
        )
    model.info = _Info(
        ref=f"an unsaved {architecture}",
        repo=None,
        revision=None,
        weights_sha256="",
        architecture=architecture,
        version=spec.version,
        config=settings.model_dump(mode="json"),
        task=task,
        provider=provider,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        layers_per_step=layers,
        train_iterations=None,
    )
    return model


def save_model(
    folder: str | Path, model: LoopedModel, *, train_iterations: int | None = None, card: str | None = None
) -> str:
    """Write a model folder, each file whole, and return the sha256 of model.safetensors.

    Args:
        model: what `build_model` or `load_model` gave, with whatever weights it has now.
        train_iterations: the most iterations that a training step ran; default: what is known of the model.
        card: the text of README.md; `None` leaves the one that may be there.

    Raises:
        LoopbenchError: nothing is known of the model or it was rebuilt, a weight is not finite, or a file cannot be
            written.
    """
    info = getattr(model, "info", None)
    if info is None:
        raise LoopbenchError("nothing is known of this model: save one that came from build_model or load_model")
    config = ModelConfig(
        architecture=info.architecture,
        version=info.version,
        config=info.config,
        task=info.task,
        train_iterations=train_iterations or info.train_iterations,
        provider=info.provider,
        task_provider=task_provider(info.task),
        loopbench=__version__,
    )
    data = weights.dump(model, _needed_shapes(config))
    folder = Path(folder)
    write_bytes(folder / WEIGHTS, data)
    if card is not None:
        write_bytes(folder / CARD, card.encode())
    write_json(folder / CONFIG, config.model_dump(mode="json"))
    return sha256(data)


def load_model(ref: str | Path, *, token: str | None = None) -> LoopedModel:
    """The model of a reference, in eval mode on the CPU, with its `info` set.

    Args:
        ref: a registry name, a folder (a `Path` always is one) or `hub:org/name[@revision]`.
        token: of the Hub, for a private repository; default: the client's own (`HF_TOKEN`, `hf auth login`).

    Raises:
        LoopbenchError: a malformed reference, no such model, or a folder that is not exactly as it must be.
    """
    if isinstance(ref, Path):
        ref = str(ref) if ref.is_absolute() else f"./{ref}"
    return load_source(locate(ref, token))


def load_source(source: Source) -> LoopedModel:
    """Like `load_model`, from where the files are known to be."""
    config = load_config(source)
    # Built without memory first: what a stranger's config asks for is only allocated for a file that has it.
    try:
        shapes = _needed_shapes(config)
    except LoopbenchError as error:
        raise LoopbenchError(f"{source.ref}: {CONFIG}: {error}") from error
    data = source.read(WEIGHTS, weights.largest_file(shapes))
    digest = sha256(data)
    if source.sha256 not in (None, digest):
        raise LoopbenchError(f"{source.ref}: {WEIGHTS} has sha256 {digest}, but the registry says {source.sha256}")
    tensors = weights.parse(data, shapes, f"{source.ref}: {WEIGHTS}")
    model = build_model(config.architecture, config.config, config.task)
    model.load_state_dict(tensors, strict=True)
    assert isinstance(model.info, _Info)  # building sets it
    model.info = model.info.model_copy(
        update={
            "ref": source.ref,
            "repo": source.published and source.published.repo,
            "revision": source.published and source.published.revision,
            "weights_sha256": digest,
            "train_iterations": config.train_iterations,
            "fingerprint": weights.fingerprint(model),
        }
    )
    return model.eval()


def load_config(source: Source) -> ModelConfig:
    """A model folder's config.json, whose architecture and task are installed.

    Raises:
        LoopbenchError: not a valid config.json, or it needs a distribution that is not here; the message names it.
    """
    what = f"{source.ref}: {CONFIG}"
    config = validate(ModelConfig, parse_json(source.read(CONFIG, MAX_CONFIG_BYTES), what), what)
    installed = _provided(architecture_provider, config.architecture, config.provider, what)
    _provided(task_provider, config.task, config.task_provider, what)
    if installed.distribution != config.provider.distribution:
        made = printable(f"{config.provider.distribution} {config.provider.version}")
        here = f"{config.architecture!r} is {installed.distribution} {installed.version}'s"
        raise LoopbenchError(f"{what}: the model was made with {made}, but here {here}")
    if config.version != (version := get_architecture(config.architecture).version):
        raise LoopbenchError(
            f"{what}: made for version {config.version} of {config.architecture!r}, but here is version {version}"
        )
    return config


def _provided(look_up: Callable[[str], Provider], name: str, by: Provider | None, what: str) -> Provider:
    """Who provides that name here; the error says who did where the model was made."""
    try:
        return look_up(name)
    except LoopbenchError as error:
        made = f"; the model was made with {origin(by)}" if by else ""
        raise LoopbenchError(f"{what}: {error}{made}") from error


def check_unchanged(model: LoopedModel) -> None:
    """Make sure that a model's weights are the file's that its `info` names.

    Raises:
        LoopbenchError: it was not loaded with `load_model`, or its weights were changed since.
    """
    info = model.info
    if not isinstance(info, _Info) or info.fingerprint is None:
        raise LoopbenchError("the model has no identity; save it with save_model and load that folder with load_model")
    if weights.fingerprint(model) != info.fingerprint:
        raise LoopbenchError(
            f"the weights changed since {info.ref} was loaded; save them with save_model and load that folder"
        )


def _needed_shapes(config: ModelConfig) -> weights.Shapes:
    """What the model of a config needs, found out without allocating it."""
    with torch.device("meta"):
        return weights.needed_shapes(build_model(config.architecture, config.config, config.task))


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Generator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
