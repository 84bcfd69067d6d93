"""Submissions without a run: records as if a model had answered the official splits of prefix sums."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation_toys import made_record

from loopbench.contracts import Split
from loopbench.evaluation.record import Record
from loopbench.evaluation.store import save_record
from loopbench.files import sha256, write_bytes
from loopbench.hub import build_model
from loopbench.leaderboard.submission import SUBMISSION
from loopbench.plugins import get_task
from loopbench.tasks.splits import find_split
from loopbench.validation import dump_yaml

PREFIX_SUMS = get_task("prefix-sums")
SCORED = ("bits-64", "bits-128", "bits-256", "bits-512")
COMMIT = "c" * 40
MODEL = build_model("loop", {"width": 8, "heads": 2, "mlp_ratio": 1}, "prefix-sums").info


def solved_at(split: Split, share: float, seed: str) -> list[int]:
    """When each example is first solved; a share of them never is."""
    draw = random.Random(seed)
    return [draw.randint(1, split.depth) if draw.random() < share else 0 for _ in range(split.count)]


def made_records(
    name: str, share: float = 0.5, splits: Sequence[str] = SCORED, late: int = 0, **changes: Any
) -> list[Record]:
    """Records of a model that is called by its weights' hash.

    Args:
        late: so many iterations after 8 D what was not solved before is solved.
    """
    found: list[Record] = []
    for split in (find_split(PREFIX_SUMS, split) for split in splits):
        assert MODEL
        parts: dict[str, Any] = {
            "model": MODEL.model_dump(exclude={"task", "train_iterations"})
            | {"weights_sha256": sha256(name.encode()), "ref": f"hub:made/{name}@{COMMIT}"},
            "split": {"name": split.name, "difficulty": float(split.difficulty), "data_sha256": split.sha256},
        }
        for part, values in changes.items():
            parts[part] = parts.get(part, {}) | values
        last = 8 * split.depth + late
        first = [t or (last if late else 0) for t in solved_at(split, share, f"{name}/{split.name}")]
        found.append(made_record(first, last, **parts))
    return found


def submission(name: str, **changes: Any) -> dict[str, Any]:
    """What submission.yaml says."""
    return {
        "schema_version": 1,
        "name": name,
        "model": {"ref": f"hub:made/{name}@{COMMIT}", "weights_sha256": sha256(name.encode())},
        "authors": ["A. Nyone"],
        "track": "closed",
        "training": {"data": "strings of 32 bits", "recipe": "prefix-sums-recall"},
        "runs_tried": 3,
    } | changes


def write_entry(folder: Path, records: Sequence[Record], **changes: Any) -> Path:
    """A folder as `submit` writes it."""
    for record in records:
        save_record(folder, record)
    write_bytes(folder / SUBMISSION, dump_yaml(submission(folder.name, **changes)).encode())
    return folder
