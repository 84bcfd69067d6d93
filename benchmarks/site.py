"""How fast the leaderboard's site is in Chromium: `python benchmarks/site.py [--models 1000]`.

Entries that nobody trained, so many on each of three tasks with records of eight splits: what the overview takes until
it is usable, and what switching the task takes until the new table is painted. The medians of five are printed.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "leaderboard"))

from synthetic_entries import make_entry

from loopbench.leaderboard.site.build import write_site
from loopbench.leaderboard.submission import Entry
from loopbench.plugins import get_task

TASKS, SPLITS, RUNS = ("prefix-sums", "sudoku", "chess"), 8, 5
# performance.now() after the next frame was painted, in ms since the navigation began
PAINTED = "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"


def entries(models: int) -> list[Entry]:
    """So many of each task, the same every time."""
    found: list[Entry] = []
    for name in TASKS:
        task = get_task(name)
        splits = [split.name for split in task.splits[:SPLITS]]
        splits += [split for split in task.benchmark.splits if split not in splits]
        found += [
            make_entry(
                task,
                f"{name}-model-{i:04}",
                skill=(i % 97) / 97,
                splits=splits,
                recall=("none", "recall", "internal")[i % 3],
                norm=("pre", "peri", "outer", "gru")[i % 4],
            )
            for i in range(models)
        ]
    return found


def usable(page: Page, site: Path) -> float:
    """Seconds from the navigation to a painted table that the script has taken over."""
    page.goto("about:blank")
    page.goto((site / "index.html").as_uri(), wait_until="commit")
    page.locator("#status:not(:empty)").wait_for()  # the script has counted the rows
    return page.evaluate(PAINTED) / 1000


def switched(page: Page, task: str) -> float:
    """Milliseconds from the click on a task to its painted table."""
    script = f"""async () => {{
      const began = performance.now();
      document.querySelector('.tabs a[data-task="{task}"]').click();
      await {PAINTED};
      if (document.getElementById('task-{task}').hidden) throw new Error('{task} is not shown');
      return performance.now() - began;
    }}"""
    return page.evaluate(script)


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
        print(f"overview usable after {median(usable(page, site) for _ in range(RUNS)):.2f} s")
        times = [switched(page, task) for _ in range(RUNS) for task in (*TASKS[1:], TASKS[0])]
        print(f"another task after {median(times):.0f} ms, at most {max(times):.0f} ms")
        browser.close()


if __name__ == "__main__":
    main()
