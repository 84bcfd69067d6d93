"""A file's header is not believed: each lie is found before a tensor is made."""

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from loopbench import weights
from loopbench.errors import LoopbenchError

Header = dict[str, Any]


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("mean", torch.ones(2))
        self.register_buffer("table", torch.arange(4), persistent=False)


torch.manual_seed(0)
MODEL = Small()
SHAPES = weights.needed_shapes(MODEL)
DATA = weights.dump(MODEL, SHAPES)
(LENGTH,) = struct.unpack("<Q", DATA[:8])
HEADER, BODY = json.loads(DATA[8 : 8 + LENGTH]), DATA[8 + LENGTH :]


def file(header: Header | str, body: bytes = BODY) -> bytes:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + body


def refused(data: bytes) -> str:
    with pytest.raises(LoopbenchError) as caught:
        weights.parse(data, SHAPES, "file")
    assert str(caught.value).startswith("file: ")
    assert str(caught.value).isprintable()
    return str(caught.value)


def changed(change: Callable[[Header], object], body: bytes = BODY) -> bytes:
    header = json.loads(json.dumps(HEADER))
    change(header)
    return file(header, body)


def test_what_is_dumped_is_parsed() -> None:
    tensors = weights.parse(DATA, SHAPES, "file")
    assert tensors.keys() == SHAPES.keys() == {"linear.weight", "linear.bias", "scale", "mean"}
    assert all(torch.equal(tensors[name], tensor) for name, tensor in MODEL.state_dict().items())


def test_equal_weights_give_equal_bytes() -> None:
    other = Small()
    other.load_state_dict(dict(reversed(MODEL.state_dict().items())))
    assert weights.dump(other, SHAPES) == DATA
    assert weights.dump(other.double(), SHAPES) == DATA


def test_files_of_other_writers_are_read() -> None:
    tensors = {name: tensor.clone() for name, tensor in MODEL.state_dict().items()}
    assert weights.parse(safetensors.torch.save(tensors, {"format": "pt"}), SHAPES, "file").keys() == SHAPES.keys()


def test_tied_weights_are_saved_under_both_names() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    tensors = weights.parse(weights.dump(model, weights.needed_shapes(model)), weights.needed_shapes(model), "file")
    assert torch.equal(tensors["0.weight"], tensors["1.weight"])


def test_a_model_that_does_not_fit_its_config_is_not_saved() -> None:
    with pytest.raises(LoopbenchError, match=r"does not fit its config: tensors missing: scale, mean, linear.weight"):
        weights.dump(nn.Linear(1, 1), SHAPES)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39])  # the last one only fits float64
def test_weights_that_are_not_finite_are_not_saved(value: float) -> None:
    model = Small().double()
    model.scale.data.fill_(value)
    with pytest.raises(LoopbenchError, match="the weights: not all numbers are finite: scale"):
        weights.dump(model, SHAPES)


def test_only_float32_is_held() -> None:
    with pytest.raises(LoopbenchError, match=r"'num_batches_tracked' is torch.int64"):
        weights.needed_shapes(nn.BatchNorm1d(2))


def test_the_fingerprint_is_of_the_values() -> None:
    model = Small()
    before = weights.fingerprint(model)
    assert weights.fingerprint(model.double()) == before
    model.linear.weight.data[1, 2] += 1e-12
    assert weights.fingerprint(model) != before
    assert weights.fingerprint(model.float()) == before


@pytest.mark.parametrize("body", [b"", DATA[:7], struct.pack("<Q", 3) + b"{}", struct.pack("<Q", 2**63) + b"{}" * 50])
def test_a_header_longer_than_the_file(body: bytes) -> None:
    assert "not a safetensors file" in refused(body) or "header" in refused(body)


def test_a_header_of_more_than_a_mebibyte() -> None:
    assert "header of 1,048,577 bytes is too long" in refused(file(" " * (2**20 + 1)))


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("", "not valid JSON"),
        ("[]", "not an object"),
        ("{" * 500_000, "not valid JSON"),
        ('{"scale": 1, "scale": 1}', "the key 'scale' stands 2 times"),
        ('{"scale": 1}', "tensors.scale: must be a mapping of names to values"),
        ("{}", "tensors missing: scale, mean, linear.weight, linear.bias"),
    ],
)
def test_a_header_that_is_none(header: str, problem: str) -> None:
    assert problem in refused(file(header))


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"shape": [2]}, "tensors of the wrong shape: scale [2] instead of []"),
        ({"shape": [1, 1]}, "tensors of the wrong shape: scale [1, 1] instead of []"),
        ({"shape": [-1]}, "shape.0"),
        ({"shape": ["1"]}, "shape.0"),
        ({"shape": [True]}, "shape.0"),
        ({"shape": [1.0]}, "shape.0"),
        ({"shape": None}, "shape"),
        ({"dtype": "F64"}, "every tensor must be F32; scale is F64"),
        ({"dtype": "F16"}, "every tensor must be F32; scale is F16"),
        ({"dtype": "I32"}, "every tensor must be F32; scale is I32"),
        ({"dtype": 1}, "dtype"),
        ({"data_offsets": [0, 3]}, "a tensor are said to stand from 0 to 3"),
        ({"data_offsets": [4, 0]}, "a tensor are said to stand"),
        ({"data_offsets": [0]}, "data_offsets"),
        ({"data_offsets": [0, 4, 4]}, "data_offsets"),
        ({"data_offsets": [-4, 0]}, "data_offsets"),
        ({"data_offsets": [0, 2**70]}, "64 bits"),
        ({"data_offsets": [2**62, 2**62 + 4]}, "a tensor are said to stand"),
        ({"more": 1}, "more: no such field"),
    ],
)
def test_an_entry_that_lies(entry: Header, problem: str) -> None:
    assert problem in refused(changed(lambda header: header["scale"].update(entry)))


def test_tensors_that_overlap_or_leave_gaps() -> None:
    first, second = HEADER["linear.bias"]["data_offsets"], HEADER["mean"]["data_offsets"]
    assert "said to stand" in refused(changed(lambda header: header["mean"].update(data_offsets=first)))
    assert "said to stand" in refused(changed(lambda header: header["linear.bias"].update(data_offsets=second)))
    assert "bytes of tensors where" in refused(DATA + b"\0")
    assert "bytes of tensors where" in refused(DATA[:-1])


def test_missing_and_extra_tensors_are_named_together() -> None:
    text = refused(changed(lambda header: header.update(other=header.pop("mean"))))
    assert text == "file: tensors missing: mean; tensors not in the model: other"


@pytest.mark.parametrize("metadata", [[], None, "x", {"a": 1}, {"a": {"b": "c"}}])
def test_metadata_is_text(metadata: object) -> None:
    assert "metadata" in refused(changed(lambda header: header.update(__metadata__=metadata)))


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_values_that_are_not_finite(value: float) -> None:
    begin, end = HEADER["mean"]["data_offsets"]
    body = BODY[:begin] + struct.pack("<2f", 1, value) + BODY[end:]
    assert "not all numbers are finite: mean" in refused(file(HEADER, body))


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**65), 2**65), st.floats(), st.text(max_size=5))
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3))


@st.composite
def corrupted(draw: st.DrawFn) -> bytes:
    """The file with a few bytes of its header replaced, its end moved, or a value of its header replaced."""
    kind = draw(st.sampled_from(["bytes", "length", "value", "entry"]))
    if kind == "bytes":
        data = bytearray(DATA)
        for _ in range(draw(st.integers(1, 4))):
            data[draw(st.integers(0, 7 + LENGTH))] = draw(st.integers(0, 255))
        return bytes(data)
    if kind == "length":
        return draw(st.sampled_from([DATA[: draw(st.integers(0, len(DATA)))], DATA + draw(st.binary(max_size=8))]))
    header = json.loads(json.dumps(HEADER))
    name = draw(st.sampled_from([*header, "__metadata__", "other"]))
    if kind == "entry" and name in header:
        header[name][draw(st.sampled_from(["dtype", "shape", "data_offsets", "other"]))] = draw(VALUES)
    else:
        header[name] = draw(VALUES)
    return file(header)


@settings(max_examples=200, deadline=None)
@given(corrupted())
def test_a_corrupted_header_is_refused_or_means_the_same(data: bytes) -> None:
    try:
        tensors = weights.parse(data, SHAPES, "file")
    except LoopbenchError:
        return
    assert all(torch.equal(tensors[name], tensor) for name, tensor in MODEL.state_dict().items())
