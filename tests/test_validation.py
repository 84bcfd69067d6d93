import os
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from loopbench.errors import LoopbenchError
from loopbench.validation import parse_json, printable, read_bytes, read_json, read_yaml, some, validate


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    width: int = Field(le=3)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    inner: Inner = Inner(width=1)
    sizes: list[int] = []

    @field_validator("name")
    @classmethod
    def _lower_case(cls, name: str) -> str:
        if name != name.lower():
            raise ValueError("must be lower case")
        return name


def message(model_type: type[BaseModel], value: object) -> str:
    with pytest.raises(LoopbenchError) as caught:
        validate(model_type, value, "the thing")
    return str(caught.value)


def test_a_valid_value_becomes_an_instance() -> None:
    assert validate(Outer, {"name": "a", "inner": {"width": 3}}, "x") == Outer(name="a", inner=Inner(width=3))


def test_every_wrong_field_is_named_on_one_line() -> None:
    text = message(Outer, {"inner": {"width": 9, "height": 1}})
    assert text == (
        "the thing: name: Field required; inner.width: Input should be less than or equal to 3; "
        "inner.height: no such field"
    )


def test_a_misspelt_field_is_guessed() -> None:
    assert message(Outer, {"name": "a", "inner": {"width": 3, "widht": 1}}) == (
        "the thing: inner.widht: no such field (did you mean width?)"
    )
    assert message(Outer, {"name": "a", "iner": {}}) == "the thing: iner: no such field (did you mean inner?)"
    assert message(Outer, {"name": "a", "sizes": [{"x": 1}]}).endswith("valid integer")


def test_a_validators_own_words_are_kept() -> None:
    assert message(Outer, {"name": "A"}) == "the thing: name: must be lower case"


def test_long_lists_of_problems_are_cut() -> None:
    text = message(Outer, {"name": "a", "sizes": ["x"] * 100})
    assert text.endswith("; and 95 more")


def test_names_from_outside_cannot_steer_the_terminal() -> None:
    text = message(Outer, {"name": "a", "\x1b[31m\nred": 1})
    assert "\x1b" not in text
    assert "\n" not in text


def test_printable_is_one_short_line() -> None:
    assert printable("a\n\tb\x07c") == "a b�c"
    assert len(printable("x" * 1000)) == 200


def test_some_says_how_many_are_left_out() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some([str(i) for i in range(7)]) == "0, 1, 2, 3, 4, and 2 more"
    assert some(["0", "1", "2", "3", "4"], count=7) == "0, 1, 2, 3, 4, and 2 more"


def test_json_is_read() -> None:
    assert parse_json(b' {"a": [1, -2.5, true, null, "\\u00e9"]} ', "x") == {"a": [1, -2.5, True, None, "é"]}
    assert parse_json(b"[" * 32 + b"]" * 32, "x")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "Expecting value"),
        (b"{} {}", "Extra data"),
        (b'{"a": 1, "a": 1}', "the key 'a' stands 2 times"),
        (b'[{"a": {"b": 1, "b": 2}}]', "the key 'b' stands 2 times"),
        (b"NaN", "NaN is not a number"),
        (b"[-Infinity]", "-Infinity is not a number"),
        (b"1e999", "not finite"),
        (b"1" * 30, "64 bits"),
        (b"1" * 5000, "digits"),
        (b"[" * 33 + b"]" * 33, "nested deeper than 32"),
        (str({str(i): 1 for i in range(10_001)}).replace("'", '"').encode(), "an object has 10,001 keys"),
        (b'{"a":' * 20_000, "recursion"),
        (b'"\\ud800"', "surrogates"),
        (b'{"\\ud800": 1}', "surrogates"),
        (b"\xff", "can't decode"),
    ],
)
def test_json_that_is_refused(text: bytes, problem: str) -> None:
    with pytest.raises(LoopbenchError, match=rf"^config\.json: not valid JSON: .*{problem}"):
        parse_json(text, "config.json")


def yaml_of(folder: Path, text: str | bytes) -> object:
    path = folder / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_yaml(path, 1_000_000)


def test_yaml_is_read(tmp_path: Path) -> None:
    text = "# a comment\na: [1, 2.5, true, null, text]\nb:\n  - c: {d: 'é'}\n"
    assert yaml_of(tmp_path, text) == {"a": [1, 2.5, True, None, "text"], "b": [{"c": {"d": "é"}}]}
    assert yaml_of(tmp_path, "") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 1", "the key 'a' stands 2 times"),
        ("a: {b: 1, b: 2}", "the key 'b' stands 2 times"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("&a [*a]", "aliases"),
        ("a: !!python/object/apply:os.system [ls]", "tag"),
        ("a: !!timestamp x", "tag"),
        ("a: .nan", "not finite"),
        ("a: 2024-01-01", "2024-01-01 is read as a date; put it in quotes"),
        ("a: 2024-13-01", "month"),
        ("1: 2", "the key 1 must be a string"),
        ("[1]: 2", "unhashable"),
        ("a: 0x" + "f" * 20, "64 bits"),
        ("a: [", "line 1"),
        ("a: 1\nb: c: d", "line 2: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2", "another document"),
        ("[" * 100_000, "nested deeper than 32"),
        ("- " * 100_000, "nested deeper than 32"),
        ('a: "\\ud800"', "surrogates"),
        (b"\xff", "can't decode"),
        (b"a: \x00", "special characters"),
    ],
)
def test_yaml_that_is_refused(tmp_path: Path, text: str | bytes, problem: str) -> None:
    with pytest.raises(LoopbenchError, match=rf"x\.yaml: not valid YAML: .*{problem}") as caught:
        yaml_of(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_what_is_not_a_small_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")  # opening it would wait forever
    (tmp_path / "large").write_bytes(b"1234")
    for name, problem in [
        ("nothing", "does not exist"),
        (".", "not a regular file"),
        ("fifo", "not a regular file"),
        ("large", "has 4 bytes; at most 3"),
        ("x" * 1000, "cannot read"),
    ]:
        with pytest.raises(LoopbenchError, match=problem):
            read_bytes(tmp_path / name, 3)
    assert read_json(tmp_path / "large", 4) == 1234
