"""The files of a submitted model: fetched, held against its records, and mirrored so that they stay."""

from dataclasses import dataclass
from pathlib import Path

from loopbench.errors import LoopbenchError
from loopbench.files import sha256, write_bytes
from loopbench.hub import ModelConfig
from loopbench.leaderboard.sandbox import Fault
from loopbench.leaderboard.submission import Entry
from loopbench.references import CONFIG, MAX_CONFIG_BYTES, WEIGHTS, Source, locate
from loopbench.registry import entries as registry_entries
from loopbench.validation import parse_json, printable, validate

MAX_WEIGHTS_BYTES = 2 << 30
MIRROR = "models"


@dataclass(frozen=True)
class ModelFiles:
    """The content of config.json and of model.safetensors."""

    config: bytes
    weights: bytes

    @property
    def weights_sha256(self) -> str:
        return sha256(self.weights)

    def write(self, folder: Path) -> None:
        """Make a model folder of them, each file whole.

        Raises:
            LoopbenchError: it cannot be written.
        """
        write_bytes(folder / WEIGHTS, self.weights)
        write_bytes(folder / CONFIG, self.config)


def fetch(entry: Entry) -> ModelFiles:
    """The files of an entry's model: the mirror's if it has them, else those that its reference names.

    Raises:
        LoopbenchError: they are out of reach.
    """
    mirror, ref = _mirror(entry), entry.submission.model.ref
    source = Source(ref, mirror) if mirror.is_dir() else locate(ref)
    return ModelFiles(source.read(CONFIG, MAX_CONFIG_BYTES), source.read(WEIGHTS, MAX_WEIGHTS_BYTES))


def mirror(entry: Entry, files: ModelFiles) -> None:
    """Keep the files of a verified model beside the board's results, unless loopbench itself ships them.

    Raises:
        LoopbenchError: they cannot be written.
    """
    bundled = {model.sha256 for model in registry_entries() if model.folder}
    if entry.submission.model.weights_sha256 not in bundled:
        files.write(_mirror(entry))


def check_files(entry: Entry, files: ModelFiles) -> None:
    """Make sure that the files are those that the records speak of.

    Raises:
        Fault: they are not.
    """
    claimed, found = entry.submission.model.weights_sha256, files.weights_sha256
    if claimed != found:
        raise Fault(f"{WEIGHTS} has sha256 {found}, but the submission says {claimed}: other weights were evaluated")
    try:
        config = validate(ModelConfig, parse_json(files.config, CONFIG), CONFIG)
    except LoopbenchError as error:
        raise Fault(str(error)) from error
    model = entry.record.model
    pairs: dict[str, tuple[object, object]] = {
        "architecture": (config.architecture, model.architecture),
        "version": (config.version, model.version),
        "config": (config.config, model.config),
        "task": (config.task, entry.record.task.name),
        "train_iterations": (config.train_iterations, model.train_iterations),
        "provider": (config.provider.distribution, model.provider.distribution),
    }
    for field, (published, recorded) in pairs.items():
        if published != recorded:
            said = f"{field} {printable(str(recorded))}, but {CONFIG} says {printable(str(published))}"
            raise Fault(f"the records are of {said}: another model was evaluated")


def _mirror(entry: Entry) -> Path:
    """Where the weights are kept: models/HASH beside the folder of the entries."""
    return entry.folder.absolute().parent.with_name(MIRROR) / entry.submission.model.weights_sha256
