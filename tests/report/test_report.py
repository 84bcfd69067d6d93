"""The report: what is averaged, what is chosen where, and what is written."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from made_sweep import STUDY_OF, solved, write_cell, write_sweep
from playwright.sync_api import sync_playwright

from loopbench.cli import main
from loopbench.errors import LoopbenchError
from loopbench.report.report import make_sections, save_report, standing, titled_tables
from loopbench.report.results import read_results
from loopbench.report.summary import Row, reported_splits
from loopbench.report.tables import to_latex

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[tuple[str, str], Row]:
    found = make_sections(*read_results(folder))["prefix-sums"]
    return {(row.labels["recall"], row.labels["norm"]): row for row in found}


def test_the_learning_rate_is_chosen_on_dev_though_another_is_better_on_what_is_reported(
    rows: dict[tuple[str, str], Row],
) -> None:
    assert {row.chosen["optimizer.lr"] for row in rows.values()} == {"0.003"}
    assert reported_splits(list(rows.values())) == ["bits-32", "bits-64"]


def test_seeds_are_averaged_with_those_that_failed_as_zero(rows: dict[tuple[str, str], Row]) -> None:
    whole, lost = rows["recall", "pre"].spread("bits-64"), rows["none", "pre"].spread("bits-64")
    assert whole is not None and lost is not None
    assert (whole.mean, whole.low, whole.high, whole.seeds, whole.failed) == (11 / 20, 10 / 20, 12 / 20, 3, 0)
    assert (lost.mean, lost.low, lost.high, lost.seeds, lost.failed) == (pytest.approx(2 / 3 / 20), 0, 2 / 20, 3, 1)


def test_a_curve_is_read_at_every_iteration_and_the_control_keeps_its_one_answer(
    rows: dict[tuple[str, str], Row],
) -> None:
    def at(name: str, t: int) -> float:
        spread = rows[name, "pre"].spread("bits-64", t)
        assert spread is not None
        return spread.mean

    assert [at("recall", t) for t in (1, 4, 6, 64)] == [0, 1 / 20, 3 / 20, 11 / 20]
    assert [at("fixed_depth", t) for t in (1, 64)] == [3 / 20, 3 / 20]


def test_the_tables_show_the_spread_what_is_missing_and_what_failed(folder: Path) -> None:
    study, results = read_results(folder)
    tables = dict(titled_tables("prefix-sums", make_sections(study, results)["prefix-sums"]))
    assert tables["prefix-sums, bits-64"] == [
        ["recall", "pre", "outer"],
        ["recall", "55.0 (50.0–60.0)", "57.5 (55.0–60.0); 2 of 3"],
        ["internal", "35.0 (30.0–40.0)", "37.5 (35.0–40.0); 2 of 3"],
        ["none", "3.3 (0.0–10.0); 1 failed", "7.5 (5.0–10.0); 2 of 3"],
        ["fixed_depth", "15.0 (10.0–20.0)", "17.5 (15.0–20.0); 2 of 3"],
    ]
    assert tables["prefix-sums: optimizer.lr, chosen on dev splits"][1] == ["recall", "0.003", "0.003"]
    assert standing(study, results) == "40 of 48 cells have ended; 2 of them failed"
    latex = to_latex(tables["prefix-sums, bits-64"], "a_b & 100 %")
    assert r"\caption{a\_b \& 100 \%}" in latex
    assert r"fixed\_depth & 15.0 (10.0--20.0) & 17.5 (15.0--20.0); 2 of 3 \\" in latex


def test_the_csv_has_every_curve_of_every_cell(folder: Path, tmp_path: Path) -> None:
    save_report(tmp_path, *read_results(folder))
    lines = list(csv.DictReader(io.StringIO((tmp_path / "curves.csv").read_text())))
    assert len(lines) == 38 * 3 + 2
    one = next(line for line in lines if line["recall"] == "recall" and line["split"] == "bits-64")
    assert (one["seed"], one["optimizer.lr"], one["last"], one["peak_at"]) == ("0", "0.001", "0.8", "19")
    assert float(one["low"]) < 0.8 < float(one["high"])
    assert {line["status"] for line in lines} == {"done", "failed"}


def test_the_command_prints_the_tables_and_names_the_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["loopbench", "report", str(folder), "--output", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    out, err = capsys.readouterr()
    assert "55.0 (50.0–60.0)" in out and "40 of 48 cells" in out
    assert "report.html" in err


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_the_page_stands_alone_and_shows_what_it_should(folder: Path, tmp_path: Path) -> None:
    save_report(tmp_path, *read_results(folder))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=120_000)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.set_default_timeout(120_000)
        events: list[str] = []
        page.on("console", lambda message: events.append(message.text))
        page.on("request", lambda request: events.append(request.url))
        page.goto((tmp_path / "report.html").as_uri())
        assert events == [(tmp_path / "report.html").as_uri()]
        assert page.locator("figure").count() == 2
        assert "Curves that are <known>." in page.locator("p").first.inner_text()
        assert page.get_by_text("55.0 (50.0–60.0)").count() == 2  # of two splits
        for figure in page.locator("figure svg").all():
            box = figure.bounding_box()
            assert box is not None and box["width"] > 500 and box["x"] + box["width"] <= 1200
        browser.close()


def test_a_folder_that_says_what_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(LoopbenchError, match=message) as caught:
            save_report(tmp_path / "report", *read_results(tmp_path))
        assert "\n" not in str(caught.value)

    refused("is not the folder of a sweep")
    write_sweep(tmp_path)
    labels, _ = next(STUDY_OF.points())
    path = write_cell(tmp_path, labels, {"bits-32": solved(3)}, cell="d" * 64)
    refused("are the same cell of the study")
    path.unlink()
    path = write_cell(tmp_path, labels, {"bits-32": solved(3)}, weights_sha256="e" * 64)
    refused("is not of the model and the split that")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"measured": [{"what": {}, "file": "../x"}]}))
    refused("measured.0")
    for cell in (tmp_path / "cells").glob("*.json"):
        cell.unlink()
    refused("no cell of study made has ended yet")
