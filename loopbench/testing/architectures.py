"""All contracts of an architecture."""

from loopbench.errors import LoopbenchError
from loopbench.testing import derivatives, forms, purity
from loopbench.testing.contract import Check, broken
from loopbench.testing.shapes import Case

CHECKS: tuple[Check[Case], ...] = (
    forms.shapes_and_dtypes,
    forms.any_size,
    forms.config_round_trip,
    forms.settings_are_strict,
    forms.settings_are_bounded,
    purity.seeds_make_models,
    purity.inputs_are_not_changed,
    purity.answers_are_deterministic,
    forms.weights_round_trip,
    purity.starts_draw_from_the_generator,
    purity.examples_are_independent,
    purity.step_is_a_pure_function,
    purity.readout_is_a_pure_function,
    purity.stepping_on_is_stepping_through,
    purity.clocks_are_declared,
    derivatives.gradients_reach_every_parameter,
    derivatives.step_is_differentiable,
    forms.float64_runs,
    derivatives.bf16_runs,
    derivatives.cuda_agrees,
)
"""Each is a plain function of a `Case`; its docstring says what the contract is. A fault that breaks several contracts
meets first the one that names it."""


def refusals_are_clear(case: Case) -> None:
    """A shape that an architecture is said to refuse is refused with a LoopbenchError of one line."""
    try:
        case.build()
    except LoopbenchError as error:
        if "\n" in str(error) or not str(error):
            broken(f"the message is not one line: {str(error)!r}")
        return
    except Exception as error:
        broken(f"build raises {type(error).__name__}: {error}")
    broken("build takes it")
