"""The page and the picture in a real Chromium."""

import shutil
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from loopbench.watch.frames import Frame
from loopbench.watch.save import save

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")


@pytest.fixture(scope="module")
def open_file(tmp_path_factory: pytest.TempPathFactory, sudoku: Sequence[Frame]) -> Generator[Callable]:
    folder = tmp_path_factory.mktemp("saved")
    for name in ("watch.svg", "watch.html"):
        save(folder / name, sudoku, "looped-sudoku", "only/0")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=120_000)

        def open_file(name: str):
            """The file as someone sees it who wants nothing to move, and what it asked for or complained of."""
            page = browser.new_page(viewport={"width": 390, "height": 800}, reduced_motion="reduce")
            page.set_default_timeout(120_000)
            events: list[str] = []
            page.on("console", lambda message: events.append(message.text))
            page.on("pageerror", lambda error: events.append(str(error)))
            page.on("request", lambda request: events.append(Path(request.url).name))
            page.goto((folder / name).as_uri())
            return page, events

        yield open_file
        browser.close()


def shown(page) -> tuple[str, str]:
    """The heading that is to be seen, and the digit in the last cell."""
    heading = "[...document.querySelectorAll('.t')].filter(x => getComputedStyle(x).visibility === 'visible')"
    digit = """(() => {
      const uses = [...document.querySelectorAll('#cells use')];
      const places = uses.map(use => 1e4 * use.getAttribute('y') + 1 * use.getAttribute('x'));
      const last = uses[places.lastIndexOf(Math.max(...places))];
      return document.querySelector(last.getAttribute('href')).textContent;
    })()"""
    return page.evaluate(f"{heading}.map(x => x.textContent).join()"), page.evaluate(digit)


def test_the_slider_and_the_keys_move_the_board(open_file: Callable) -> None:
    page, events = open_file("watch.html")
    assert shown(page) == ("t = 1", "1")
    assert page.text_content("#button") == "Play"
    page.fill("#slider", "16")
    assert shown(page) == ("t = 17", "8")
    page.keyboard.press("ArrowLeft")
    assert shown(page) == ("t = 16", "1")
    page.keyboard.press("End")
    assert shown(page) == ("t = 100", "8")
    assert page.get_attribute("#slider", "aria-valuetext").startswith("t = 100, 54 of 54 cells right, solved")
    page.keyboard.press("Home")
    assert shown(page) == ("t = 1", "1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert events == ["watch.html"]


def test_it_plays_to_the_end_and_stops(open_file: Callable) -> None:
    page, events = open_file("watch.html")
    page.fill("#slider", "30")
    page.click("#button")
    assert page.text_content("#button") == "Pause"
    page.get_by_role("button", name="Play").wait_for()
    assert shown(page) == ("t = 100", "8")
    assert events == ["watch.html"]


def test_a_picture_that_must_not_move_shows_the_end(open_file: Callable) -> None:
    page, events = open_file("watch.svg")
    assert shown(page) == ("t = 100", "8")
    assert events == ["watch.svg"]
