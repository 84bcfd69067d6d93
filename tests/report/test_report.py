"""The report: what is averaged, what is chosen where, and what is written."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from made_sweep import BASE, solved, write_cell, write_study, write_sweep
from playwright.sync_api import sync_playwright

from loopbench.cli import main
from loopbench.errors import LoopbenchError
from loopbench.report.charts import curves, stability
from loopbench.report.report import make_sections, save_report, standing, titled_tables
from loopbench.report.results import read_results
from loopbench.report.summary import Row
from loopbench.report.tables import Table, to_latex

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[tuple[str, str], Row]:
    found = make_sections(*read_results(folder))["prefix-sums"].rows
    return {(row.labels["recall"], row.labels["norm"]): row for row in found}


def tables_of(folder: Path) -> dict[str, Table]:
    """Every table by its title."""
    sections = make_sections(*read_results(folder))
    return {title: table for task, section in sections.items() for title, table in titled_tables(task, section)}


def test_the_learning_rate_is_chosen_on_dev_though_another_is_better_on_what_is_reported(
    folder: Path, rows: dict[tuple[str, str], Row]
) -> None:
    assert {row.chosen["optimizer.lr"] for row in rows.values()} == {"0.003"}
    assert [title for title in tables_of(folder) if "dev-" in title] == []


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
    _, results = read_results(folder)
    tables = tables_of(folder)
    assert tables["prefix-sums, bits-64 at T = 64"] == [
        ["recall", "pre", "outer"],
        ["recall", "55.0 (50.0–60.0)", "57.5 (55.0–60.0); 2 of 3"],
        ["internal", "35.0 (30.0–40.0)", "37.5 (35.0–40.0); 2 of 3"],
        ["none", "3.3 (0.0–10.0); 1 failed", "7.5 (5.0–10.0); 2 of 3"],
        ["fixed_depth", "15.0 (10.0–20.0)", "17.5 (15.0–20.0); 2 of 3"],
    ]
    assert tables["prefix-sums: optimizer.lr, chosen on dev splits"][1] == ["recall", "0.003", "0.003; provisional"]
    assert standing(results) == "40 of 48 cells have ended; 2 of them failed"
    latex = to_latex(tables["prefix-sums, bits-64 at T = 64"], "a_b & 100 %")
    assert r"\caption{a\_b \& 100 \%}" in latex
    assert r"fixed\_depth & 15.0 (10.0--20.0) & 17.5 (15.0--20.0); 2 of 3 \\" in latex


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_results_csv_has_every_split_of_every_cell_that_has_ended(folder: Path, tmp_path: Path) -> None:
    save_report(tmp_path, *read_results(folder))
    lines = read_csv(tmp_path / "results.csv")
    assert len(lines) == 40 * 3
    one = next(line for line in lines if line["recall"] == "recall" and line["split"] == "bits-64")
    assert (one["seed"], one["optimizer.lr"], one["last"], one["peak_at"]) == ("0", "0.001", "0.8", "19")
    assert float(one["last_low"]) < 0.8 < float(one["last_high"])
    failed = [(line["split"], line["last"]) for line in lines if line["status"] == "failed"]
    assert failed == [("bits-32", "0"), ("bits-64", "0"), ("dev-bits-32", "0")] * 2


def test_curves_csv_has_every_iteration_of_every_curve(folder: Path, tmp_path: Path) -> None:
    save_report(tmp_path, *read_results(folder))
    lines = read_csv(tmp_path / "curves.csv")
    assert len(lines) == 3 * (28 * 64 + 10 * 1)
    one = [line for line in lines if line["recall"] == "recall" and line["split"] == "bits-64"][:64]
    assert [line["t"] for line in one] == [str(t) for t in range(1, 65)]
    assert [line["correct"] for line in one[:6]] == ["0", "0", "0", "1", "2", "3"]
    assert (one[0]["metric"], one[0]["n"], one[0]["norm"]) == ("exact", "20", "pre")


def test_a_column_says_the_task_once(tmp_path: Path) -> None:
    grid = {"task": ["prefix-sums"], "seed": [0]}
    (cell,) = write_study(tmp_path, grid=grid)
    write_cell(tmp_path, cell, solved(5))
    save_report(tmp_path, *read_results(tmp_path))
    for name in ("results.csv", "curves.csv"):
        head = (tmp_path / name).read_text().splitlines()[0].split(",")
        assert head[:2] == ["task", "seed"] and len(set(head)) == len(head)


def test_a_study_that_compares_nothing_has_one_line_and_one_number(tmp_path: Path) -> None:
    for cell in write_study(tmp_path, grid={"seed": [0, 1], "optimizer.lr": [0.001, 0.003]}):
        write_cell(tmp_path, cell, solved(5))
    save_report(tmp_path, *read_results(tmp_path))
    tables = tables_of(tmp_path)
    assert tables["prefix-sums, bits-32 at T = 64"] == [[" ", "all"], ["all", "25.0 (25.0–25.0)"]]
    assert tables["prefix-sums: optimizer.lr, chosen on dev splits"] == [[" ", "all"], ["all", "0.001"]]


def test_only_cells_with_the_studys_present_settings_are_shown(tmp_path: Path) -> None:
    grid = {"norm": BASE["grid"]["norm"]}
    for cell in write_study(tmp_path, grid=grid):
        write_cell(tmp_path, cell, solved(5))
    edited = BASE["recipe"] | {"batch_size": 16}
    cells = write_study(tmp_path, grid=grid, recipe=edited)
    with pytest.raises(LoopbenchError, match=r"the 2 in .* ran with other settings than study\.yaml has"):
        read_results(tmp_path)
    write_cell(tmp_path, cells[0], solved(10))
    assert tables_of(tmp_path)["prefix-sums, bits-32 at T = 64"][1:] == [["pre", "50.0"], ["outer", "–"]]


def test_cells_are_shown_under_the_labels_and_axes_that_the_study_has_now(tmp_path: Path) -> None:
    norms = BASE["grid"]["norm"]
    for cell in write_study(tmp_path, grid={"norm": norms}):
        write_cell(tmp_path, cell, solved(5))
    write_study(tmp_path, grid={"batch_size": [8, 16], "norm": {"before": norms["pre"], "after": norms["outer"]}})
    assert tables_of(tmp_path)["prefix-sums, bits-32 at T = 64"] == [
        ["batch_size", "before", "after"],
        ["8", "25.0", "25.0"],
        ["16", "–", "–"],
    ]


def test_cells_of_an_earlier_version_are_shown_until_they_are_run_again(tmp_path: Path) -> None:
    cell = write_study(tmp_path, grid={"norm": {"pre": BASE["grid"]["norm"]["pre"]}})[0]
    write_cell(tmp_path, replace(cell, digest="0" * 64), solved(5))
    assert tables_of(tmp_path)["prefix-sums, bits-32 at T = 64"][1:] == [["all", "25.0"]]
    write_cell(tmp_path, cell, solved(10))
    assert tables_of(tmp_path)["prefix-sums, bits-32 at T = 64"][1:] == [["all", "50.0"]]


def test_only_what_the_study_asks_for_is_shown(tmp_path: Path) -> None:
    grid = {"norm": BASE["grid"]["norm"]}
    for cell in write_study(tmp_path, grid=grid):
        write_cell(tmp_path, cell, solved(5))
    write_study(tmp_path, grid=grid, evaluations=[{"splits": ["bits-32"], "iterations": 64}])
    assert list(tables_of(tmp_path)) == ["prefix-sums, bits-32 at T = 64"]
    write_study(tmp_path, grid=grid, evaluations=[{"splits": ["bits-32"], "iterations": 128}])
    assert list(tables_of(tmp_path)) == []


def test_stability_is_drawn_against_accuracy_on_the_split_that_was_diagnosed(tmp_path: Path) -> None:
    grid = {"norm": BASE["grid"]["norm"]}
    for cell in write_study(tmp_path, grid=grid, diagnoses=[{"where": {"norm": "pre"}, "split": "bits-64"}]):
        write_cell(tmp_path, cell, {"bits-32": solved(20), "bits-64": solved(15), "dev-bits-32": solved(20)})
    (section,) = make_sections(*read_results(tmp_path)).values()
    chart = stability(section, "bits-64")
    assert chart is not None
    (point,) = chart.to_dict()["data"]["values"]
    assert (point["line"], point["accuracy"]) == ("pre", 0.75)
    assert stability(section, "bits-32") is None
    save_report(tmp_path, *read_results(tmp_path))
    page = (tmp_path / "report.html").read_text()
    assert "Accuracy on bits-64 after all iterations against reachability on bits-64" in page


def test_more_lines_than_colours_are_told_apart_by_dashes(tmp_path: Path) -> None:
    for cell in write_study(tmp_path, grid={"batch_size": list(range(1, 12))}):
        write_cell(tmp_path, cell, solved(5))
    (section,) = make_sections(*read_results(tmp_path)).values()
    layers = curves(section, "bits-32").to_dict()["hconcat"][0]["layer"]
    encoding = next(layer["encoding"] for layer in layers if "strokeDash" in layer.get("encoding", {}))
    colors, dashes = encoding["color"]["scale"], encoding["strokeDash"]["scale"]
    assert colors["domain"] == dashes["domain"] == [str(size) for size in range(1, 12)]
    assert len({(color, *dash) for color, dash in zip(colors["range"], dashes["range"], strict=True)}) == 11


def test_choices_are_in_the_studys_order_whatever_came_first(tmp_path: Path) -> None:
    norms = BASE["grid"]["norm"] | {"peri": {"config.norm": "peri"}}
    grid = {"recall": {name: BASE["grid"]["recall"][name] for name in ("recall", "none")}, "norm": norms}
    exclude = [{"recall": "recall", "norm": ["pre", "outer"]}]
    write_cell(tmp_path, write_study(tmp_path, grid=grid, exclude=exclude)[0], solved(5))
    assert tables_of(tmp_path)["prefix-sums, bits-32 at T = 64"] == [
        ["recall", "pre", "outer", "peri"],
        ["recall", "–", "–", "25.0"],
        ["none", "–", "–", "–"],
    ]


def test_a_rate_is_compared_and_not_chosen_where_no_dev_split_is_measured(tmp_path: Path) -> None:
    evaluations = [{"splits": ["bits-32"], "iterations": 64}]
    rates = {"optimizer.lr": [0.001, 0.003]}
    for cell, right in zip(write_study(tmp_path, grid=rates, evaluations=evaluations), (5, 10), strict=True):
        write_cell(tmp_path, cell, solved(right))
    assert tables_of(tmp_path) == {
        "prefix-sums, bits-32 at T = 64": [["optimizer.lr", "all"], ["0.001", "25.0"], ["0.003", "50.0"]]
    }
    assert "optimizer.lr is compared and not chosen" in standing(read_results(tmp_path)[1])


def test_a_rate_does_not_win_for_the_seeds_that_it_lacks(tmp_path: Path) -> None:
    right = {("0", "0.001"): 10, ("1", "0.001"): 2, ("0", "0.003"): 9}
    title = "prefix-sums: optimizer.lr, chosen on dev splits"
    for cell in write_study(tmp_path, grid={"seed": [0, 1], "optimizer.lr": [0.001, 0.003]}):
        if found := right.get((cell.labels["seed"], cell.labels["optimizer.lr"])):
            write_cell(tmp_path, cell, solved(found))
    assert tables_of(tmp_path)[title][1] == ["all", "0.001; provisional"]
    write_cell(tmp_path, cell, solved(8))
    assert tables_of(tmp_path)[title][1] == ["all", "0.003"]
    write_cell(tmp_path, cell, None)
    assert tables_of(tmp_path)[title][1] == ["all", "0.001"]


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
            assert box is not None and 400 < box["width"] < 700 and box["x"] + box["width"] <= 1200
        assert page.get_by_text("diverged: the loss was nan").count() == 2
        page.set_viewport_size({"width": 390, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        figure = page.locator("figure").first
        assert figure.evaluate("figure => figure.scrollWidth > figure.clientWidth")
        assert figure.locator("svg").evaluate("svg => svg.clientWidth == svg.getAttribute('width')")
        browser.close()


def test_a_folder_that_says_what_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(LoopbenchError, match=message) as caught:
            save_report(tmp_path / "report", *read_results(tmp_path))
        assert "\n" not in str(caught.value)

    refused("is not the folder of a sweep")
    write_sweep(tmp_path)
    (tmp_path / "cells" / "other.json").write_bytes(next((tmp_path / "cells").glob("*.json")).read_bytes())
    refused("are the same cell of the study")
    (tmp_path / "cells" / "other.json").unlink()
    path = write_cell(tmp_path, write_study(tmp_path)[0], solved(3), weights_sha256="e" * 64)
    refused("is not of the model and the split that")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"measured": [{"what": {}, "file": "../x"}]}))
    refused("measured.0")
    for cell in (tmp_path / "cells").glob("*.json"):
        cell.unlink()
    refused("no cell of study made has ended yet")
