"""Each fault is caught, by a message that names it."""

import faulty_architectures as faulty
import pytest
import torch
from faulty_architectures import architecture

from loopbench.contracts import Architecture
from loopbench.testing import check_architecture, derivatives, forms, purity
from loopbench.testing.architectures import refusals_are_clear
from loopbench.testing.contract import Check, contract, hold
from loopbench.testing.shapes import SHAPES, Case

FAULTS = [
    (
        faulty.BatchNorm,
        purity.examples_are_independent,
        "step on example 0 changes by .* in training mode .*batch norm",
    ),
    (faulty.BatchNorm, purity.step_is_a_pure_function, r"step in training mode changes .*norm\.running_mean"),
    (faulty.BatchNorm, forms.weights_round_trip, r"norm\.num_batches_tracked' is torch\.int64; .* float32 only"),
    (faulty.MixingReadout, purity.examples_are_independent, "readout on example 0 changes by .* when it is alone"),
    (faulty.MixingEncoder, purity.examples_are_independent, "encode on example 0 changes by"),
    (faulty.DropoutLeftOn, purity.answers_are_deterministic, r"step gave two answers .* \(dropout left on\?\)"),
    (faulty.HiddenState, purity.step_is_a_pure_function, "after another problem was .* stepped: it keeps hidden state"),
    (faulty.Counter, purity.stepping_on_is_stepping_through, "5 iterations in two parts end .* away from those in one"),
    (faulty.Counter, purity.step_is_a_pure_function, "it keeps hidden state"),
    (faulty.KeepsTheEncoding, purity.step_is_a_pure_function, "after another problem was encoded"),
    (faulty.WarmingReadout, purity.readout_is_a_pure_function, "readout of one state changes by .* once further steps"),
    (faulty.UnusedParameter, derivatives.gradients_reach_every_parameter, r"reaches gate\.weight, gate\.bias: unused"),
    (faulty.Frozen, derivatives.gradients_reach_every_parameter, r"reaches embedding\.weight: .*no_grad"),
    (faulty.InPlace, purity.inputs_are_not_changed, "the state h changed in place"),
    (faulty.OneBuffer, purity.inputs_are_not_changed, "the state that step returned changed in place"),
    (
        faulty.Detached,
        derivatives.step_is_differentiable,
        "respect to h, jvp is .* finite differences: a part .* detached",
    ),
    (
        faulty.FalseDerivative,
        derivatives.step_is_differentiable,
        "respect to h, jvp is .* away from finite differences",
    ),
    (faulty.OnceDifferentiable, derivatives.step_is_differentiable, "differentiating twice is .* away from jvp"),
    (faulty.OwnDtype, forms.float64_runs, r"step \(t = 1\) gives torch\.float32"),
    (faulty.NoBfloat16, derivatives.bf16_runs, "RuntimeError: expected dtype float .*BFloat16"),
    (faulty.OutsideTheState, forms.weights_round_trip, "encode gives something else: .* not in its state_dict"),
    (faulty.IntegerBuffer, forms.weights_round_trip, "steps_seen' is torch.int64; a model folder holds float32 only"),
    (faulty.Unseeded, purity.seeds_make_models, r"the same torch\.manual_seed, head\.bias differ"),
    (faulty.GlobalStart, purity.starts_draw_from_the_generator, "with the same generator .* differ"),
    (faulty.FixedLength, forms.any_size, "17 cells(.|\n)*size of tensor"),
    (faulty.OneAnswer, forms.shapes_and_dtypes, r"readout gives shape \(1, 3\), not \(1, 17, 3\)"),
    (
        faulty.GrowingState,
        forms.shapes_and_dtypes,
        r"step \(t = 1\) gives .* shape \(1, 17, 7\) from .* shape \(1, 17, 6\)",
    ),
    (faulty.Clock, purity.clocks_are_declared, "17 numbers of the state are the same .* and change with t: a clock"),
]


def check(check: Check[Case], tested: Architecture, shape: str = "sequence") -> None:
    hold(check, Case(tested, tested.config(), shape, SHAPES[shape]))


def test_the_sound_model_passes() -> None:
    check_architecture(architecture())


@pytest.mark.parametrize(("model", "checked", "message"), FAULTS, ids=lambda x: getattr(x, "__name__", ""))
def test_a_faulty_model(model: type, checked: Check[Case], message: str) -> None:
    with pytest.raises(AssertionError, match=message) as error:
        check(checked, architecture(model))
    assert "where:    architecture 'toy' on shape 'sequence'" in str(error.value)
    assert f"contract: {contract(checked)}" in str(error.value)


@pytest.mark.parametrize(
    ("model", "message"),
    [(faulty.DropoutLeftOn, r"dropout left on\?"), (faulty.InPlace, "the state h changed in place")],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_the_first_contract_that_is_found_broken_names_the_fault(model: type, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_architecture(architecture(model))


@pytest.mark.parametrize(
    ("config", "checked", "message"),
    [
        (faulty.TwiceAsWide, forms.config_round_trip, "width was 12 and became 24"),
        (faulty.HalfWritten, forms.config_round_trip, "'heads' is left out when the config is written"),
        (faulty.Unbounded, forms.settings_are_bounded, "'depth' is without an upper bound"),
        (faulty.AnySetting, forms.settings_are_strict, "AnySetting takes a setting named no_such_setting"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_faulty_settings(config: type, checked: Check[Case], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(checked, architecture(config=config))


def test_a_clock_that_is_declared_must_be_left_out_of_what_is_observed() -> None:
    check(purity.clocks_are_declared, architecture(faulty.QuietClock, time_dependent=True))
    with pytest.raises(AssertionError, match="observe shows 17 numbers"):
        check(purity.clocks_are_declared, architecture(faulty.Clock, time_dependent=True))


def test_a_shape_is_refused_clearly_or_not_at_all() -> None:
    with pytest.raises(AssertionError, match="build raises ValueError: no boards"):
        check(refusals_are_clear, architecture(faulty.refusing_badly), "board-9x9")
    with pytest.raises(AssertionError, match="build takes it"):
        check(refusals_are_clear, architecture(), "board-9x9")
    with pytest.raises(AssertionError, match=r"where: .*board-9x9(.|\n)*ValueError: no boards"):
        check_architecture(architecture(faulty.refusing_badly))
    with pytest.raises(ValueError, match="no shape is named board-2x2; there are sequence"):
        check_architecture(architecture(), refuses=["board-2x2"])


def test_the_kit_leaves_torch_s_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    check(purity.answers_are_deterministic, architecture())
    check(derivatives.bf16_runs, architecture())
    assert torch.equal(torch.get_rng_state(), before)
