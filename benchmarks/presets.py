"""The tables of the README from the records in leaderboard: `python benchmarks/presets.py [--run [OPTION …]]`.

With `--run`, evaluates every bundled prefix-sums model first (a day on two cores); options go to `loopbench eval`.
"""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean

from loopbench.errors import LoopbenchError
from loopbench.evaluation import Record, read_record
from loopbench.evaluation.protocol import DEPTH_MULTIPLIERS
from loopbench.evaluation.statistics import Estimate, correct_at_depth, summarize
from loopbench.evaluation.store import DIGEST
from loopbench.leaderboard.scores import score as score_of
from loopbench.plugins import get_task
from loopbench.registry import entries, find

RESULTS = Path(__file__).parents[1] / "leaderboard" / "results"
STRESS = RESULTS.with_name("stress")
"""Records that are no part of a submission: of some examples of a split, or of a local file."""
SCORED = {"bits-32": 64, "bits-64": 64, "bits-128": 64, "bits-256": 128, "bits-512": 256}
"""D of the splits that are evaluated whole, to T = 8 D."""
FAR = {"bits-1024": 512, "bits-2048": 1024, "bits-4096": 2048}
"""D of the splits that are evaluated in part, to T = 2 D."""
FAR_EXAMPLES = {"bits-1024": 32, "bits-2048": 16, "bits-4096": 8}
"""Of a model that solves no string of 512 bits, a quarter of that."""


def run(options: list[str]) -> None:
    for name in names():
        command = ["loopbench", "eval", "--model", name, *options]
        whole = [argument for split in SCORED for argument in ("--split", split)]
        subprocess.run([*command, "--output", str(RESULTS / name), *whole], check=True)
        share = 1 if any(records_of(name)["bits-512"].primary.correct) else 4
        for split, depth in FAR.items():
            far = ["--split", split, "--limit", str(FAR_EXAMPLES[split] // share), "--iterations", str(2 * depth)]
            subprocess.run([*command, "--output", str(STRESS / name), *far], check=True)


def names() -> list[str]:
    return [entry.name for entry in entries() if entry.task == "prefix-sums" and entry.name.startswith("prefix-sums-")]


def records_of(name: str, *folders: Path, iterations: int = 0) -> dict[str, Record]:
    """A model's complete records, of each split the one with the most examples.

    Args:
        folders: where to look; default: both.
        iterations: what a record must reach.
    """
    paths = [path for folder in folders or (STRESS, RESULTS) for path in (folder / name).glob(f"*.{DIGEST}.json")]
    found = sorted(map(read_record, paths), key=lambda r: r.examples.count)
    return {
        record.split.name: record
        for record in found
        if record.status == "complete" and record.protocol.iterations >= iterations
    }


def counts(record: Record, depth: int) -> list[int]:
    """How many examples are right at effective depths D, 2D, 4D and 8D, as far as the record goes."""
    at = [correct_at_depth(record, depth * times) for times in DEPTH_MULTIPLIERS]
    return [count for count in at if count is not None]


def rates(record: Record, depth: int) -> str:
    return " ".join(f"{100 * count / record.primary.n:.4g}" for count in counts(record, depth))


def fractions(record: Record, depth: int) -> str:
    return " ".join(f"{count}/{record.primary.n}" for count in counts(record, depth))


def row(name: str, depths: dict[str, int], show: Callable[[Record, int], str]) -> list[str]:
    records = records_of(name)
    return [show(records[split], depth) if split in records else "–" for split, depth in depths.items()]


def losses(name: str) -> str:
    """The most that a scored split lost after its peak, in points."""
    found = [summarize(record).overthinking for split, record in records_of(name).items() if split in SCORED]
    return f"{100 * max(found):.1f}" if found else "–"


def score(name: str) -> Estimate | None:
    try:
        return score_of(get_task(find(name).task), records_of(name).values())
    except LoopbenchError:
        return None


def score_cell(name: str) -> str:
    found = score(name)
    return f"{found.value:.1f} [{found.low:.1f}, {found.high:.1f}]" if found else "–"


def print_table(columns: Sequence[str], rows: list[list[str]]) -> None:
    for cells in (columns, ["---"] * len(columns), *rows):
        print("| " + " | ".join(cells) + " |")
    print()


def print_spreads() -> None:
    """The scores of every preset of which there are several seeds, all of them evaluated."""
    seeds: dict[str, list[Estimate | None]] = defaultdict(list)
    for name in names():
        seeds[short(name).rpartition("-s")[0]].append(score(name))
    for preset, scores in seeds.items():
        values = [found.value for found in scores if found]
        if len(scores) == len(values) > 1:
            spread = f"{min(values):.1f} to {max(values):.1f}"
            print(f"{preset}: {mean(values):.1f} over {len(values)} seeds, from {spread}")


def short(name: str) -> str:
    return name.removeprefix("prefix-sums-")


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2:])
    scored = [
        [short(name), *row(name, SCORED, rates), score_cell(name), losses(name)] for name in names() if records_of(name)
    ]
    print_table(("model", *SCORED, "score", "overthinking"), scored)
    if far := [[short(name), *row(name, FAR, fractions)] for name in names() if records_of(name).keys() & FAR]:
        print_table(("model", *FAR), far)
    print_spreads()


if __name__ == "__main__":
    main()
