import math

import pytest
import torch
from evaluation_toys import EXACT, FIRST_CELL, Toy, protocol, toy_examples
from torch import Tensor

from loopbench.evaluation.curve import Curve, measure_curve
from loopbench.evaluation.retirement import Audit, settled
from loopbench.evaluation.verdicts import recorded_iterations

T = 400
COUNT = 500


def measure(model: Toy, *, retirement: bool = True, count: int = COUNT) -> Curve:
    plan, recorded = protocol(T, retirement=retirement), recorded_iterations(T, ())
    return measure_curve(model, [EXACT, FIRST_CELL], toy_examples(count), plan, recorded, torch.device("cpu"))


def contraction(rate: float, **options: object) -> Toy:
    return Toy(lambda h, e: h + (1 - rate) * (e - h), **options)


def rotation(h: Tensor, e: Tensor) -> Tensor:
    """A turn by 0.1 of the plane of two cells, which never ends."""
    a, b = h[:, 0::2], h[:, 1::2]
    c, s = math.cos(0.1), math.sin(0.1)
    return torch.stack((c * a - s * b, s * a + c * b), -1).flatten(1)


def test_a_contraction_retires_and_gives_the_same_curve() -> None:
    model, exact = contraction(0.7), contraction(0.7)
    curve, full = measure(model), measure(exact, retirement=False)
    assert curve.correct == full.correct
    assert (curve.verdicts.first_solved == full.verdicts.first_solved).all()
    assert (curve.verdicts.solved == full.verdicts.solved).all()
    assert curve.audit == Audit(count=COUNT, audited=300, disagreements=0)
    assert exact.steps == COUNT * T
    assert model.steps < 300 * T + (COUNT - 300) * T / 2, "those that are not audited leave early"


def test_verdicts_that_freeze_count_to_the_end() -> None:
    """Answers that come and go before the state settles, so that curves and bits depend on when they freeze."""
    model = Toy(lambda h, e: 0.8 * h + e, score=lambda h: torch.sin(7 * h))
    curve, full = measure(model), measure(model, retirement=False)
    assert len(set(full.correct["exact"])) > 3
    assert curve.audit.count == COUNT
    assert curve.correct == full.correct
    assert (curve.verdicts.solved == full.verdicts.solved).all()


def test_a_spiral_and_an_alternating_contraction_settle() -> None:
    for model in (Toy(lambda h, e: e + 0.9 * rotation(h, e)), Toy(lambda h, e: e - 0.9 * h)):
        assert measure(model, count=40).audit.count == 40


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rate", [0.5, 0.9, 0.97])
def test_rounding_does_not_keep_a_contraction_from_settling(rate: float, dtype: torch.dtype) -> None:
    """A map that is not at rest in floating point: products with a dense matrix, in an order that keeps changing."""
    q, _ = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    step = rate * q.to(dtype)
    model = Toy(lambda h, e: h @ step + torch.tanh(e), dtype=dtype)
    examples = toy_examples(40, cells=64)
    curve = measure_curve(model, [EXACT], examples, protocol(4 * T), [4 * T], torch.device("cpu"))
    assert curve.audit == Audit(count=40, audited=40, disagreements=0)


@pytest.mark.parametrize(
    "model",
    [
        Toy(rotation, start=lambda e: e + 0.5),
        Toy(lambda h, e: h + e, start=lambda e: e + 0.5),  # drift: its relative change falls as 1/t
        Toy(lambda h, e: 1.01 * h, start=lambda e: e + 0.5),
        Toy(lambda h, e: -h, start=lambda e: e + 0.5),
        Toy(lambda h, e: h + torch.nan),
        Toy(lambda h, e: h * 1e3, start=lambda e: e + 0.5),  # overflows
    ],
    ids=["rotation", "drift", "expansion", "alternation", "nan", "overflow"],
)
def test_what_does_not_settle_never_retires(model: Toy) -> None:
    # an input of zeros is a fixed point of some of these: keep away from it
    curve = measure(model, count=40)
    still = sum(not row.any() for row in toy_examples(40).inputs)
    assert curve.audit.count <= still
    assert model.steps == 40 * T


def late_change(share: float) -> Toy:
    """x contracts to e; an unseen last channel counts the steps, and at 150 some examples change their answer."""

    def update(h: Tensor, e: Tensor) -> Tensor:
        x, clock = h[:, :-1], h[:, -1:]
        return torch.cat((0.5 * x + 0.5 * e, clock + 1), 1)

    def score(h: Tensor) -> Tensor:
        x, clock = h[:, :-1], h[:, -1:]
        return torch.where((clock >= 150) & (x.sum(1, keepdim=True) < 32 * share - 10), -x, x)

    return Toy(update, score, observe=lambda h: h[:, :-1], start=lambda e: torch.cat((e, torch.zeros(len(e), 1)), 1))


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_the_audit_finds_an_answer_that_changes_later(share: float) -> None:
    curve, full = measure(late_change(share)), measure(late_change(share), retirement=False)
    assert full.correct["exact"][100] != full.correct["exact"][200]
    assert curve.audit.disagreements > 0
    assert curve.correct == full.correct
    assert (curve.verdicts.solved == full.verdicts.solved).all()


def test_a_second_metric_can_disagree() -> None:
    """All examples are wrong as a whole and stay so; the first cell changes from 0 to 1."""
    model = late_change(1.0)
    model.score = lambda h: torch.where(
        h[:, -1:] < 150, torch.tensor([-1.0, -1, -1, -1]), torch.tensor([1.0, -1, -1, -1])
    )
    examples = toy_examples(40)
    examples.targets[:] = torch.tensor([1, 1, 1, 1])
    curve = measure_curve(model, [EXACT, FIRST_CELL], examples, protocol(T), [T], torch.device("cpu"))
    assert set(curve.correct["exact"]) == {0}
    assert curve.correct["first-cell"] == [0] * 149 + [40] * (T - 149)
    assert curve.audit.disagreements > 0


def test_progress_starts_again_with_a_pass_in_full() -> None:
    done: list[int] = []
    plan, examples = protocol(T), toy_examples(40)
    curve = measure_curve(late_change(1.0), [EXACT], examples, plan, [T], torch.device("cpu"), done.append)
    assert curve.audit.disagreements > 0
    assert sum(done) == 40 * T


@pytest.mark.parametrize("count", [0, 1, 300, 301, 6000, 6001, 20_000])
def test_the_audit_takes_300_or_5_percent_or_all(count: int) -> None:
    audit = Audit()
    for _ in range(count):
        audit.runs_on()
    assert audit.count == count
    assert audit.audited == min(count, max(300, math.ceil(0.05 * count)))


def changes(values: list[float]) -> Tensor:
    return torch.tensor(values)[:, None]


def test_the_rule() -> None:
    one, geometric = torch.ones(1), [2.0**-i for i in range(12, 21)]
    assert settled(changes(geometric), one)
    assert not settled(changes([1000 * x for x in geometric]), one), "the tail is too long"
    assert not settled(changes([*geometric[:4], geometric[3], *geometric[5:]]), one), "one change did not shrink"
    assert settled(changes([1.0, 1e-3, *[0.0] * 7]), one), "it stays where it is"
    assert not settled(changes([*[0.0] * 8, 1e-3]), one), "it left where it was"
    assert settled(changes([0.0] * 9), torch.zeros(1))
    slow = [1e-5 * 0.999**i for i in range(9)]
    assert not settled(changes(slow), one), "so slow that 0.01 of the norm is still to go"
    assert settled(changes([x / 1000 for x in slow]), one)
    assert not settled(changes([math.nan] * 9), one)
    assert not settled(changes([1.0] * 9), torch.tensor([math.inf]))
