import torch
from evaluation_toys import Toy, toy_examples

from loopbench.leaderboard.readings import read_out
from loopbench.loop import trajectory

ITERATIONS = (16, 32, 64, 65, 300)


def readings(model: Toy, *, retirement: bool) -> list[torch.Tensor]:
    inputs = toy_examples(20).inputs
    with torch.no_grad():
        return list(read_out(model, trajectory(model, inputs, ITERATIONS[-1]), len(inputs), ITERATIONS, retirement))


def test_logits_of_what_settled_stay() -> None:
    """Half of the examples contract, half turn for ever; what is read out is the same, and costs less."""

    def update(h: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
        turning = torch.stack((-h[:, 1], h[:, 0], e[:, 2], e[:, 3]), 1) + torch.eye(4)[0] * (h[:, :1] == 0)
        return torch.where(e[:, :1] > 0, turning, 0.5 * h + e)

    full, short = Toy(update, start=lambda e: e), Toy(update, start=lambda e: e)
    for one, other in zip(readings(full, retirement=False), readings(short, retirement=True), strict=True):
        assert one.shape == (20, 4, 2)
        torch.testing.assert_close(one, other)
    assert full.steps == 20 * 300
    assert 0 < (toy_examples(20).inputs[:, 0] > 0).sum() * 300 < short.steps < full.steps


def test_when_everything_has_settled_nothing_runs() -> None:
    model = Toy(lambda h, e: 0.5 * h + e)
    last = readings(model, retirement=True)[-1]
    assert model.steps == 20 * 32
    torch.testing.assert_close(last[..., 1], 2.0 * toy_examples(20).inputs)
