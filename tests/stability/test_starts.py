"""Path independence and input-dependence, on maps where both are known."""

import pytest
import torch
from evaluation_toys import Toy
from stability_maps import (
    CONSTANT,
    CONTRACTION,
    DRIFT,
    EXPANSION,
    FORGETFUL,
    HOPF,
    INPUTS,
    LOGISTIC,
    NAN,
    OVERFLOW,
    TWO_POINTS,
    toy,
    turn,
)
from torch import Tensor

from loopbench.contracts import Examples, LoopedModel
from loopbench.stability import (
    follow,
    follow_from_elsewhere,
    measure_fixed_points,
    measure_gradient_growth,
    measure_growth,
    measure_input_dependence,
    measure_paper,
    measure_path_independence,
    measure_reachability,
    measure_spectra,
    sample,
)
from loopbench.stability.estimate import Estimate
from loopbench.stability.input_dependence import InputDependence
from loopbench.stability.paper import LEVELS
from loopbench.stability.projection import project
from loopbench.stability.starts import PathIndependence, Starts

MANY = torch.randint(-3, 5, (64, 4), generator=torch.Generator().manual_seed(0))
HYSTERESIS = toy(lambda h, e: torch.tanh(2 * h.mean(1, keepdim=True) + 1e-3 * e))
"""Two points for every input, of which the start chooses."""
REMEMBERING = toy(lambda h, e: h)
"""Every state is a fixed point: the start alone decides."""


def starts(model: LoopedModel, inputs: Tensor = MANY, iterations: int = 64) -> Starts:
    return follow_from_elsewhere(model, follow(model, inputs, iterations))


def paths(model: LoopedModel, inputs: Tensor = MANY) -> PathIndependence | None:
    return measure_path_independence(model, starts(model, inputs))


def dependence(model: LoopedModel, inputs: Tensor = MANY) -> InputDependence:
    return measure_input_dependence(model, starts(model, inputs))


def value(estimate: Estimate | None) -> float:
    assert estimate is not None
    assert estimate.low <= estimate.value <= estimate.high
    return estimate.value


def test_a_contraction_forgets_its_start_and_keeps_its_input() -> None:
    found = paths(CONTRACTION)
    assert found is not None
    assert {name: value(share) for name, share in found.same.items()} == {"starts": 1.0, "ends": 1.0}
    assert value(found.alignment) == pytest.approx(1, abs=1e-12)
    assert value(found.baseline) < 0.5  # inputs of −3 … 4 that are independent: their cosines are about 0.05
    assert value(dependence(CONTRACTION).ratio) == pytest.approx(1, abs=1e-12)


def test_two_basins_are_not_path_independent() -> None:
    """The start's sign chooses the point, so an input and its partner agree where their starts do."""
    found = paths(HYSTERESIS)
    assert found is not None
    positive = (MANY.double() + 0.6).mean(1) > 0
    agree = (positive == positive[starts(HYSTERESIS).partner]).double().mean().item()
    assert 0.2 < agree < 0.8
    assert value(found.same["ends"]) == agree
    assert 0.2 < value(found.same["starts"]) < 0.8
    assert value(found.alignment) == pytest.approx(2 * agree - 1, abs=1e-2)
    assert value(dependence(HYSTERESIS).ratio) < 0.2


@pytest.mark.parametrize(("model", "points"), [(FORGETFUL, 1), (CONSTANT, 1), (TWO_POINTS, 2)])
def test_a_step_that_ignores_its_input_has_no_path_independence_and_no_dependence(model: Toy, points: int) -> None:
    assert not starts(model).injects
    assert paths(model) is None
    found = dependence(model)
    assert found.converged == len(MANY)
    assert [distinct.counts[-1] for distinct in found.distinct] == [points] * 3
    # two points that the start chooses: the estimate is of 0, its standard error over 64 inputs about 0.1
    assert value(found.ratio) == 0 if points == 1 else value(found.ratio) < 0.3


def test_a_start_that_decides_everything_is_no_dependence_on_the_input() -> None:
    found = dependence(REMEMBERING)
    assert value(found.ratio) < 0.15  # it is 0 up to its standard error, 1 / sqrt(4 · 64 cells)
    assert not starts(REMEMBERING).injects


def test_every_input_has_a_point_of_its_own() -> None:
    found = dependence(CONTRACTION)
    assert found.inputs == [1, 2, 4, 8, 16, 32, 64]
    different = [len(torch.unique(MANY[:n], dim=0)) for n in found.inputs]
    assert found.distinct[-1].counts == different
    assert all(points.counts == sorted(points.counts) for points in found.distinct)


def test_only_converged_points_are_counted() -> None:
    for model in (DRIFT, LOGISTIC, HOPF, NAN, EXPANSION):
        found = dependence(model, INPUTS)
        assert found.converged == 0 and found.inputs == []
        assert [points.counts for points in found.distinct] == [[], [], []]


def test_variance_is_that_of_the_formula() -> None:
    """The ends are 2 e_i + e_j, with j = i, and two others. With v the variance of e, the mean squares are 17 v between
    inputs (three times the variance of 7/3 e_i + e_j/3 + e_k/3) and v within: (17 − 1)/3 against 1, or 16 to 3."""
    mixed = toy(
        lambda h, e: torch.cat((e, h[:, 4:]), 1),
        start=lambda e: torch.cat((0 * e, e), 1).double(),
        observe=lambda h: 2 * h[:, :4] + h[:, 4:],
    )
    inputs = torch.randint(-3, 5, (1000, 4), generator=torch.Generator().manual_seed(1))
    assert value(dependence(mixed, inputs).ratio) == pytest.approx(16 / 19, abs=0.02)  # 4,000 numbers


class Drawn(Toy):
    """Starts that are random."""

    def start(self, e: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.randn(e.shape, generator=generator, dtype=e.dtype)


def test_random_starts_are_drawn_again() -> None:
    found = paths(Drawn(lambda h, e: 0.5 * h + e, dtype=torch.float64))
    assert found is not None
    assert {name: value(share) for name, share in found.same.items()} == {"starts": 1.0, "ends": 1.0, "draws": 1.0}
    two = Drawn(lambda h, e: torch.tanh(3 * h) + 1e-3 * e, dtype=torch.float64)
    found = paths(two, MANY[:, :1])
    assert found is not None
    assert 0.2 < value(found.same["draws"]) < 0.8


def test_one_input_is_compared_with_nobody() -> None:
    found = starts(CONTRACTION, INPUTS[:1])
    assert measure_path_independence(CONTRACTION, found) is None
    one = measure_input_dependence(CONTRACTION, found)
    assert one.ratio is None and one.between is None and one.within is None
    assert one.converged == 1 and one.inputs == [1]


@pytest.mark.parametrize("model", [NAN, OVERFLOW, EXPANSION, CONSTANT, LOGISTIC, DRIFT, HOPF, REMEMBERING])
@pytest.mark.parametrize("count", [1, 6])
def test_every_measure_of_every_map_can_be_written_down(model: Toy, count: int) -> None:
    """No traceback, and no number that JSON does not have."""
    inputs = INPUTS[:count]
    course = follow(model, inputs, 32)
    elsewhere = follow_from_elsewhere(model, course)
    exact, near = sample(model, course, 4)
    examples = Examples(inputs, (inputs > 0).long(), tuple(map(str, range(count))))
    metric = type("Any", (), {"score": lambda self, logits, examples: logits[..., 0].isfinite().all(1)})()
    spectra = measure_spectra(exact, near)
    found = [
        measure_reachability(model, course),
        measure_path_independence(model, elsewhere),
        measure_input_dependence(model, elsewhere),
        measure_growth(exact, near),
        measure_gradient_growth(exact, near),
        measure_fixed_points(exact, near),
        measure_paper(model, course, examples, metric),
        project(model, elsewhere),
        *spectra,
    ]
    for result in found:
        if result is not None:
            assert type(result).model_validate_json(result.model_dump_json()) == result
    if model in (NAN, OVERFLOW):
        reach = found[0]
        assert reach.fates == {"diverging": count} and reach.reached.value == 0
        assert spectra == []


def test_the_gradient_of_a_linear_map_is_that_of_its_powers() -> None:
    """A turn times 0.9: every vector shrinks by 0.9 an iteration, backwards too; 1.05 times: it grows by that."""
    for factor in (0.9, 1.05):
        a = torch.tensor(turn(0.7, factor), dtype=torch.float64)
        model = toy(lambda h, e, a=a: h @ a.T)
        found = measure_gradient_growth(*sample(model, follow(model, INPUTS, 32), 4))
        assert found is not None
        assert found.k == list(range(1, 33))
        assert found.low == pytest.approx([factor**k for k in found.k])
        assert found.high == pytest.approx(found.median)


def test_the_papers_measures() -> None:
    course = follow(CONTRACTION, INPUTS, 32)
    examples = Examples(INPUTS, (INPUTS > 0).long(), tuple(map(str, range(6))))
    metric = type("Right", (), {"score": lambda self, logits, ex: (logits.argmax(-1) == ex.targets).all(1)})()
    found = measure_paper(CONTRACTION, course, examples, metric)
    assert found.state_weight_radius is None
    assert value(found.cosine) == pytest.approx(1, abs=1e-12)
    h1 = 0.5 * (INPUTS + 0.6) + INPUTS
    growth = (course.end.norm(dim=1) / h1.norm(dim=1)).median()
    assert found.norm_growth is not None
    assert found.norm_growth.low <= growth <= found.norm_growth.high
    assert [(p.level, p.correct, p.n) for p in found.perturbed] == [
        (level, 12 if level else 6, 12 if level else 6) for level in LEVELS
    ], "it has no weights to perturb"


def test_paths_in_the_plane_keep_their_distances() -> None:
    """States of two numbers lose nothing in two components."""
    found = project(CONTRACTION, starts(CONTRACTION, INPUTS))
    assert found is not None
    assert sum(found.explained) == pytest.approx(1)
    drawn = [(track.example, track.start) for track in found.tracks]
    assert drawn == [(example, start) for start in ("own", "starts", "ends") for example in range(4)]
    first, second = found.tracks[:2]
    assert first.t[0] == 0 and first.t[-1] == 64
    gap = ((first.x[-1] - second.x[-1]) ** 2 + (first.y[-1] - second.y[-1]) ** 2) ** 0.5
    assert gap == pytest.approx(2 * (INPUTS[0] - INPUTS[1]).double().norm().item())
