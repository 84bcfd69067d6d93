"""The chess tables of the README: `python benchmarks/bands.py [--run] [--data lichess=FILE] [OPTION …]`.

They are printed from the records in leaderboard and the chances in benchmarks/chances.json. With `--run`, both
are made first: every bundled chess model is evaluated on the splits (options go to `loopbench eval`), and what chance
would give is worked out. `--data` reads the Lichess puzzles from a local copy.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import torch
from presets import RESULTS, STRESS, print_table, records_of

from loopbench.contracts import Examples
from loopbench.evaluation import Record
from loopbench.evaluation.examples import load_examples
from loopbench.files import write_json
from loopbench.registry import entries
from loopbench.tasks.chess import lichess
from loopbench.tasks.chess.metrics import legal_moves, move, squares
from loopbench.tasks.chess.task import Chess, ChessSource, training_pool

ITERATIONS = (8, 30, 128, 512)
CHANCES = Path(__file__).with_name("chances.json")
TASK = Chess()
SPLITS = [split for split in TASK.splits if not split.name.startswith(("dev-", "paper-"))]
KEYS = ("legal", "frequent_squares", "frequent_move")
PAIRS = 64 * 63 // 2  # of squares


def run(data: str | None, options: list[str]) -> None:
    file = Path(data.removeprefix(f"{lichess.NAME}=")) if data else None
    pool = training_pool(ChessSource(puzzles=str(file) if file else lichess.NAME))
    frequency = torch.as_tensor(np.bincount(pool.answers.ravel(), minlength=64) / len(pool)).float()
    found: dict[str, dict[str, float]] = {}
    for split in SPLITS:
        spec, examples = load_examples(TASK, split.name, file if split.downloaded else None)
        found[spec.name] = {"puzzles": len(examples), **chances(examples, frequency)}
    write_json(CHANCES, found)
    for name in names():
        for local in (False, True):
            splits = [split for split in SPLITS if local == bool(data and split.downloaded)]
            asked = [argument for split in splits for argument in ("--split", split.name)]
            asked += [
                "--output",
                str((STRESS if local else RESULTS) / name),
                *(["--data", data] if data and local else []),
            ]
            command = ["loopbench", "eval", "--model", name, *asked, "--iterations", str(ITERATIONS[-1]), *options]
            if splits:
                subprocess.run(command, check=True)


def chances(examples: Examples, frequency: torch.Tensor) -> dict[str, float]:
    """How many are right: of legal moves at random, on average, and of logits that are always the same, as high as a
    square is often one of an answer's."""
    extra = examples.extra
    legal = [legal_moves(*key) for key in zip(extra["fen"], extra["answer"], extra["any_mate"], strict=True)]
    logits = torch.stack((torch.zeros(64), frequency), -1).view(1, 8, 8, 2).expand(len(examples), -1, -1, -1)
    return {
        "legal": round(sum(float(moves.right.double().mean()) for moves in legal), 3),
        "frequent_squares": int(squares(logits, examples).sum()),
        "frequent_move": int(move(logits, examples).sum()),
    }


def names() -> list[str]:
    return [entry.name for entry in entries() if entry.task == TASK.name and entry.name.startswith("chess-")]


def row(record: Record) -> list[str]:
    """Both metrics at each t."""
    curves = [record.curves[metric.name] for metric in TASK.metrics]
    rates = [" / ".join(f"{100 * curve.correct[t - 1] / curve.n:.1f}" for curve in curves) for t in ITERATIONS]
    return [str(record.primary.n), *rates]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--data")
    arguments, options = parser.parse_known_args()
    if arguments.run:
        run(arguments.data, options)
    rows = [
        [model.removeprefix("chess-"), name, *row(records[name])]
        for model, records in {model: records_of(model) for model in names()}.items()
        for split in SPLITS
        for name in (split.name, f"local-{split.name}")
        if name in records
    ]
    if rows:
        print_table(("model", "split", "puzzles", *(f"t = {t}" for t in ITERATIONS)), rows)
    found: dict[str, dict[str, float]] = json.loads(CHANCES.read_text())
    columns = ("split", "puzzles", "any two squares / a legal move", "the most frequent squares / the best legal move")
    rows: list[list[str]] = []
    for name, chance in found.items():
        legal, *frequent = (100 * chance[key] / chance["puzzles"] for key in KEYS)
        pairs = f"{100 / PAIRS:.2f} / {legal:.1f}"
        rows.append([name, str(chance["puzzles"]), pairs, " / ".join(f"{rate:.1f}" for rate in frequent)])
    print_table(columns, rows)


if __name__ == "__main__":
    main()
