"""The record of a diagnosis: complete, strict, and the page that shows it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from loopbench import load_model
from loopbench.errors import LoopbenchError
from loopbench.hub import build_model, save_model
from loopbench.models.recall import Recall
from loopbench.stability import Diagnosis, diagnose, read_diagnosis
from loopbench.stability.charts import charts
from loopbench.stability.report import draw_report
from loopbench.stability.table import facts

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
