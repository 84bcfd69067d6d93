"""The model card: README.md on the Hub."""

import shlex
from collections.abc import Iterable, Sequence

from loopbench import __version__
from loopbench.contracts import ModelInfo
from loopbench.evaluation.commands import eval_commands
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import Estimate, summarize, wilson
from loopbench.publishing.metadata import Metadata, card_metadata
from loopbench.publishing.results import Results
from loopbench.training.recipe import Recipe
from loopbench.validation import dump_yaml, printable

CURVE, RECIPE, RECORDS = "curve.png", "recipe.yaml", "records"
MARK = "<!-- written by `loopbench push` from here on -->"
PAPER = "https://arxiv.org/abs/2604.15259"
COLUMNS = ("split", "examples", "T", "solved at T, % [95 %]", "peak, %", "overthinking", "retention, %")


def make_card(
    repo: str,
    revision: str | None,
    info: ModelInfo,
    results: Results,
    recipe: Recipe | None,
    authors: tuple[Metadata, str],
) -> str:
    """The card of a model.

    Args:
        repo: where it is published, `org/name`.
        revision: the tag there that people are to use; `None`: they use the main branch.
        authors: the metadata and the text of the card that the author wrote; the text may be empty. What an earlier
            push added to it is replaced.
    """
    metadata, text = authors
    ref = f"hub:{repo}" + (f"@{revision}" if revision else "")
    name = repo.partition("/")[2]
    parts = [
        f"---\n{dump_yaml(card_metadata(name, info, results, recipe, metadata))}---",
        text.partition(MARK)[0].strip() or _introduction(name, info),
        MARK,
        *_results(results),
        *_usage(ref, info),
        *_reproduction(ref, repo, results, recipe),
    ]
    return "\n\n".join(parts) + "\n"


def _introduction(name: str, info: ModelInfo) -> str:
    layers = "1 layer" if info.layers_per_step == 1 else f"{info.layers_per_step} layers"
    trained = f", at most {info.train_iterations} times in a training step" if info.train_iterations else ""
    return (
        f"# {name}\n\nA looped transformer ([arXiv 2604.15259]({PAPER})) for the task `{info.task}`: one block of the "
        f"architecture `{info.architecture}`, {layers} with {info.parameters:,} parameters, is applied again and "
        f"again{trained}."
    )


def _results(results: Results) -> Iterable[str]:
    yield "## Results"
    if not results.records:
        yield "Not evaluated yet."
        return
    yield f"![Exact accuracy over iterations, a line for each split]({CURVE})"
    primary, *others = (metric.name for metric in results.task.metrics)
    columns = (*COLUMNS, *(f"`{metric}` at T, %" for metric in others))
    yield _table(columns, (_row(record, others) for record in results.best))
    yield (
        f"Solved: right by the metric `{primary}`. Overthinking: peak − solved at T, in points. Retention: of the "
        "examples that were solved at some iteration, the share still solved at T."
    )
    match results.score:
        case Estimate(value, low, high):
            yield f"**Score {value:.2f}** [{low:.2f}, {high:.2f}] in the benchmark `{results.task.name}`."
        case reason:
            yield f"{reason[0].upper()}{reason[1:]}."
    places = {f"{_code(r.environment.device)} with torch {_code(r.environment.torch)}" for r in results.best}
    yield f"Measured on {', '.join(sorted(places))}. All counts and verdicts: [`{RECORDS}`]({RECORDS})."


def _row(record: Record, others: Sequence[str]) -> Sequence[str]:
    """What is known of a split, the metrics beside the primary one last."""
    summary, n = summarize(record), record.primary.n
    low, high = wilson(record.primary.correct[-1], n)
    last = {metric: f"{100 * curve.correct[-1] / n:.1f}" for metric, curve in record.curves.items()}
    return (
        record.split.name,
        f"first {n:,} of {record.split.count:,}" if record.partial else f"{n:,}",
        f"{record.protocol.iterations:,}",
        f"{100 * summary.last:.1f} [{100 * low:.1f}, {100 * high:.1f}]",
        f"{100 * summary.peak:.1f}" + (f" at t = {summary.peak_iteration:,}" if summary.peak_iteration else ""),
        f"{100 * summary.overthinking:.1f}",
        "–" if summary.retention is None else f"{100 * summary.retention:.1f}",
        *(last.get(metric, "–") for metric in others),
    )


def _usage(ref: str, info: ModelInfo) -> Iterable[str]:
    plugin = info.provider
    others = (
        f" and {_code(f'{plugin.distribution} {plugin.version}')}" if plugin.distribution != "loopbench-zoo" else ""
    )
    yield f"## Use\n\nWith `loopbench-zoo {__version__}`{others}:"
    yield _block("sh", [f"loopbench eval --model {ref}", f"loopbench watch --model {ref}"])
    yield _block("python", ["import loopbench", "", f'model = loopbench.load_model("{ref}")'])


def _reproduction(ref: str, repo: str, results: Results, recipe: Recipe | None) -> Iterable[str]:
    if results.records or recipe:
        yield "## Reproduce"
    if results.records:
        yield "The records:"
        yield _block("sh", eval_commands(ref, results.records))
    if recipe:
        begun = f", which begins with those of {_code(recipe.init)}" if recipe.init else ""
        yield f"The weights, by [`{RECIPE}`]({RECIPE}){begun}:"
        yield _block("sh", _train_commands(repo))


def _train_commands(repo: str) -> list[str]:
    """The commands that train the weights again, by the recipe in the repository."""
    name = repo.partition("/")[2]
    return [
        shlex.join(["hf", "download", repo, RECIPE, "--local-dir", name]),
        shlex.join(["loopbench", "train", f"{name}/{RECIPE}", "--output", f"runs/{name}"]),
    ]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows))


def _block(language: str, lines: Iterable[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _code(text: str) -> str:
    return f"`{printable(text).replace('`', '')}`"
