import numpy as np
import pytest
import torch
from evaluation_toys import EXACT, FIRST_CELL, Toy, protocol, toy_examples

from loopbench.evaluation.curve import measure_curve
from loopbench.evaluation.verdicts import recorded_iterations
from loopbench.loop import final_state, trajectory

CPU = torch.device("cpu")


EXAMPLES = toy_examples(21)


def restless() -> Toy:
    """Drifts through the zeros of a sine, so that every answer comes and goes."""
    return Toy(lambda h, e: h + 0.1 * e + 0.05, score=torch.sin, dtype=torch.float64)


def from_scratch(t: int) -> list[bool]:
    model = restless()
    return EXACT.score(model.readout(final_state(trajectory(model, EXAMPLES.inputs, t))), EXAMPLES).tolist()


def test_one_pass_counts_what_runs_from_scratch_count() -> None:
    recorded = recorded_iterations(60, (25, 50, 100, 200))
    curve = measure_curve(restless(), [EXACT, FIRST_CELL], EXAMPLES, protocol(60, batch_size=4), recorded, CPU)

    expected = np.array([from_scratch(t) for t in range(1, 61)])
    assert curve.correct["exact"] == expected.sum(1).tolist()
    assert len(set(curve.correct["exact"])) > 5, "the test wants a curve that goes up and down"
    assert recorded == [1, 2, 4, 8, 16, 25, 32, 50, 60]
    assert curve.verdicts.iterations.tolist() == recorded
    assert (curve.verdicts.solved == expected[[t - 1 for t in recorded]]).all()
    first = [int(row.argmax()) + 1 if row.any() else 0 for row in expected.T]
    assert curve.verdicts.first_solved.tolist() == first
    assert 0 in first or max(first) > 1
    assert all(a <= b for a, b in zip(curve.correct["exact"], curve.correct["first-cell"], strict=True))


@pytest.mark.parametrize(("batch_size", "seed"), [(1, 0), (5, 0), (64, 0), (5, 1)])
def test_batch_and_order_change_nothing(batch_size: int, seed: int) -> None:
    one = measure_curve(restless(), [EXACT], EXAMPLES, protocol(60, batch_size=4), [1, 60], CPU)
    plan = protocol(60, batch_size=batch_size, seed=seed)
    other = measure_curve(restless(), [EXACT], EXAMPLES, plan, [1, 60], CPU)
    assert one.correct == other.correct
    assert (one.verdicts.first_solved == other.verdicts.first_solved).all()


def test_what_never_solves_is_first_solved_at_zero() -> None:
    wrong = Toy(lambda h, e: -e)
    curve = measure_curve(wrong, [EXACT], toy_examples(10), protocol(3), [1, 2, 3], CPU)
    assert curve.correct == {"exact": [0, 0, 0]}
    assert not curve.verdicts.first_solved.any()


def test_the_seed_decides_a_random_start() -> None:
    class RandomStart(Toy):
        def start(self, e: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
            return torch.randn(e.shape, generator=generator)

    def counts(seed: int) -> list[int]:
        model = RandomStart(lambda h, e: 0.9 * h)
        return measure_curve(model, [FIRST_CELL], toy_examples(200), protocol(1, seed=seed), [1], CPU).correct[
            "first-cell"
        ]

    assert counts(0) == counts(0)
    assert len({counts(seed)[0] for seed in range(5)}) > 1


def test_progress_adds_up_to_every_step_of_every_example() -> None:
    contraction = Toy(lambda h, e: h + 0.5 * (e - h))
    for retirement in (False, True):
        done: list[int] = []
        plan = protocol(100, retirement=retirement)
        measure_curve(contraction, [EXACT], toy_examples(400), plan, [100], CPU, done.append)
        assert sum(done) == 400 * 100
