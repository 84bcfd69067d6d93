"""Everything that is published of a model, and nothing else: no checkpoint, no log, no lock."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import constants, eval_result_entries_to_yaml

from loopbench import registry, weights
from loopbench.contracts import ModelInfo
from loopbench.errors import LoopbenchError
from loopbench.evaluation.plot import save_plot
from loopbench.evaluation.record import Record
from loopbench.evaluation.store import MAX_RECORD_BYTES
from loopbench.evaluation.verdicts import max_packed_bytes
from loopbench.files import sha256
from loopbench.hub import load_source
from loopbench.plugins import get_task
from loopbench.publishing.card import CURVE, RECIPE, RECORDS, make_card
from loopbench.publishing.metadata import split_card
from loopbench.publishing.results import Results, find_results
from loopbench.references import CARD, CONFIG, MAX_CONFIG_BYTES, WEIGHTS, Source
from loopbench.registry import Entry
from loopbench.training.recipe import MAX_RECIPE_BYTES, Recipe
from loopbench.validation import dump_yaml, parse_yaml, read_bytes, validate

EVAL_RESULTS = ".eval_results/loopbench.yaml"
MAX_CARD_BYTES = 1 << 20


@dataclass(frozen=True)
class Publication:
    """A model as it goes to the Hub.

    Attributes:
        name: its name in registry.yaml, or a fitting one.
        files: their contents, by their paths in the repository.
        licensed: whether the card says under which licence.
    """

    repo: str
    name: str
    info: ModelInfo
    results: Results
    files: Mapping[str, bytes]
    licensed: bool

    @staticmethod
    def owns(path: str) -> bool:
        """Whether a file of the repository is one that `loopbench push` writes, and removes when there is none."""
        return path in (CONFIG, WEIGHTS, CARD, RECIPE, CURVE, EVAL_RESULTS) or path.startswith(f"{RECORDS}/")

    def entry(self, revision: str) -> Entry:
        """What registry.yaml says of it once it is published at a full commit."""
        return Entry(
            name=self.name,
            task=self.info.task,
            architecture=self.info.architecture,
            hub=self.repo,
            revision=revision,
            sha256=self.info.weights_sha256,
            size=len(self.files[WEIGHTS]),
            scores=self.results.headlines,
        )


def prepare(
    source: Source, repo: str, records: Path, *, tag: str | None = None, licence: str | None = None
) -> Publication:
    """Check a model and collect what is published of it; no request is made but those that loading takes.

    Args:
        records: folder in which its records are looked for, among any.
        tag: that the commit is going to have.
        licence: takes the place of the one that the model's README.md may name.

    Raises:
        LoopbenchError: the model, its README.md, its recipe or one of the records is not what it must be.
    """
    _refuse_links(source)
    model = load_source(source)
    info = model.info
    assert info is not None  # loading sets it
    data = source.read(WEIGHTS, weights.largest_file(weights.needed_shapes(model)))
    if sha256(data) != info.weights_sha256:
        raise LoopbenchError(f"{source.ref} is still being written: wait until its training ends")
    metadata, text = split_card(_text(source.find(CARD, MAX_CARD_BYTES) or b"", f"{source.ref}: {CARD}"), source.ref)
    metadata |= {"license": licence} if licence else {}
    recipe = source.find(RECIPE, MAX_RECIPE_BYTES)
    parsed = None if recipe is None else _recipe(recipe, source.ref)
    results = find_results(get_task(info.task), info, records)
    card = make_card(repo, tag, info, results, parsed, (metadata, text))
    files = {CONFIG: source.read(CONFIG, MAX_CONFIG_BYTES), WEIGHTS: data, CARD: card.encode()}
    files |= {RECIPE: recipe} if recipe is not None else {}
    files |= _evidence(repo, tag, results, records) if results.records else {}
    return Publication(repo, _name(source.ref, repo), info, results, files, "license" in metadata)


def _evidence(repo: str, tag: str | None, results: Results, folder: Path) -> dict[str, bytes]:
    """The records, the picture, and the results in the Hub's own format."""
    files = {CURVE: _curve(repo, results)}
    for record in results.records:
        assert record.per_example is not None  # it is complete
        files[f"{RECORDS}/{record.file_name}"] = read_bytes(folder / record.file_name, MAX_RECORD_BYTES)
        name, limit = record.per_example.file, max_packed_bytes(record.examples.count)
        files[f"{RECORDS}/{name}"] = read_bytes(folder / name, limit)
    entries = results.entries(f"{constants.ENDPOINT}/{repo}/tree/{tag or 'main'}/{RECORDS}")
    return files | ({EVAL_RESULTS: dump_yaml(eval_result_entries_to_yaml(entries)).encode()} if entries else {})


def _curve(repo: str, results: Results) -> bytes:
    shown = results.whole or results.best  # a few examples have such wide bands that they hide the others
    with TemporaryDirectory() as folder:
        path = Path(folder) / CURVE
        save_plot(path, [_called(repo, record) for record in shown], results.scored)
        return path.read_bytes()


def _called(repo: str, record: Record) -> Record:
    """The record for the title of the picture: the repository, and not the folder that was evaluated."""
    return record.model_copy(update={"model": record.model.model_copy(update={"ref": repo})})


def _recipe(data: bytes, what: str) -> Recipe:
    return validate(Recipe, parse_yaml(data, f"{what}: {RECIPE}"), f"{what}: {RECIPE}")


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise LoopbenchError(f"{what} is not UTF-8 text") from error


def _refuse_links(source: Source) -> None:
    """A link in a folder from somebody else could name any file of this machine, which would then be published."""
    if isinstance(source.place, Path):
        for name in (CONFIG, WEIGHTS, CARD, RECIPE):
            if (source.place / name).is_symlink():
                raise LoopbenchError(f"{source.place / name} is a link: only files are published")


def _name(ref: str, repo: str) -> str:
    """The registry's name of a model, or one made of the repository's."""
    if any(entry.name == ref for entry in registry.entries()):
        return ref
    return "-".join(re.findall("[a-z0-9]+", repo.partition("/")[2].lower()))[:64].strip("-") or "model"
