"""The table of the README from the records in leaderboard/results: `python benchmarks/presets.py [--run [OPTION …]]`.

With `--run`, evaluates every bundled prefix-sums model first (hours on two cores); options go to `loopbench eval`.
"""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean

from loopbench.errors import LoopbenchError
from loopbench.evaluation import Record, read_record
from loopbench.evaluation.statistics import correct_at_depth, summarize
from loopbench.leaderboard.benchmarks import PREFIX_SUMS
from loopbench.registry import entries

RESULTS = Path(__file__).parents[1] / "leaderboard" / "results"
SPLITS = {"bits-32": 64, **PREFIX_SUMS.depths}


def run(options: list[str]) -> None:
    for name in names():
        splits = [argument for split in SPLITS for argument in ("--split", split)]
        command = ["loopbench", "eval", "--model", name, *splits, "--output", str(RESULTS / name), *options]
        subprocess.run(command, check=True)


def names() -> list[str]:
    return [entry.name for entry in entries() if entry.task == "prefix-sums" and entry.name.startswith("prefix-sums-")]


def records_of(name: str) -> dict[str, Record]:
    records = [read_record(path) for path in sorted((RESULTS / name).glob("prefix-sums.*.json"))]
    return {record.split.name: record for record in records if record.status == "complete" and not record.partial}


def rates(record: Record) -> str:
    """Accuracy in % at effective depths D, 2D, 4D and 8D."""
    counts = [correct_at_depth(record, SPLITS[record.split.name] * times) for times in (1, 2, 4, 8)]
    return " ".join(f"{100 * count / record.primary.n:.4g}" for count in counts if count is not None)


def row(name: str) -> tuple[str, ...]:
    records = records_of(name)
    worst = max((records[split] for split in PREFIX_SUMS.depths if split in records), key=overthinking, default=None)
    return (
        name.removeprefix("prefix-sums-"),
        *(rates(records[split]) if split in records else "–" for split in SPLITS),
        score_of(records.values()),
        f"{overthinking(worst):.1f}" if worst else "–",
    )


def overthinking(record: Record) -> float:
    return 100 * summarize(record).overthinking


def score_of(records: Iterable[Record]) -> str:
    try:
        score = PREFIX_SUMS.score(records)
    except LoopbenchError:
        return "–"
    return f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]"


def print_table(columns: Sequence[str], rows: list[tuple[str, ...]]) -> None:
    for cells in (columns, ["---"] * len(columns), *rows):
        print("| " + " | ".join(cells) + " |")


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2:])
    columns = ("model", *SPLITS, "score", "overthinking")
    print_table(columns, [row(name) for name in names()])
    seeds: dict[str, list[float]] = defaultdict(list)
    for name in names():
        try:
            seeds[name.rpartition("-s")[0]].append(PREFIX_SUMS.score(records_of(name).values()).value)
        except LoopbenchError:
            continue
    print()
    for preset, scores in seeds.items():
        if len(scores) > 1:
            spread = f"{min(scores):.1f} to {max(scores):.1f}"
            print(f"{preset.removeprefix('prefix-sums-')}: {mean(scores):.1f} over {len(scores)} seeds, from {spread}")


if __name__ == "__main__":
    main()
