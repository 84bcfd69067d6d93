"""The record of a diagnosis: complete, strict, and the page that shows it."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from loopbench import load_model
from loopbench.errors import LoopbenchError
from loopbench.hub import build_model, save_model
from loopbench.models.recall import Recall
from loopbench.page import draw_svg
from loopbench.stability import Diagnosis, diagnose, read_diagnosis
from loopbench.stability.charts import charts, compare
from loopbench.stability.report import draw_report
from loopbench.stability.table import facts
from loopbench.validation import validate

SHIPPED = Path(__file__).parents[2] / "leaderboard" / "diagnoses"
ALWAYS = {"residuals", "stops", "spectra", "radius", "gradient", "paths"}
WHERE_DEFINED = {"distinct", "sensitivity"}


def made(folder: Path, architecture: str, **options: Any) -> Diagnosis:
    torch.manual_seed(0)
    model = build_model(architecture, {"width": 2, "heads": 1, "mlp_ratio": 1}, "prefix-sums")
    save_model(folder / architecture, model, train_iterations=10)
    options = {"split": "bits-32", "examples": 3, "iterations": 32, "output": folder / "kept", **options}
    return diagnose(load_model(folder / architecture), "prefix-sums", **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("diagnoses")


@pytest.fixture(scope="module")
def recall(folder: Path) -> Diagnosis:
    return made(folder, "recall-outer")


def test_a_record_is_kept_whole_and_read_back(folder: Path, recall: Diagnosis) -> None:
    (path,) = (folder / "kept").glob("*.json")
    assert path.name == recall.file_name
    assert read_diagnosis(path) == recall
    text = path.read_text()
    assert "NaN" not in text and "Infinity" not in text
    assert recall.examples.count == 3 and recall.conditions.iterations == 32
    assert recall.geometry.examples == 3
    assert recall.cost.jvps > 0 and recall.cost.vjps > 0
    assert [spectrum.t for spectrum in recall.geometry.spectra] == [1, 2, 4, 8, 16, 32]
    assert recall.paper.state_weight_radius is not None


def test_what_is_there_is_not_measured_again(folder: Path, recall: Diagnosis) -> None:
    stages: list[str] = []
    assert made(folder, "recall-outer", report=stages.append) == recall
    assert stages == []
    again = made(folder, "recall-outer", report=stages.append, force=True)
    assert stages == ["reachability", "other starts", "weight perturbation", "spectra", "fixed points"]
    same = {"created", "cost"}
    assert again.model_dump(exclude=same) == recall.model_dump(exclude=same), "nothing is random"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": "0" * 64}, "cell is not the hash"),
        ({"injects": 1}, "injects: Input should be a valid boolean"),
        ({"score": 1}, "score: no such field"),
        ({"schema_version": 2}, "schema_version"),
        ({"examples": {"first": 0, "count": 4}}, "tells of other than 4 examples"),
        ({"conditions": {"iterations": 33, "precision": "float64", "batch_size": 9, "seed": 0}}, "one row for each t"),
    ],
)
def test_a_record_that_was_tampered_with_is_refused(
    tmp_path: Path, recall: Diagnosis, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(recall.model_dump(mode="json") | change))
    with pytest.raises(LoopbenchError, match=message):
        read_diagnosis(path)


def test_a_number_that_is_none_is_refused(tmp_path: Path, recall: Diagnosis) -> None:
    path = tmp_path / "record.json"
    path.write_text(recall.model_dump_json().replace('"wall_s":', '"wall_s":NaN,"x":', 1))
    with pytest.raises(LoopbenchError, match="not valid JSON: NaN is not a number"):
        read_diagnosis(path)


def test_every_shipped_diagnosis_is_read() -> None:
    paths = list(SHIPPED.glob("*/*.json"))
    assert len(paths) >= 13
    for path in paths:
        assert read_diagnosis(path).file_name == path.name


@pytest.fixture
def shipped() -> Any:
    (path,) = SHIPPED.glob("prefix-sums-recall-s2/*.json")
    return json.loads(path.read_text())


def places(value: Any, at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every place in a JSON value, with what holds it and under which key; of lists, the first and the last item."""
    keys = list(value) if isinstance(value, dict) else sorted({0, len(value) - 1} - {-1})
    for key in keys:
        yield f"{at}.{key}", value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key], f"{at}.{key}")


def read(record: Any) -> Diagnosis | None:
    """What `read_diagnosis` makes of a file with that content; `None` if it refuses."""
    try:
        return validate(Diagnosis, record, "a record")
    except LoopbenchError:
        return None


@cache
def draw(chart: str) -> str:
    return draw_svg(json.loads(chart))


def show(diagnosis: Diagnosis) -> None:
    for chart in [*charts(diagnosis).values(), compare([diagnosis])]:
        draw(json.dumps(chart.to_dict(validate=False)))


@pytest.mark.parametrize("wrong", ["x", 0, -1, 1e308, None])
def test_a_wrong_value_is_refused_or_shown(shipped: Any, wrong: Any) -> None:
    """In one place after the other. Pictures take long, so they show at once all that is accepted."""
    altered = deepcopy(shipped)
    for (at, holder, key), (_, altered_holder, _) in zip(places(shipped), places(altered), strict=True):
        right = holder[key]
        if isinstance(right, dict | list):
            continue
        holder[key] = wrong
        if diagnosis := read(shipped):
            try:
                facts(diagnosis)
            except Exception as error:
                pytest.fail(f"{at} = {wrong!r}: {error!r}")
            altered_holder[key] = wrong
            if not read(altered):
                altered_holder[key] = right
        holder[key] = right
    diagnosis = read(altered)
    assert diagnosis
    show(diagnosis)


@pytest.mark.parametrize("kept", [slice(0), slice(-1)], ids=["empty", "shortened"])
def test_a_list_that_lacks_items_is_refused_or_shown(shipped: Any, kept: slice) -> None:
    for at, holder, key in places(shipped):
        right = holder[key]
        if isinstance(right, list):
            holder[key] = right[kept]
            if diagnosis := read(shipped):
                try:
                    facts(diagnosis)
                    show(diagnosis)
                except Exception as error:
                    pytest.fail(f"{at} without items: {error!r}")
            holder[key] = right


def test_the_page_has_every_picture_and_asks_for_nothing(folder: Path, recall: Diagnosis) -> None:
    plain = made(folder, "loop", output=None)
    assert not plain.injects and plain.path_independence is None
    for diagnosis in (recall, plain):
        assert ALWAYS <= set(charts(diagnosis)) <= ALWAYS | WHERE_DEFINED
    page = draw_report([recall, plain])
    assert page.count("<svg") == 1 + len(charts(recall)) + len(charts(plain))
    assert "<script" not in page and "Content-Security-Policy" in page
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert "url(http" not in page and "@import" not in page
    assert facts(recall).keys() == facts(plain).keys()


def test_a_name_cannot_break_out_of_the_page(recall: Diagnosis) -> None:
    evil = recall.model_copy(update={"model": recall.model.model_copy(update={"ref": "./</h2><script>alert(1)"})})
    page = draw_report([evil, recall])
    assert "<script" not in page and "&lt;script" in page


def test_one_example_and_float32(folder: Path) -> None:
    found = made(folder, "recall-outer", examples=1, precision="float32", output=None)
    assert found.injects and found.path_independence is None and found.input_dependence.ratio is None
    assert found.conditions.precision == "float32"
    assert "no recall" not in facts(found)["input-dependence"]
    draw_report([found])


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_model_that_leaves_the_range_of_numbers(tmp_path: Path, precision: str) -> None:
    model = build_model("recall", {"width": 2, "heads": 1, "mlp_ratio": 1}, "prefix-sums")
    (recall,) = (module for module in model.modules() if isinstance(module, Recall))
    torch.nn.init.constant_(recall.state.weight, 1e30)
    save_model(tmp_path / "overflow", model)
    options = {"split": "bits-32", "examples": 2, "iterations": 32, "output": tmp_path / "kept"}
    found = diagnose(load_model(tmp_path / "overflow"), "prefix-sums", precision=precision, **options)
    assert read_diagnosis(tmp_path / "kept" / found.file_name) == found
    assert found.reachability.fates == {"diverging": 2}
    assert found.geometry.examples == 0 and not found.geometry.spectra
    assert facts(found)["ρ(J) at T"] == facts(found)["sensitivity ‖∂h*/∂e‖"] == "–"
    draw_report([found])


@pytest.mark.parametrize(
    ("architecture", "options", "message"),
    [
        ("fixed-depth", {}, "takes at most 1 iteration: there is no loop to diagnose"),
        ("loop", {"iterations": 15}, "iterations must be at least 16"),
        ("loop", {"iterations": 0}, "cannot diagnose: iterations"),
        ("loop", {"examples": 0}, "cannot diagnose: limit"),
        ("loop", {"precision": "tf32"}, "a diagnosis is in float64 or float32, not tf32"),
        ("loop", {"split": "bits-33"}, "no split 'bits-33'"),
        ("loop", {"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_bad_input_is_refused(folder: Path, architecture: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LoopbenchError, match=message):
        made(folder, architecture, **options)
