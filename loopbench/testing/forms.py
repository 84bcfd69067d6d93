"""Shapes, dtypes and settings of an architecture; its files."""

from collections.abc import Iterator
from typing import Any, cast

import torch
from pydantic import ValidationError
from torch import Tensor

from loopbench import weights
from loopbench.contracts import LoopedModel
from loopbench.files import canonical_json
from loopbench.loop import final_state, trajectory
from loopbench.testing.contract import broken
from loopbench.testing.shapes import Case, begin, iterations, seeded
from loopbench.validation import parse_json


def shapes_and_dtypes(case: Case) -> None:
    """encode, start and step are batch first and keep their dtype; readout gives (B, *grid, num_classes) logits."""
    model = case.build()
    layers, most = cast(object, getattr(model, "layers_per_step", None)), cast(object, model.max_iterations)
    if not isinstance(layers, int) or layers < 1:
        broken(f"layers_per_step is {layers!r}; it must be a number, at least 1")
    if most is not None and (not isinstance(most, int) or most < 1):
        broken(f"max_iterations is {most!r}; it must be None (any number) or at least 1")
    for batch in (1, 2, 5):
        _check_forms(model, case.inputs(batch), case.shape.num_classes)


def any_size(case: Case) -> None:
    """One model runs on every size that the shape's grid leaves open, from a single cell on."""
    model = case.build()
    for grid in case.grids():
        _check_forms(model, case.inputs(2, grid), case.shape.num_classes)


def float64_runs(case: Case) -> None:
    """In float64 everything stays float64: `evaluate` and `diagnose` run there too."""
    model = case.build().double()
    for what, tensor in _parts(model, case.inputs()):
        if tensor.dtype != torch.float64:
            broken(f"{what} gives {tensor.dtype}: some of its numbers are made or cast in a dtype of their own")


def config_round_trip(case: Case) -> None:
    """Settings written as JSON and read again are the same settings."""
    config = case.config
    written = config.model_dump(mode="json")
    if missing := set(type(config).model_fields) - set(written):
        broken(f"{_names(missing)} left out when the config is written")
    try:
        again = type(config).model_validate(parse_json(canonical_json(written), "config.json"))
    except ValidationError as error:
        broken(f"{written} is refused when it is read again: {error.errors(include_url=False)[0]['msg']}")
    changed = [
        f"{name} was {getattr(config, name)!r} and became {getattr(again, name)!r}"
        for name in type(config).model_fields
        if getattr(config, name) != getattr(again, name)
    ]
    if changed:
        broken("; ".join(changed))


def settings_are_strict(case: Case) -> None:
    """A setting that does not exist is refused (`ConfigDict(extra="forbid")`), so that a typing error is no default."""
    try:
        type(case.config).model_validate(case.config.model_dump(mode="json") | {"no_such_setting": 1})
    except ValidationError:
        return
    broken(f"{type(case.config).__name__} takes a setting named no_such_setting")


def settings_are_bounded(case: Case) -> None:
    """Every number in the settings has an upper bound: a stranger's config.json must not ask for all memory."""
    if unbounded := set(_unbounded(type(case.config).model_json_schema(), "")):
        broken(f"{_names(unbounded)} without an upper bound, as Field(le=…) sets it")


def weights_round_trip(case: Case) -> None:
    """Saved as safetensors and loaded strictly into a fresh model, the weights give the same answers."""
    model, other = case.build(seed=0), case.build(seed=1)
    with torch.device("meta"):  # so is a stranger's config tried out before its weights are read
        shapes = weights.needed_shapes(case.architecture.build(case.shape, case.config))
    other.load_state_dict(weights.parse(weights.dump(model, shapes), shapes, "the saved weights"), strict=True)
    inputs = case.inputs()
    with torch.no_grad():
        for what, first, second in zip(
            ("encode", "start", "step", "readout"), _answers(model, inputs), _answers(other, inputs), strict=True
        ):
            if not torch.equal(first, second):
                broken(f"after loading, {what} gives something else: a part of the model is not in its state_dict")


def _check_forms(model: LoopedModel, inputs: Tensor, classes: int) -> None:
    batch, forms = len(inputs), dict[str, tuple[torch.Size, torch.dtype]]()
    for what, tensor in _parts(model, inputs):
        if not isinstance(cast(object, tensor), Tensor):
            broken(f"{what} gives a {type(tensor).__name__}, not a tensor")
        if not tensor.is_floating_point():
            broken(f"{what} gives {tensor.dtype}, not floating point")
        if tensor.shape[:1] != (batch,):
            broken(f"{what} gives shape {tuple(tensor.shape)}, which does not begin with the batch of {batch}")
        if not tensor.isfinite().all():
            broken(f"{what} of an untrained model is not finite")
        forms[what] = tensor.shape, tensor.dtype
        if what.startswith("step") and forms[what] != forms["start"]:
            shape, dtype = forms["start"]
            broken(
                f"{what} gives {tensor.dtype} of shape {tuple(tensor.shape)} from a state that is {dtype} of shape "
                f"{tuple(shape)}; the next state has the same"
            )
        if what == "readout" and tensor.shape != (*inputs.shape, classes):
            broken(f"readout gives shape {tuple(tensor.shape)}, not {(*inputs.shape, classes)}")


def _parts(model: LoopedModel, inputs: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What each method gives, on the way through the first iterations."""
    with torch.no_grad():
        h, e = begin(model, inputs)
        yield "encode", e
        yield "start", h
        for t in range(1, iterations(model, 2) + 1):
            h = model.step(h, e)
            yield f"step (t = {t})", h
        yield "observe", model.observe(h)
        yield "readout", model.readout(h)


def _answers(model: LoopedModel, inputs: Tensor) -> tuple[Tensor, ...]:
    with seeded(0):  # what is drawn is another contract's affair
        h, e = begin(model, inputs)
        end = final_state(trajectory(model, inputs, iterations(model, 2), start=h))
        return e, h, end, model.readout(end)


def _unbounded(schema: Any, name: str) -> Iterator[str]:
    """The names of the settings under which a JSON schema has a number without a maximum."""
    if isinstance(schema, list):
        for part in cast(list[Any], schema):
            yield from _unbounded(part, name)
    if not isinstance(schema, dict):
        return
    schema = cast(dict[str, Any], schema)
    if schema.get("type") in ("integer", "number") and not {"maximum", "exclusiveMaximum", "enum", "const"} & set(
        schema
    ):
        yield name
    for key, part in schema.items():
        if key in ("properties", "$defs"):
            for inner, value in part.items():
                yield from _unbounded(value, inner)
        elif key not in ("default", "examples", "enum", "const"):
            yield from _unbounded(part, name)


def _names(names: set[str]) -> str:
    return f"{', '.join(map(repr, sorted(names)))} {'is' if len(names) == 1 else 'are'}"
