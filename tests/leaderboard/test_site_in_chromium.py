"""The site in a real Chromium, opened from its folder: what a visitor sees, does, and can hand on as a link."""

import re
import shutil
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect, sync_playwright
from synthetic_entries import make_entry

from loopbench.leaderboard.site.build import write_site
from loopbench.plugins import get_task

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
TIMEOUT = 120_000
PAGES = (
    "index.html",
    "index.html#task=sudoku",
    "compare.html",
    "models/best.html",
    "models/claims-too-much.html",
    "models/new.html",
    "tasks/prefix-sums.html",
    "tasks/sudoku.html",
    "tasks/sudoku-example.html",
)
# of axe; the schemes differ in their colours alone
COLORS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
RULES: dict[Literal["light", "dark"], dict[str, object]] = {"light": {}, "dark": {"runOnly": COLORS}}
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}


@pytest.fixture(scope="module")
def open_page(site: Path) -> Generator[Callable]:
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=TIMEOUT)

        def open_page(name: str, size: str = "desktop", **options: bool) -> tuple[Page, list[str], list[str]]:
            """A page of the site, what it complains of, and what it asks for."""
            page = browser.new_page(viewport=SIZES[size], reduced_motion="reduce", **options)
            page.set_default_timeout(TIMEOUT)
            complaints: list[str] = []
            requests: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: requests.append(request.url))
            page.goto(f"{site.as_uri()}/{name}")
            return page, complaints, requests

        yield open_page
        browser.close()


def models(page: Page) -> list[str]:
    """The names in the tables that are to be seen, from above."""
    return page.locator("section.task:visible tbody tr:visible th a").all_text_contents()


def closed(page: Page) -> list[str]:
    """Those of the first table."""
    return page.locator("section.task:visible table").first.locator("tbody tr:visible th a").all_text_contents()


def drawn(page: Page, charts: int) -> None:
    """Wait for so many charts."""
    expect(page.locator(".chart[role=img] svg.marks")).to_have_count(charts)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_loads_fits_and_is_accessible(open_page: Callable, site: Path, name: str, size: str) -> None:
    page, complaints, requests = open_page(name, size)
    if name.startswith("models/"):
        drawn(page, 1)
    if name.startswith("compare"):
        drawn(page, 4)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    page.evaluate(AXE_SCRIPT)
    for scheme, rules in RULES.items():
        page.emulate_media(color_scheme=scheme)
        options = {"iframes": False, "preload": False, "resultTypes": ["violations"]} | rules
        found = page.evaluate("options => axe.run(document, options)", options)["violations"]
        assert [
            (violation["id"], node["target"], node["failureSummary"])
            for violation in found
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ] == [], scheme
    assert complaints == []
    assert [url for url in requests if not url.startswith(site.as_uri())] == []
    page.close()


def test_the_first_view_is_the_best_models_of_a_task(open_page: Callable) -> None:
    page, _, _ = open_page("index.html")
    assert closed(page) == ["best", "second", "new", "third", "claims-too-much"]  # the last one has no rank
    row = page.locator("tr[data-name=best]")
    assert row.locator("td.rank").text_content() == "1"
    assert re.fullmatch(r"\d\d\.\d \[\d\d\.\d, \d\d\.\d\]", row.locator("td.score").text_content())
    assert row.locator("td.reproduced").get_by_role("img", name="agrees").is_visible()
    assert row.locator("td.curve svg").get_attribute("aria-label").endswith("% at 8 D")
    mismatch = page.locator("tr[data-name=claims-too-much]")
    assert mismatch.get_by_text("mismatch").is_visible()
    assert mismatch.locator("td.reproduced").get_by_role("img", name="differs").is_visible()
    assert page.locator("tr[data-name=new] td.fresh").text_content() == "–"
    captions = page.locator("section.task:visible caption").all_text_contents()
    assert captions[0].startswith("Closed track The rank is")
    assert captions[1:] == ["Closed track, time-dependent updates", "Open track"]
    page.close()


def test_sorting_filtering_and_tasks_are_in_the_link_and_the_back_button_undoes_them(open_page: Callable) -> None:
    page, complaints, _ = open_page("index.html")
    page.get_by_role("button", name="Score").first.click()
    assert closed(page)[0] == "best"
    page.get_by_role("button", name="Score").first.click()
    assert closed(page)[-1] == "best"
    assert page.locator("th.score").first.get_attribute("aria-sort") == "ascending"
    page.get_by_label("Recall").select_option("internal")
    assert models(page) == ["second"]
    assert page.get_by_role("status").text_content() == "1 of 7 models"
    link = page.url
    page.get_by_role("navigation", name="Tasks").get_by_role("link", name="sudoku").click()
    assert models(page) == []
    page.go_back()
    assert models(page) == ["second"]
    page.go_back()
    assert closed(page)[-1] == "best"
    assert page.get_by_label("Recall").input_value() == ""
    page.go_forward()
    assert models(page) == ["second"]
    page.close()
    again, _, _ = open_page(link.rpartition("/")[2])
    assert models(again) == ["second"]
    assert again.get_by_label("Recall").input_value() == "internal"
    again.get_by_label("Find").fill("no such model")
    assert models(again) == []
    again.get_by_label("Find").fill("")
    again.get_by_label("Recall").select_option("")
    again.get_by_label("Size").select_option("up to 100 k")
    assert len(models(again)) == 7
    again.get_by_label("Size").select_option("up to 10 k")
    assert models(again) == []
    assert not again.locator("thead").first.is_visible()
    again.get_by_role("button", name="Clear filters").click()
    assert len(models(again)) == 7
    assert again.locator(".nothing:visible").count() == 0
    assert "size" not in again.url
    assert complaints == []
    again.close()


def test_the_keyboard_sorts_and_chooses(open_page: Callable) -> None:
    page, _, _ = open_page("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.evaluate("location.hash") == ""
    page.locator("th.parameters button").first.focus()
    page.keyboard.press("Enter")
    values = [int(text.replace(",", "")) for text in page.locator("td.parameters:visible").all_text_contents()[:5]]
    assert values == sorted(values)
    page.get_by_label("compare second").focus()
    page.keyboard.press("Space")
    assert page.get_by_role("link", name="Compare 1").is_visible()
    page.close()


def test_chosen_models_are_compared_and_the_link_keeps_them(open_page: Callable) -> None:
    page, complaints, requests = open_page("index.html")
    page.get_by_label("compare second").check()
    page.get_by_label("compare open").check()
    page.get_by_role("link", name="Compare 2").click()
    drawn(page, 4)
    chosen = page.locator("#chosen li a")
    assert chosen.all_text_contents() == ["second", "open"]
    page.get_by_label("Model", exact=True).fill("best")
    page.get_by_role("button", name="Add").click()
    assert chosen.all_text_contents() == ["second", "open", "best"]
    page.get_by_role("checkbox", name="bits-32").check()
    drawn(page, 5)
    for split in ("bits-64", "bits-128", "bits-256"):
        page.get_by_role("checkbox", name=split).uncheck()
    drawn(page, 2)
    page.get_by_role("radio", name="FLOPs").check()
    expect(page.locator("text=FLOPs an example")).to_have_count(2)
    page.get_by_label("95 % bands").uncheck()
    expect(page.locator(".mark-area path").first).to_have_css("opacity", "0")
    page.get_by_role("button", name="remove open").click()
    assert chosen.all_text_contents() == ["second", "best"]
    link = page.url.rpartition("/")[2]
    assert link == ("compare.html#task=prefix-sums&models=second,best&splits=bits-32,bits-512&x=flops&bands=0")
    page.go_back()
    assert chosen.all_text_contents() == ["second", "open", "best"]
    page.close()
    again, _, _ = open_page(link)
    drawn(again, 2)
    assert again.locator("#chosen li a").all_text_contents() == ["second", "best"]
    assert again.get_by_role("radio", name="FLOPs").is_checked()
    assert not again.get_by_label("95 % bands").is_checked()
    labels = [chart.get_attribute("aria-label") for chart in again.locator(".chart").all()]
    assert labels == ["Accuracy on bits-32 over flops: best", "Accuracy on bits-512 over flops: second, best"]
    again.close()
    assert complaints == []
    assert all(url.startswith("file:") for url in requests)


def test_a_forged_link_shows_nothing_of_its_own(open_page: Callable) -> None:
    page, complaints, requests = open_page(
        "compare.html#task=__proto__&models=../../evil,<img src=x>,best&x=constructor"
    )
    drawn(page, 4)
    assert page.locator("#chosen li a").all_text_contents() == ["best"]
    assert not [url for url in requests if "evil" in url]
    assert complaints == []
    page.close()


def test_a_model_page_draws_its_curves_and_keeps_the_axis(open_page: Callable) -> None:
    page, complaints, _ = open_page("models/best.html")
    drawn(page, 1)
    assert page.locator("#legend li").all_text_contents() == ["bits-32", "bits-64", "bits-128", "bits-256", "bits-512"]
    page.get_by_role("radio", name="depth").check()
    expect(page.locator("text=effective depth, layers")).to_have_count(1)
    page.reload()
    expect(page.locator("text=effective depth, layers")).to_have_count(1)
    assert "loopbench eval --model best" in page.locator("pre").first.text_content()
    for image in page.locator("figure img").all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0
    assert page.locator("figure img").count() >= 5
    assert complaints == []
    page.close()


def test_the_last_iteration_has_its_label_on_a_phone(open_page: Callable) -> None:
    page, _, _ = open_page("models/best.html", "phone")
    drawn(page, 1)
    expect(page.locator(".role-axis-label text", has_text="2,048")).to_have_css("opacity", "1")
    page.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("task", ["prefix-sums", "sudoku"])
def test_an_example_fills_its_frame(open_page: Callable, task: str, size: str) -> None:
    page, _, _ = open_page(f"tasks/{task}.html", size)
    frame = page.locator("iframe")
    frame.scroll_into_view_if_needed()
    main = page.frame_locator("iframe").locator("main")
    expect(main).to_be_visible()
    height = main.evaluate("main => main.getBoundingClientRect().height")
    assert abs(frame.bounding_box()["height"] - height) < 8
    page.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "text", ["w" * 3000, 800 * ("க" + "\u0bbe" * 3), 800 * ("Z" + "\u0301" * 3)], ids=["word", "wide", "high"]
)
def test_what_a_stranger_writes_stays_in_its_box(open_page: Callable, tmp_path: Path, text: str, size: str) -> None:
    training = {"data": text, "recipe": text}
    entry = make_entry(get_task("sudoku"), "stranger", authors=[text[:200]], description=text, training=training)
    write_site([entry], [], tmp_path / "site")
    page, complaints, _ = open_page("index.html", size)
    for name in ("index.html#task=sudoku", "models/stranger.html"):
        page.goto(f"{(tmp_path / 'site').as_uri()}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    boxes = page.locator("#h-card ~ p, .facts dd").all()
    assert {box.evaluate("box => getComputedStyle(box).overflow") for box in boxes} == {"clip"}
    assert complaints == []
    page.close()


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a site with 60 models of a task, the best first."""
    folder = tmp_path_factory.mktemp("crowded") / "site"
    entry = make_entry(get_task("sudoku"), "model", skill=0.5)
    named = [entry.submission.model_copy(update={"name": f"model-{i:02}"}) for i in range(60)]
    write_site([replace(entry, submission=submission) for submission in named], [], folder)
    return (folder / "index.html").as_uri()


def test_of_many_models_the_first_fifty_are_shown_and_all_are_found(open_page: Callable, crowded: str) -> None:
    page, complaints, _ = open_page("index.html")
    page.goto(crowded)
    everybody = [f"model-{i:02}" for i in range(60)]
    assert closed(page) == everybody[:50]
    expect(page.get_by_role("status")).to_have_text("60 of 60 models, the first 50 shown")
    page.get_by_role("button", name="Model").click()
    page.get_by_role("button", name="Model").click()
    assert closed(page) == everybody[:9:-1]
    page.get_by_label("compare model-59").check()
    page.get_by_label("Find").fill("model-5")
    assert closed(page) == everybody[:49:-1]
    assert page.get_by_label("compare model-59").is_checked()
    page.get_by_label("Find").fill("")
    page.get_by_role("button", name="Show all 60").click()
    assert closed(page) == everybody[::-1]
    page.reload()
    assert closed(page) == everybody[::-1]
    assert complaints == []
    page.close()


def test_without_scripts_all_of_many_models_are_there(open_page: Callable, crowded: str) -> None:
    page, _, _ = open_page("index.html", java_script_enabled=False)
    page.goto(crowded)
    assert len(models(page)) == 60
    page.close()


def test_without_scripts_everything_is_there(open_page: Callable) -> None:
    page, _, _ = open_page("index.html", java_script_enabled=False)
    assert {"best", "clock", "one-sudoku"} <= set(models(page))
    assert not page.locator("#filters").is_visible()
    page.close()
