import random
from statistics import fmean

import pytest
from evaluation_toys import made_record

from loopbench.errors import LoopbenchError
from loopbench.evaluation.record import Record
from loopbench.leaderboard.scores import score
from loopbench.plugins import get_task

PREFIX_SUMS = get_task("prefix-sums")
DEPTHS = {"bits-64": 64, "bits-128": 64, "bits-256": 128, "bits-512": 256}


def records(first: list[int], lost: dict[int, int] | None = None, **changes: object) -> list[Record]:
    return [
        made_record(first, 8 * depth, lost, split={"name": name, "count": len(first)}, **changes)
        for name, depth in DEPTHS.items()
    ]


FROZEN = {
    "prefix-sums": (
        1,
        ("bits-64", "bits-128", "bits-256", "bits-512"),
        (64, 64, 128, 256),
        "ad4e9aae 02687691 71f2f5bc 265dc66a",
    ),
    "sudoku": (2, ("hard", "extreme"), (64, 64), "7d04f397 bd6a9071"),
    "chess": (1, ("mate-1", "mate-2", "mate-3"), (64, 64, 64), "3c8118dc e56f3e5a b809941f"),
}
"""Version, scored splits, their D, and how the sha256 of each begins."""


@pytest.mark.parametrize("name", FROZEN)
def test_a_benchmark_is_frozen(name: str) -> None:
    task = get_task(name)
    splits = {split.name: split for split in task.splits}
    assert task.benchmark
    chosen = [splits[split] for split in task.benchmark.splits]
    depths, hashes = tuple(split.depth for split in chosen), " ".join(split.sha256[:8] for split in chosen)
    assert (task.benchmark.version, task.benchmark.splits, depths, hashes) == FROZEN[name]
    assert not any(split.downloaded for split in chosen), "whoever has the package can be scored"


def test_the_score_is_the_mean_over_splits_and_depths() -> None:
    # example 0 is solved at once and stays; 1 from t = 100; 2 until t = 200; 3 never
    found = score(PREFIX_SUMS, records([1, 100, 1, 0], lost={2: 200}))
    expected = []
    for depth in DEPTHS.values():
        at = [depth * m for m in (1, 2, 4, 8)]
        expected.append(fmean(((1) + (t >= 100) + (t < 200)) / 4 for t in at))
    assert found.value == pytest.approx(100 * fmean(expected))
    assert 0 < found.low < found.value < found.high < 100


def test_layers_per_step_count() -> None:
    """Four layers a step reach a depth in a quarter of the iterations."""
    slow = [
        made_record([16], 2 * depth, split={"name": name}, model={"layers_per_step": 4})
        for name, depth in DEPTHS.items()
    ]
    assert score(PREFIX_SUMS, slow).value == 100


def test_all_and_nothing_have_an_interval() -> None:
    assert score(PREFIX_SUMS, records([1] * 500)).value == 100
    assert 99.5 < score(PREFIX_SUMS, records([1] * 500)).low < 100
    assert score(PREFIX_SUMS, records([0] * 500)).value == 0
    assert 0 < score(PREFIX_SUMS, records([0] * 500)).high < 0.5


def test_the_interval_covers() -> None:
    """Of models whose true score is 70, at least 95 % have it in their interval."""
    draw = random.Random(0)
    covered = 0
    for _ in range(60):
        made = [
            made_record(
                [1 if draw.random() < 0.7 else 0 for _ in range(60)], 8 * depth, split={"name": name, "count": 60}
            )
            for name, depth in DEPTHS.items()
        ]
        found = score(PREFIX_SUMS, made)
        covered += found.low <= 70 <= found.high
    assert covered >= 54


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r[:-1], "bits-512 not evaluated"),
        (lambda r: [*r, r[0]], "two records of one split"),
        (lambda r: [], "bits-64, bits-128, bits-256, bits-512 not evaluated"),
        (lambda r: [*r[:3], r[3].until(2047)], "T = 2047 on bits-512 ends before effective depth 2048"),
        (
            lambda r: [
                *r[:3],
                made_record([1, 0], 2048, split={"name": "bits-512"}, model={"weights_sha256": "c" * 64}),
            ],
            "different models",
        ),
        (
            lambda r: [*r[:3], made_record([1, 0], 2048, split={"name": "bits-512", "count": 500})],
            "it needs all examples of bits-64, bits-128, bits-256, bits-512; leave out --limit",
        ),
        (lambda r: records([1, 0], task={"version": 2}), "version 1 of task prefix-sums"),
        (lambda r: records([1, 0], task={"name": "parity"}), "not evaluated"),
    ],
)
def test_there_is_a_reason_for_no_score(change: object, message: str) -> None:
    with pytest.raises(LoopbenchError, match=f"no prefix-sums score: .*{message}"):
        score(PREFIX_SUMS, change(records([1, 0])))


def test_other_splits_are_passed_over() -> None:
    """Those made of local files too."""
    more = [made_record([0, 0], 10, split={"name": name}) for name in ("bits-32", "local-bits-64")]
    more += records([1, 0])
    assert score(PREFIX_SUMS, more) == score(PREFIX_SUMS, records([1, 0]))
