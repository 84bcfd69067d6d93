import math

import pytest
import torch
from torch import nn

from loopbench.errors import LoopbenchError
from loopbench.training.optimization import make_optimizer, make_schedule, paper_factor
from loopbench.training.recipe import OptimizerChoice, ScheduleChoice


def rates(choice: ScheduleChoice, steps: int, lr: float = 1.0) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    set_rate = make_schedule(optimizer, choice, steps)
    found = []
    for step in range(steps):
        set_rate(step)
        found.append(optimizer.param_groups[0]["lr"])
    return found


def test_cosine_warms_up_linearly_and_ends_near_its_share() -> None:
    found = rates(ScheduleChoice(name="cosine", warmup_steps=10, final=0.1), 1000)
    assert found[0] == pytest.approx(1 / 11)
    assert found[5] == pytest.approx(6 / 11, rel=1e-6)
    assert found[500] == pytest.approx(0.55, abs=1e-6)  # half way between the peak and a tenth of it
    assert found[-1] == pytest.approx(0.1, abs=1e-4)


def test_the_papers_factor_per_epoch() -> None:
    factors = [paper_factor(epoch) for epoch in range(100)]
    assert factors[0] == pytest.approx(1 - math.exp(-0.1))
    assert factors[8] == pytest.approx(1 - math.exp(-0.9))
    assert set(factors[9:60]) == {1.0}
    assert set(factors[60:]) == {0.1}


def test_the_papers_schedule_divides_the_steps_into_epochs() -> None:
    found = rates(ScheduleChoice(name="paper"), 1600, lr=2.0)
    assert found[:16] == [2 * paper_factor(0)] * 16
    assert found[16] == 2 * paper_factor(1)
    assert found[959] == 2.0 and found[960] == pytest.approx(0.2)


def test_the_schedule_of_a_step_needs_no_history() -> None:
    for name in ("constant", "cosine", "paper"):
        choice = ScheduleChoice(name=name)
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
        make_schedule(optimizer, choice, 100)(70)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rates(choice, 100)[70])


def test_a_warm_up_longer_than_the_training_is_refused() -> None:
    with pytest.raises(LoopbenchError, match="warmup_steps"):
        rates(ScheduleChoice(warmup_steps=10), 10)


def test_gains_and_biases_do_not_decay() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.RMSNorm(3))
    groups = make_optimizer(model, OptimizerChoice(lr=1.0, weight_decay=0.5)).param_groups
    decays = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    assert [decays[id(parameter)] for parameter in model.parameters()] == [0.5, 0.0, 0.0]


def test_an_unknown_optimizer_is_one_line() -> None:
    with pytest.raises(LoopbenchError, match="adamx"):
        make_optimizer(nn.Linear(1, 1), OptimizerChoice(name="adamx", lr=1.0))
