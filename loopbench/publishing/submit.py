"""A submission from a folder of records: into a checkout, or as a pull request on a data set of the Hub."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi

from loopbench.contracts import ModelInfo
from loopbench.errors import LoopbenchError
from loopbench.evaluation.record import Record
from loopbench.evaluation.store import DIGEST, read_record
from loopbench.files import sha256, write_bytes, write_folder
from loopbench.hub import load_source
from loopbench.hub_errors import hub_errors
from loopbench.leaderboard.check import check
from loopbench.leaderboard.submission import MAX_ENTRY_BYTES, REFERENCE, SUBMISSION, Submission
from loopbench.plugins import CORE, get_architecture, get_task
from loopbench.publishing.card import RECIPE
from loopbench.publishing.results import Results, find_results
from loopbench.references import Source, locate, parse_reference
from loopbench.registry import entries
from loopbench.training.recipe import MAX_RECIPE_BYTES, Recipe
from loopbench.validation import dump_yaml, parse_yaml, printable, read_bytes, some, validate

RESULTS = Path("leaderboard") / "results"


@dataclass(frozen=True)
class Claims:
    """What only the submitter knows.

    Attributes:
        data: what the model was trained on; `None`: as the recipe beside its weights says.
        recipe: how it was trained; `None`: by that recipe.
        runs: training runs among which this one was chosen.
    """

    authors: Sequence[str]
    links: Sequence[str]
    track: str
    data: str | None
    recipe: str | None
    runs: int
    description: str


def prepare_submission(
    records: Path,
    name: str,
    claims: Claims,
    *,
    ref: str | None = None,
    wheel: Path | None = None,
    token: str | None = None,
) -> dict[str, bytes]:
    """The files of a submission, by name, checked as `loopbench leaderboard check` does.

    Args:
        records: folder of records, as `loopbench eval` writes them.
        ref: the model at a full commit, or its registry name; default: what the records say.
        wheel: of the plugin that the architecture comes from.
        token: of the Hub; `None`: the client's own.

    Raises:
        LoopbenchError: a record is missing or partial, the model is not where it is said to be or is another, or
            anything that is claimed is not as it must be.
    """
    ref = ref or _recorded_reference(records)
    if not re.fullmatch(REFERENCE, ref):
        raise LoopbenchError(
            f"{printable(ref)} can change: name it by hub:ORG/NAME@COMMIT, with all 40 digits, or by its registry name"
        )
    source = locate(ref, token)
    info = load_source(source).info
    assert info is not None  # loading sets it
    results = find_results(get_task(info.task), info, records)
    _check_complete(results, ref, records)
    plugin, files = _plugin(info, ref, wheel)
    model = {
        "ref": ref,
        "weights_sha256": info.weights_sha256,
        "time_dependent": get_architecture(info.architecture).time_dependent,
    }
    submission = {
        "schema_version": 1,
        "name": name,
        "model": model,
        "plugin": plugin,
        "authors": list(claims.authors),
        "links": list(claims.links),
        "track": claims.track,
        "training": _training(source, claims),
        "runs_tried": claims.runs,
        "description": claims.description,
    }
    stated = validate(Submission, submission, "cannot submit").model_dump(mode="json", exclude_none=True)
    files[SUBMISSION] = dump_yaml(stated).encode()
    for record in results.whole:
        assert record.per_example is not None  # it is complete
        for file in (record.file_name, record.per_example.file):
            files[file] = read_bytes(records / file, MAX_ENTRY_BYTES)
    with TemporaryDirectory() as folder:
        for file, content in files.items():
            write_bytes(Path(folder) / name / file, content)
        if findings := check([Path(folder) / name]).findings:
            raise LoopbenchError(f"cannot submit: {some(list(findings), '; ')}")
    return files


def write_submission(checkout: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """The folder of a submission in a checkout, written whole.

    Raises:
        LoopbenchError: it is no checkout, there is an entry of that name, or it cannot be written.
    """
    board = checkout / RESULTS
    if not board.is_dir():
        raise LoopbenchError(f"{checkout} is not a checkout of the leaderboard: it has no {RESULTS}")
    if (board / name).exists():
        raise LoopbenchError(f"{board / name} is there already: remove it to replace it, or choose another --name")
    write_folder(board / name, files)
    return board / name


def push_submission(dataset: str, name: str, files: Mapping[str, bytes], token: str | None = None) -> CommitInfo:
    """Open a pull request with a submission on a data set of the Hub.

    Raises:
        LoopbenchError: the Hub cannot be reached or refuses, or the data set has an entry of that name.
    """
    api, folder = HfApi(token=token, library_name="loopbench"), (RESULTS / name).as_posix()
    with hub_errors(f"data set {dataset}"):
        if api.file_exists(dataset, f"{folder}/{SUBMISSION}", repo_type="dataset"):
            raise LoopbenchError(f"data set {dataset} has an entry {name} already: choose another --name")
        return api.create_commit(
            dataset,
            [CommitOperationAdd(f"{folder}/{file}", content) for file, content in files.items()],
            commit_message=f"loopbench submit: {name}",
            repo_type="dataset",
            create_pr=True,
        )


def _recorded_reference(folder: Path) -> str:
    """What all the records in a folder say that their model is.

    Raises:
        LoopbenchError: there are none, or they do not say it, or not the same.
    """
    found = list(map(read_record, sorted(folder.glob(f"*.{DIGEST}.json"))))
    if not found:
        raise LoopbenchError(f"there are no records in {folder}; `loopbench eval --output {folder}` makes them")
    named = {entry.name for entry in entries()}
    refs = {record.model.ref if record.model.ref in named else _pinned(record) for record in found}
    if len(refs) > 1 or None in refs:
        said = some(sorted({record.model.ref for record in found}))
        raise LoopbenchError(
            f"the records are of {said}: say which by --model hub:ORG/NAME@COMMIT, after `loopbench push`"
        )
    return str(refs.pop())


def _pinned(record: Record) -> str | None:
    model = record.model
    return f"hub:{model.repo}@{model.revision}" if model.repo and model.revision else None


def _check_complete(results: Results, ref: str, folder: Path) -> None:
    benchmark = results.task.benchmark
    if benchmark is None:
        raise LoopbenchError(f"task {results.task.name} has no benchmark, so its models are not ranked")
    best = {record.split.name: record for record in results.best}
    command = f"loopbench eval --model {ref} --output {folder}"
    if missing := [split for split in benchmark.splits if split not in best]:
        raise LoopbenchError(
            f"{folder} has no complete record of {', '.join(missing)} of {ref}; `{command}` makes them"
        )
    if partial := [split for split in benchmark.splits if best[split].partial]:
        raise LoopbenchError(
            f"the records of {', '.join(partial)} are partial; `{command}`, without --limit, makes whole ones"
        )


def _plugin(info: ModelInfo, ref: str, wheel: Path | None) -> tuple[dict[str, str] | None, dict[str, bytes]]:
    """What a submission says of its wheel, and the wheel."""
    provider = info.provider
    bundled = provider.distribution == CORE or any(entry.name == ref for entry in entries())
    if bundled and wheel is not None:
        raise LoopbenchError(f"{info.architecture} is {provider.distribution}'s: leave out --plugin-wheel")
    if bundled:
        return None, {}
    if wheel is None:
        raise LoopbenchError(
            f"{info.architecture} comes from {provider.distribution} {provider.version}: "
            "give its wheel by --plugin-wheel; `pip wheel --no-deps FOLDER` makes it"
        )
    data = read_bytes(wheel, MAX_ENTRY_BYTES)
    return provider.model_dump() | {"wheel": wheel.name, "sha256": sha256(data)}, {wheel.name: data}


def _training(source: Source, claims: Claims) -> dict[str, str]:
    """What the submitter says, or the recipe that lies beside the weights."""
    if claims.data and claims.recipe:
        return {"data": claims.data, "recipe": claims.recipe}
    if (text := source.find(RECIPE, MAX_RECIPE_BYTES)) is None:
        raise LoopbenchError(f"{source.ref} has no {RECIPE}: say how it was trained, by --data and --recipe")
    recipe = validate(Recipe, parse_yaml(text, RECIPE), f"{source.ref}: {RECIPE}")
    if recipe.init and isinstance(parse_reference(recipe.init), Path) and not claims.data:
        raise LoopbenchError(f"the training began with {recipe.init}: say by --data what both were trained on")
    data = dump_yaml(recipe.data).strip() if recipe.data else f"the training data of {recipe.task}, as it is by default"
    data += f"\nand, before that, what {recipe.init} was trained on" if recipe.init else ""
    return {
        "data": claims.data or data,
        "recipe": claims.recipe or f"{RECIPE} beside the weights",
    }
