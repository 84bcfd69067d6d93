"""How fast the leaderboard's site is in Chromium: `python benchmarks/site.py [--models 1000]`.

Entries that nobody trained, so many on each of three tasks with records of eight splits: what the overview takes until
it is usable, and what switching the task takes until the new table is painted. The medians of five are printed.
"""

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "leaderboard"))

from synthetic_entries import make_entry

from loopbench.leaderboard.site.build import write_site
from loopbench.leaderboard.submission import Entry
from loopbench.plugins import get_task

TASKS, SPLITS, RUNS = ("prefix-sums", "sudoku", "chess"), 8, 5
KINDS = 24  # models whose records differ
# performance.now() after the next frame was painted, in ms since the navigation began
PAINTED = "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"


def entries(models: int) -> list[Entry]:
    """So many of each task, the same every time."""
    found: list[Entry] = []
    for name in TASKS:
        task = get_task(name)
        splits = [split.name for split in task.splits[:SPLITS]]
        splits += [split for split in task.benchmark.splits if split not in splits]
        made = [
            make_entry(
                task,
                f"{name}-{i}",
                skill=i / KINDS,
                splits=splits,
                recall=("none", "recall", "internal")[i % 3],
                norm=("pre", "peri", "outer", "gru")[i % 4],
            )
            for i in range(KINDS)
        ]
        found += [renamed(made[i % KINDS], f"{name}-model-{i:04}") for i in range(models)]
    return found


def renamed(entry: Entry, name: str) -> Entry:
    """The same records under another name: making 24,000 others would take longer than all the rest."""
    return replace(entry, submission=entry.submission.model_copy(update={"name": name}))


class Watch:
    """A page with a clock, and with what its main thread has computed."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy(self) -> float:
        """Processor time of the main thread's tasks so far, in ms."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    def usable(self, site: Path) -> tuple[float, float]:
        """From the navigation to a painted table that the script has taken over: ms by the clock, and computed."""
        self.page.goto("about:blank")
        before = self.busy()
        self.page.goto((site / "index.html").as_uri(), wait_until="commit")
        self.page.locator("#status:not(:empty)").wait_for()  # the script has counted the rows
        return self.page.evaluate(PAINTED), self.busy() - before

    def switched(self, task: str) -> tuple[float, float]:
        """From the click on a task to its painted table: ms by the clock, and computed."""
        script = f"""async () => {{
          const began = performance.now();
          document.querySelector('.tabs a[data-task="{task}"]').click();
          await {PAINTED};
          if (document.getElementById('task-{task}').hidden) throw new Error('{task} is not shown');
          return performance.now() - began;
        }}"""
        before = self.busy()
        return self.page.evaluate(script), self.busy() - before


def report(what: str, times: list[tuple[float, float]]) -> None:
    clock, computed = (median(column) for column in zip(*times, strict=True))
    print(f"{what} after {clock:.0f} ms, of which the page computes for {computed:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--output", type=Path, help="keep the site there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        site = options.output or Path(folder) / "site"
        made = entries(options.models)
        began = time.monotonic()
        files = write_site(made, [], site)
        print(f"built {files:,} files of {len(made):,} entries in {time.monotonic() - began:.0f} s")
        print(f"index.html has {(site / 'index.html').stat().st_size / 1e6:.1f} MB")
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        watch = Watch(page)
        report("overview usable", [watch.usable(site) for _ in range(RUNS)])
        report("another task", [watch.switched(task) for _ in range(RUNS) for task in (*TASKS[1:], TASKS[0])])
        browser.close()


if __name__ == "__main__":
    main()
