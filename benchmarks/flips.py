"""How many verdicts change when only the arithmetic does: `python benchmarks/flips.py [MODEL …]`.

The first 50 examples of the leaderboard's splits of up to 128 cells are run again in float64 and compared, at the
scored iterations, with the records, which are of float32. Another device, batch or number of threads should change
the last bits by no more than that, but it changes them in another way: a verdict that hangs on them can flip there and
not here. The rule by which `loopbench leaderboard verify` judges a difference was chosen with these numbers.
"""

import sys
from pathlib import Path

from loopbench.evaluation import evaluate
from loopbench.evaluation.protocol import scored_iterations
from loopbench.hub import load_model
from loopbench.leaderboard.submission import read_entries
from loopbench.plugins import get_task
from loopbench.tasks.splits import find_split

RESULTS = Path(__file__).parents[1] / "leaderboard" / "results"
EXAMPLES = 50
CELLS = 128


def main(names: list[str]) -> None:
    print("entry split solved-by-any-depth flips examples-that-flip")
    for entry in read_entries(RESULTS):
        if names and entry.name not in names:
            continue
        model = load_model(entry.submission.model.ref)
        task = get_task(entry.record.task.name)
        for name, record in entry.records.items():
            split = find_split(task, name)
            if split.downloaded or task.load(name).inputs[0].numel() > CELLS:
                continue
            scored = scored_iterations(split, model.layers_per_step)
            again = evaluate(model, task, name, scored[-1], limit=EXAMPLES, precision="float64")
            solved, found = ([r.verdicts.iterations.tolist().index(t) for t in scored] for r in (record, again))
            before = record.verdicts.solved[solved][:, :EXAMPLES]
            flips = before != again.verdicts.solved[found]
            print(entry.name, name, before.any(0).sum(), flips.sum(), flips.any(0).sum(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
