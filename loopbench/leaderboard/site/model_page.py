"""What a model's page says."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from loopbench.contracts import Task
from loopbench.evaluation.commands import eval_commands
from loopbench.evaluation.protocol import DEPTH_MULTIPLIERS
from loopbench.evaluation.record import Record
from loopbench.evaluation.statistics import Estimate, correct_at_depth, rate, summarize
from loopbench.leaderboard.site.rows import NONE, Listing, mean_rate, setting, track_title
from loopbench.leaderboard.standings import Table
from loopbench.leaderboard.submission import Entry
from loopbench.leaderboard.verification import Verification, VerifiedSplit
from loopbench.stability.diagnosis import Diagnosis
from loopbench.tasks.splits import find_split
from loopbench.validation import printable

NOT_VERIFIED = "Not run again by the project yet: these are the submitter's numbers."


@dataclass(frozen=True)
class SplitRow:
    """What a record says in %, a line of the table; `at` has the scored depths, `None` beyond T."""

    name: str
    scored: bool
    n: int
    depth: int
    at: Sequence[Estimate | None]
    iterations: int
    last: Estimate
    peak: float
    peak_iteration: str
    overthinking: float
    retention: str
    settled: str


@dataclass(frozen=True)
class Check:
    """What verification found on a split."""

    name: str
    n: int
    reported: str
    found: str
    agrees: bool
    fresh_n: str
    fresh: str
    fresh_agrees: bool | None
    p: str
    untrained: str
    untrained_agrees: bool


@dataclass(frozen=True)
class Figure:
    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Line:
    text: str
    href: str | None = None


@dataclass(frozen=True)
class Fact:
    name: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Command:
    """Commands, and what they do."""

    text: str
    lines: Sequence[str]


@dataclass(frozen=True)
class ModelPage:
    name: str
    task: str
    verdict: str
    introduction: str
    figures: Sequence[Figure]
    splits: Sequence[SplitRow]
    verification: str
    reasons: Sequence[str]
    checks: Sequence[Check]
    description: Sequence[str]
    facts: Sequence[Fact]
    commands: Sequence[Command]


def make_page(table: Table, listing: Listing, diagnoses: Sequence[Diagnosis]) -> ModelPage:
    """The page of an entry of a table."""
    task, entry = table.task, listing.standing.entry
    checked = entry.verification
    return ModelPage(
        name=entry.name,
        task=task.name,
        verdict=listing.verdict,
        introduction=_introduction(entry.record),
        figures=list(_figures(table, listing)),
        splits=[_split(task, record) for record in entry.records.values()],
        verification=_verification(checked) if checked else NOT_VERIFIED,
        reasons=[printable(reason, 1000) for reason in checked.reasons] if checked else [],
        checks=[_check(name, split) for name, split in _in_order(checked, entry.records)] if checked else [],
        description=[part for part in entry.submission.description.split("\n\n") if part.strip()],
        facts=list(_facts(entry)),
        commands=list(_commands(entry, diagnoses)),
    )


def _introduction(record: Record) -> str:
    model = record.model
    iterations = model.train_iterations
    trained = f", trained with at most {count(iterations, 'iteration')}" if iterations else ""
    update = (
        f"one update of {count(model.layers_per_step, 'layer')} and {model.parameters:,} parameters, again and again"
    )
    return f"{model.architecture}: {update}{trained}."


def count(number: int, noun: str) -> str:
    """So many of them."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _figures(table: Table, listing: Listing) -> Iterable[Figure]:
    row = listing.standing
    rank = NONE if row.rank is None else str(row.rank)
    yield Figure("rank", rank, f"of {len(table.rows)}, {track_title(table).lower()}")
    yield Figure("score, reported", f"{row.score.value:.1f}", _interval(row.score))
    for name, found in (("reproduced", listing.reproduced), ("fresh", listing.fresh)):
        if found is None:
            yield Figure(name, NONE, "not run")
        else:
            agrees = "agrees" if found.agrees else "differs"
            yield Figure(name, f"{found.score.value:.1f}", f"{_interval(found.score)}, {agrees}")
    yield Figure("accuracy at 8 D, %", f"{row.accuracy.value:.1f}", _interval(row.accuracy))
    yield Figure("overthinking, points", f"{row.overthinking.value:.1f}", _interval(row.overthinking))
    if row.retention:
        yield Figure("retention, %", f"{row.retention.value:.1f}", _interval(row.retention))
    else:
        yield Figure("retention, %", NONE, "nothing was solved")
    yield Figure("parameters", f"{row.parameters:,}")
    yield Figure("layers an iteration", str(row.layers_per_step))
    yield Figure("FLOPs an iteration", _short(row.flops_per_iteration), "on the hardest split")


def _interval(estimate: Estimate) -> str:
    return f"[{estimate.low:.1f}, {estimate.high:.1f}]"


def _short(number: float) -> str:
    """Three digits and a unit."""
    for unit in ("", " k", " M", " G", " T"):
        if number < 1000:
            return f"{number:.3g}{unit}"
        number /= 1000
    return f"{number:,.0f} P"


def _split(task: Task, record: Record) -> SplitRow:
    summary, n, split = summarize(record), record.primary.n, find_split(task, record.split.name)
    counts = [correct_at_depth(record, split.depth * multiplier) for multiplier in DEPTH_MULTIPLIERS]
    return SplitRow(
        name=split.name,
        scored=task.benchmark is not None and split.name in task.benchmark.splits,
        n=n,
        depth=split.depth,
        at=[None if count is None else 100 * rate(count, n) for count in counts],
        iterations=record.protocol.iterations,
        last=100 * rate(record.primary.correct[-1], n),
        peak=100 * summary.peak,
        peak_iteration="" if summary.peak_iteration is None else f"{summary.peak_iteration:,}",
        overthinking=100 * summary.overthinking,
        retention=_percent(summary.retention),
        settled=_percent(summary.settled),
    )


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.1f}"


def _verification(checked: Verification) -> str:
    commit = f", which comes from commit {checked.commit[:12]}" if checked.commit else ""
    machine = f"{printable(checked.environment.device, 60)} with torch {printable(checked.environment.torch, 40)}"
    return f"{100 * checked.share:g} % of each split, chosen by seed {checked.seed}{commit}, run again on {machine}."


def _in_order(checked: Verification, records: Mapping[str, Record]) -> list[tuple[str, VerifiedSplit]]:
    places = {name: i for i, name in enumerate(records)}
    return sorted(checked.splits.items(), key=lambda item: (places.get(item[0], len(places)), item[0]))


def _check(name: str, split: VerifiedSplit) -> Check:
    again, fresh, untrained = split.reproduced, split.fresh, split.untrained
    return Check(
        name=name,
        n=again.n,
        reported=_mean(again.reported, again.n),
        found=_mean(again.found, again.n),
        agrees=again.agrees,
        fresh_n=f"{fresh.n:,}" if fresh else NONE,
        fresh=_mean(fresh.correct, fresh.n) if fresh else NONE,
        fresh_agrees=fresh.agrees if fresh else None,
        p=f"{fresh.p_value:.2g}" if fresh else NONE,
        untrained=_mean(untrained.correct, untrained.n),
        untrained_agrees=untrained.agrees,
    )


def _mean(counts: Sequence[int], n: int) -> str:
    found = 100 * mean_rate(counts, n)
    return f"{found.value:.1f} {_interval(found)}"


def _facts(entry: Entry) -> Iterable[Fact]:
    submission, record = entry.submission, entry.record
    model = record.model
    yield Fact("authors", [Line(name) for name in submission.authors])
    if submission.links:
        yield Fact("links", [Line(link, link) for link in submission.links])
    yield Fact("weights", [_weights(submission.model.ref), Line(f"sha256 {model.weights_sha256}")])
    settings = ", ".join(f"{printable(key, 40)}: {printable(str(value), 40)}" for key, value in model.config.items())
    yield Fact("architecture", [Line(f"{model.architecture}, version {model.version}"), Line(settings or NONE)])
    placed = [setting(record, "recall"), setting(record, "norm")]
    if placed != [NONE, NONE]:
        yield Fact("recall, norm", [Line(", ".join(placed))])
    provider = f"{printable(model.provider.distribution, 100)} {printable(model.provider.version, 100)}"
    wheel = [Line(f"sha256 {submission.plugin.sha256}")] if submission.plugin else []
    yield Fact("provided by", [Line(provider), *wheel])
    yield Fact("track", [Line(submission.track)])
    yield Fact("trained on", [Line(submission.training.data)])
    yield Fact("recipe", [Line(submission.training.recipe)])
    yield Fact("runs tried", [Line(f"{submission.runs_tried:,}")])
    protocol, place = record.protocol, record.environment
    device = f"{printable(place.device, 60)}, torch {printable(place.torch, 40)}, {protocol.precision}"
    yield Fact("measured on", [Line(device), Line(f"loopbench {printable(place.loopbench, 40)}")])


def _weights(ref: str) -> Line:
    """The reference, and where it leads if that is a repository at a commit."""
    repo, _, commit = ref.removeprefix("hub:").partition("@")
    return Line(ref, f"https://huggingface.co/{repo}/tree/{commit}") if ref.startswith("hub:") and commit else Line(ref)


def _commands(entry: Entry, diagnoses: Sequence[Diagnosis]) -> Iterable[Command]:
    ref, folder = entry.submission.model.ref, f"leaderboard/results/{entry.name}"
    plugin = entry.submission.plugin
    if plugin:
        yield Command("Install the architecture", [shlex.join(["pip", "install", f"{folder}/{plugin.wheel}"])])
    yield Command("Make the records again", eval_commands(ref, list(entry.records.values())))
    checked = entry.verification
    sample = ["--share", f"{checked.share:g}", "--seed", str(checked.seed)] if checked else []
    yield Command(
        "Check the submission and run a sample of it again",
        [
            shlex.join(["loopbench", "leaderboard", "check", folder]),
            shlex.join(["loopbench", "leaderboard", "verify", folder, *sample]),
        ],
    )
    if diagnoses:
        yield Command("Measure its stability", [_diagnose(ref, diagnosis) for diagnosis in diagnoses])
    yield Command("Watch it", [shlex.join(["loopbench", "watch", "--model", ref])])


def _diagnose(ref: str, diagnosis: Diagnosis) -> str:
    conditions = diagnosis.conditions
    options: list[str] = []
    if conditions.precision != "float64":
        options += ["--precision", conditions.precision]
    if conditions.seed:
        options += ["--seed", str(conditions.seed)]
    sizes = ["--examples", str(diagnosis.examples.count), "--iterations", str(conditions.iterations)]
    return shlex.join(["loopbench", "diagnose", "--model", ref, "--split", diagnosis.split.name, *sizes, *options])
