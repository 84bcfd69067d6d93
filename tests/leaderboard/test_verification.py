import json
from pathlib import Path
from typing import Any

import pytest
import torch
from evaluation_toys import made_record

from loopbench.errors import LoopbenchError
from loopbench.evaluation.environment import current_environment
from loopbench.leaderboard.verification import (
    FILE,
    Verification,
    evidence,
    find_verification,
    save_verification,
)
from loopbench.validation import validate

EVIDENCE = "e" * 64


def said(**changes: Any) -> dict[str, Any]:
    """What verification.json says."""
    split = {
        "reproduced": {
            "n": 20, "iterations": [64, 128], "reported": [10, 20], "found": [11, 20], "flips": [1, 0], "agrees": True,
        },
        "fresh": {"n": 20, "correct": [9, 19], "p_value": 0.5, "agrees": True},
        "untrained": {"n": 20, "correct": [0, 0], "chance": 0.01, "agrees": True},
    }  # fmt: skip
    return {
        "schema_version": 1,
        "created": "2026-11-25T21:00:00Z",
        "seed": 7,
        "commit": "c" * 40,
        "share": 0.05,
        "evidence": EVIDENCE,
        "splits": {"bits-64": split},
        "verdict": "verified",
        "reasons": [],
        "environment": current_environment(torch.device("cpu"), False).model_dump(),
    } | changes


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    verification = validate(Verification, said(), "this")
    save_verification(tmp_path, verification)
    assert find_verification(tmp_path, EVIDENCE) == verification


def test_it_is_not_shown_beside_other_records(tmp_path: Path) -> None:
    assert find_verification(tmp_path, EVIDENCE) is None
    save_verification(tmp_path, validate(Verification, said(), "this"))
    assert find_verification(tmp_path, "f" * 64) is None


def test_evidence_is_everything_that_was_verified() -> None:
    record = made_record([1, 0], 10)
    other = made_record([1, 0], 10, split={"name": "other"})
    assert evidence("a", None, [record, other]) == evidence("a", None, [other, record])
    changed = [
        evidence("b", None, [record]),
        evidence("a", "wheel", [record]),
        evidence("a", None, [record, other]),
        evidence("a", None, [made_record([2, 0], 10)]),
        evidence("a", None, [made_record([1, 1], 10)]),
    ]
    assert len({evidence("a", None, [record]), *changed}) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "fine"}, "verdict: Input should be 'verified', 'mismatch' or 'refused'"),
        ({"verdict": "mismatch"}, "there are reasons if and only if the verdict is not verified"),
        ({"reasons": ["bad"]}, "there are reasons if and only if the verdict is not verified"),
        ({"splits": {}}, "verified, although not everything agrees"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"more": 1}, "more: no such field"),
        ({"splits": {"<b>": {}}}, "splits.<b>"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / FILE).write_text(json.dumps(said(**change)))
    with pytest.raises(LoopbenchError, match=message):
        find_verification(tmp_path, EVIDENCE)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("reproduced", {"found": [21, 20]}, "counts must be 2 numbers of at most 20"),
        ("reproduced", {"found": [20]}, "counts must be 2 numbers of at most 20"),
        ("reproduced", {"iterations": [64, 64]}, "iterations must ascend"),
        ("fresh", {"correct": [1, 2, 3]}, "counts must be 2 numbers of at most 20"),
        ("fresh", {"p_value": 1.5}, "less than or equal to 1"),
        ("untrained", {"agrees": False}, "verified, although not everything agrees"),
    ],
)
def test_counts_that_cannot_be_are_refused(part: str, change: dict[str, Any], message: str) -> None:
    value = said()
    value["splits"]["bits-64"][part] |= change
    with pytest.raises(LoopbenchError, match=message):
        validate(Verification, value, "this")
