"""The step is a pure function of each example's state and injected input, and so is everything around it."""

from collections.abc import Iterator

import torch
from torch import Tensor

from loopbench.contracts import LoopedModel
from loopbench.loop import final_state, trajectory
from loopbench.testing.contract import broken
from loopbench.testing.shapes import Case, begin, iterations, seeded

TOLERANCE = 1e-9
"""Of float64, relative: sums of up to 10^4 terms in another order differ by 10^4 × 2^-53 ≈ 1e-12; a few iterations may
multiply that by some hundreds. What is mixed or drawn differs by far more."""


def seeds_make_models(case: Case) -> None:
    """Torch's seed alone decides the initial weights, so that a training run can be repeated."""
    first, again = case.build(seed=0).state_dict(), case.build(seed=0).state_dict()
    if changed := [name for name in first if not torch.equal(first[name], again[name])]:
        broken(f"built twice after the same torch.manual_seed, {', '.join(changed)} differ")


@torch.no_grad()
def answers_are_deterministic(case: Case) -> None:
    """In eval mode the same problem gives the same answer, whatever torch's global generator stands at."""
    model, inputs = case.model(), case.inputs()
    with seeded(0):
        first = list(_course(model, inputs))
    with seeded(1):
        for (what, one), (_, other) in zip(first, _course(model, inputs), strict=True):
            if not torch.equal(one, other):
                broken(
                    f"{what} gave two answers that differ by {_distance(one, other):.2g}: something is drawn in eval "
                    "mode (dropout left on?), or kept from one call to the next"
                )


@torch.no_grad()
def starts_draw_from_the_generator(case: Case) -> None:
    """A random start draws from the generator that it is given, and from nothing else."""
    model = case.model()
    e = model.encode(case.inputs())
    with seeded(0):
        first = model.start(e, torch.Generator().manual_seed(0))
    with seeded(1):
        again = model.start(e, torch.Generator().manual_seed(0))
    if not torch.equal(first, again):
        broken("two starts with the same generator and another torch.manual_seed differ")


def examples_are_independent(case: Case) -> None:
    """One example's answer does not depend on the others in its batch."""
    model, inputs = case.model(), case.inputs(batch=4)
    others = torch.cat((inputs[:1], case.inputs(batch=4, seed=1)[1:]))
    h, e = begin(model, inputs)
    with torch.no_grad():
        for what, one, other in zip(
            ("encode", "step", "readout", "observe"),
            _of(model, h, e, inputs),
            _of(model, h[:1], e[:1], inputs[:1]),
            strict=True,
        ):
            if not _close(one[:1], other):
                broken(f"{what} on example 0 changes by {_distance(one[:1], other):.2g} when it is alone in its batch")
        for training in (False, True):
            model.train(training)
            first, second = (_one_answer(model, problems) for problems in (inputs, others))
            for what, one, other in zip(("encode", "step", "readout"), first, second, strict=True):
                if not _close(one, other):
                    broken(
                        f"{what} on example 0 changes by {_distance(one, other):.2g} with the others in its batch"
                        f"{', in training mode (as in a batch norm)' if training else ''}"
                    )


@torch.no_grad()
def step_is_a_pure_function(case: Case) -> None:
    """step(h, e) depends on h and e alone: it keeps nothing from other calls, and nothing of encode's."""
    model, inputs, others = case.model(), case.inputs(), case.inputs(seed=1)
    h, e = begin(model, inputs)
    for training in (False, True):
        mode = " in training mode" if training else ""
        model.train(training)
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        with seeded(0):
            first = model.step(h, e)
        if changed := [name for name, buffer in model.named_buffers() if not torch.equal(buffer, before[name])]:
            broken(f"a step{mode} changes the model's own {', '.join(changed)}: a state beside the state")
        h_other, e_other = begin(model, others)
        model.step(model.step(h_other, e_other), e_other)
        with seeded(0):
            again = model.step(h, e)
        if not torch.equal(first, again):
            broken(
                f"step(h, e){mode} changes by {_distance(first, again):.2g} after another problem was encoded and "
                "stepped: it keeps hidden state"
            )


@torch.no_grad()
def readout_is_a_pure_function(case: Case) -> None:
    """readout(h) and observe(h) depend on h alone, and not on t."""
    model, inputs = case.model(), case.inputs()
    h, e = begin(model, inputs)
    state = model.step(h, e)
    for what, look in (("readout", model.readout), ("observe", model.observe)):
        first, kept = look(state).clone(), state
        for _ in range(3):
            kept = model.step(kept, e)
            look(kept)
        again = look(state)
        if not torch.equal(first, again):
            broken(f"{what} of one state changes by {_distance(first, again):.2g} once further steps were taken")


@torch.no_grad()
def inputs_are_not_changed(case: Case) -> None:
    """No method changes what it is given, nor what it returned before."""
    model, inputs = case.model(), case.inputs()
    symbols = inputs.clone()
    e = model.encode(inputs)
    injected = e.clone()
    h = model.start(e, torch.Generator().manual_seed(0))
    h = h.clone() if h is e else h
    state = h.clone()
    following = model.step(h, e)
    next_state = following.clone()
    model.readout(following)
    model.observe(following)
    model.step(following, e)
    watched = {
        "the symbols": (inputs, symbols),
        "the injected input e": (e, injected),
        "the state h": (h, state),
        "the state that step returned": (following, next_state),
    }
    for what, (now, then) in watched.items():
        if not torch.equal(now, then):
            broken(f"{what} changed in place by {_distance(now, then):.2g}")


@torch.no_grad()
def stepping_on_is_stepping_through(case: Case) -> None:
    """T iterations and then S more from where they ended are T + S iterations, bit for bit."""
    model, inputs = case.model(), case.inputs()
    through = iterations(model, 5)
    if through < 2:
        return
    h, _ = begin(model, inputs)
    whole = final_state(trajectory(model, inputs, through, start=h))
    middle = final_state(trajectory(model, inputs, through - 2 or 1, start=h))
    end = final_state(trajectory(model, inputs, through - (through - 2 or 1), start=middle))
    if not torch.equal(whole, end):
        broken(f"{through} iterations in two parts end {_distance(whole, end):.2g} away from those in one")


@torch.no_grad()
def clocks_are_declared(case: Case) -> None:
    """An update that depends on t is declared (time_dependent=True), and observe leaves its clock out."""
    model, inputs = case.model(), case.inputs(batch=32)
    h, _ = begin(model, inputs)
    if iterations(model, 4) < 2:
        return
    states = list(trajectory(model, inputs, iterations(model, 4), start=h))
    if (ticking := _clocks(states)) and not case.architecture.time_dependent:
        broken(f"{ticking} numbers of the state are the same for every problem and change with t: a clock")
    if ticking := _clocks([model.observe(h) for h in states]):
        broken(
            f"observe shows {ticking} numbers that are the same for every problem and change with t: it never settles"
        )


def _course(model: LoopedModel, inputs: Tensor) -> Iterator[tuple[str, Tensor]]:
    h, e = begin(model, inputs)
    yield "encode", e
    yield "start", h
    for _ in range(iterations(model, 3)):
        h = model.step(h, e)
        yield "step", h
        yield "readout", model.readout(h)


def _of(model: LoopedModel, h: Tensor, e: Tensor, inputs: Tensor) -> tuple[Tensor, ...]:
    """encode, then step, readout and observe from a given state."""
    for _ in range(iterations(model, 2)):
        h = model.step(h, e)
    return model.encode(inputs), h, model.readout(h), model.observe(h)


def _one_answer(model: LoopedModel, inputs: Tensor) -> tuple[Tensor, ...]:
    """Example 0 after encode, step and readout. What is drawn in training is drawn alike in batches of one size."""
    with seeded(0):
        h, e = begin(model, inputs)
        h = model.step(h, e)
        return e[0], h[0], model.readout(h)[0]


def _clocks(states: list[Tensor]) -> int:
    """How many numbers are equal in all examples at every t, and never the same at two t in a row."""
    flat = torch.stack([h.flatten(1) for h in states])
    equal = (flat == flat[:, :1]).all(0).all(0)
    return int((equal & (flat[1:, 0] != flat[:-1, 0]).all(0)).sum())


def _close(one: Tensor, other: Tensor) -> bool:
    return _distance(one, other) <= TOLERANCE * (1 + float(one.abs().max()))


def _distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max()) if one.shape == other.shape else float("inf")
