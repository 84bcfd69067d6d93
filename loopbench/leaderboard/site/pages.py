"""All files of the site. Entries, diagnoses, tasks and templates decide every byte, and nothing else does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps

from loopbench import __version__
from loopbench.contracts import Task
from loopbench.evaluation.protocol import DEPTH_MULTIPLIERS
from loopbench.leaderboard.site import charts, task_page
from loopbench.leaderboard.site.columns import COLUMNS
from loopbench.leaderboard.site.curves import HEIGHT, WIDTH, curve_data
from loopbench.leaderboard.site.model_page import count, make_page
from loopbench.leaderboard.site.rows import Listing, make_listing, track_title
from loopbench.leaderboard.standings import Table
from loopbench.page import draw_svg
from loopbench.stability.charts import charts as stability_charts
from loopbench.stability.diagnosis import Diagnosis
from loopbench.stability.report import CAPTIONS, WIDE
from loopbench.stability.table import facts

FIRST_ROWS = 50  # of a table that are shown before somebody asks for all
SIZES = ((10**4, "up to 10 k"), (10**5, "up to 100 k"), (10**6, "up to 1 M"), (10**7, "up to 10 M"))


@dataclass(frozen=True)
class Track:
    """A table of the overview."""

    table: Table
    title: str
    rows: Sequence[Listing]


@dataclass(frozen=True)
class TaskTables:
    """A task's part of the overview."""

    task: Task
    tracks: Sequence[Track]

    @property
    def listings(self) -> Iterator[Listing]:
        """All of its entries."""
        return (row for track in self.tracks for row in track.rows)


def make_files(
    tables: Sequence[Table], tasks: Iterable[Task], unranked: Mapping[str, str], diagnoses: Sequence[Diagnosis]
) -> Iterator[tuple[str, bytes]]:
    """The paths of the site's files, with their content.

    Args:
        tables: the standings.
        tasks: those that have a page, with entries or without.
        unranked: names of entries that are in no table, and why.
        diagnoses: of any models; each is shown where its weights and its task are.
    """
    found = [_tables_of(task, tables) for task in tasks]
    found.sort(key=lambda of: (-sum(1 for _ in of.listings), of.task.name))
    links = [("index.html", "Leaderboard"), ("compare.html", "Compare")]
    links += [(f"tasks/{of.task.name}.html", of.task.name) for of in found]
    render = _Renderer(links)
    yield from _assets()
    yield "index.html", render("index.html", "index.html", **_overview(found), unranked=unranked)
    yield "compare.html", render("compare.html", "compare.html", tables=found, index=_index(found))
    for of in found:
        yield from _task_files(of.task, render)
        for track in of.tracks:
            for listing in track.rows:
                yield from _model_files(track.table, listing, diagnoses, render)


def _tables_of(task: Task, tables: Sequence[Table]) -> TaskTables:
    own = [table for table in tables if table.task.name == task.name]
    return TaskTables(
        task, [Track(table, track_title(table), [make_listing(task, row) for row in table.rows]) for table in own]
    )


class _Renderer:
    def __init__(self, links: Sequence[tuple[str, str]]) -> None:
        self.links = links

    def __call__(self, template: str, path: str, **values: Any) -> bytes:
        """A page of the site, whose links lead to the site's root from where it is."""
        root = "../" * path.count("/")
        return _environment().get_template(template).render(root=root, here=path, links=self.links, **values).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("loopbench.leaderboard.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["sentence"] = _sentence
    shared: dict[str, Any] = {
        "version": __version__,
        "count": count,
        "units": [(unit, unit if unit != "flops" else "FLOPs") for unit in charts.UNITS],
        "multipliers": DEPTH_MULTIPLIERS,
        "spark_width": WIDTH,
        "spark_height": HEIGHT,
    }
    environment.globals.update(shared)
    return environment


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _assets() -> Iterator[tuple[str, bytes]]:
    folder = resources.files("loopbench.leaderboard.site") / "assets"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        yield f"assets/{file.name}", file.read_bytes()
    yield "assets/vega.js", charts.library().encode()
    yield "assets/specs.js", _script("loopbenchSpecs", charts.specs())


def _script(target: str, value: Any) -> bytes:
    """A script that sets something: what pages from disk can load. Nothing in it ends a script or begins a tag."""
    return f"window.{target} = {htmlsafe_json_dumps(value, sort_keys=True, separators=(',', ':'))};\n".encode()


def _overview(found: Sequence[TaskTables]) -> dict[str, Any]:
    listings = [listing for of in found for listing in of.listings]
    return {
        "tables": found,
        "columns": COLUMNS,
        "limit": FIRST_ROWS,
        "recalls": sorted({listing.recall for listing in listings}),
        "norms": sorted({listing.norm for listing in listings}),
        "sizes": SIZES,
    }


def _index(found: Sequence[TaskTables]) -> dict[str, Any]:
    """What the comparison can choose from: of each task the models, the best first, and the splits, easy to hard."""
    index: dict[str, Any] = {}
    for of in found:
        records = [record for listing in of.listings for record in listing.standing.entry.records.values()]
        splits = {record.split.name: record.split.difficulty for record in records}
        index[of.task.name] = {
            "models": [listing.name for listing in of.listings],
            "splits": sorted(splits, key=lambda name: (splits[name], name)),
            "scored": list(of.task.benchmark.splits) if of.task.benchmark else [],
        }
    return index


def _task_files(task: Task, render: _Renderer) -> Iterator[tuple[str, bytes]]:
    path, example = f"tasks/{task.name}.html", task_page.make_example(task)
    beside = f"{task.name}-example.html"
    if example:
        yield f"tasks/{beside}", example.page.encode()
    yield (
        path,
        render(
            "task.html",
            path,
            task=task,
            about=[part for part in task.about.strip().split("\n\n") if part],
            example=example,
            beside=beside,
            scored=task.benchmark.splits if task.benchmark else (),
            facts=task_page.facts(task),
            commands=task_page.commands(task),
        ),
    )


def _model_files(
    table: Table, listing: Listing, diagnoses: Sequence[Diagnosis], render: _Renderer
) -> Iterator[tuple[str, bytes]]:
    entry, name = listing.standing.entry, listing.name
    own = [
        diagnosis
        for diagnosis in diagnoses
        if (diagnosis.model.weights_sha256, diagnosis.task.name)
        == (entry.submission.model.weights_sha256, table.task.name)
    ]
    reports: list[dict[str, Any]] = []
    for number, diagnosis in enumerate(own, 1):
        figures: list[dict[str, Any]] = []
        for kind, chart in stability_charts(diagnosis).items():
            file = f"{name}-{number}-{kind}.svg"
            yield f"models/{file}", draw_svg(chart.to_dict(validate=False)).encode()
            title, text = CAPTIONS[kind]
            figures.append({"file": file, "title": title, "text": text, "wide": kind in WIDE})
        reports.append({"diagnosis": diagnosis, "figures": figures, "facts": list(facts(diagnosis).items())})
    yield f"data/{name}.js", _script(f'loopbench.curves["{name}"]', curve_data(table.task, entry.records))
    path = f"models/{name}.html"
    yield path, render("model.html", path, page=make_page(table, listing, own), reports=reports)
