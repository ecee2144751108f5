"""The page in the distribution's Chromium: nothing is asked, nothing fails, nothing overflows."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from page_reader import shows, value_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = pytest.mark.browser

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
          "--disable-component-update", "--disable-sync", "--no-first-run"]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(_NAMES)} is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=_QUIET)
        yield browser
        browser.close()


@pytest.mark.parametrize(("colours", "width"), [("light", 1280), ("dark", 400)])
@pytest.mark.parametrize("name", ["small_page", "large_page", "four_page", "many_page"])
def test_opens_quietly_and_fits(
    browser: "Browser",
    name: str,
    colours: Literal["light", "dark"],
    width: int,
    request: pytest.FixtureRequest,
) -> None:
    path: Path = request.getfixturevalue(name)
    troubles: list[str] = []
    asked: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours)
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda wanted: asked.append(wanted.url))
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert troubles == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    figures = page.locator("svg[role=img]")
    assert figures.count() == len(list((path.parent / "figures").glob("*.svg")))
    for figure in figures.all():
        box = figure.bounding_box()
        assert box is not None
        assert box["width"] > 200
        assert box["height"] > 80

    data = json.loads((path.parent / "comparison.json").read_text(encoding="utf-8"))
    spans = page.evaluate(
        "[...document.querySelectorAll('[data-path]')].map("
        "s => [s.dataset.path, s.dataset.value, s.innerText.trim(), s.checkVisibility()])"
    )
    assert len(spans) > 300
    for path_, value, shown, visible in spans:
        assert visible, path_
        raw = json.loads(value)
        assert raw == value_at(data, path_), path_
        if isinstance(raw, (int, float)) and not isinstance(raw, bool):
            assert shows(shown, raw), (path_, raw, shown)
    page.close()


@pytest.mark.parametrize("name", ["large_page", "four_page", "many_page"])
def test_labels_stay_inside_and_apart(
    browser: "Browser", name: str, request: pytest.FixtureRequest
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(request.getfixturevalue(name).as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    outside, over = page.evaluate(
        """() => {
          const outside = [], over = [];
          for (const svg of document.querySelectorAll('svg[role=img]')) {
            const frame = svg.getBoundingClientRect();
            const labels = [...svg.querySelectorAll('text')].map(t =>
              [t.textContent, t.getBoundingClientRect(), t.hasAttribute('transform')]);
            labels.forEach(([text, box, turned], i) => {
              if (box.left < frame.left - 1 || box.right > frame.right + 1
                || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) outside.push(text);
              for (const [other, its, tilted] of labels.slice(i + 1)) {
                // The box of a turned label is much larger than the label.
                if (turned || tilted) continue;
                const wide = Math.min(box.right, its.right) - Math.max(box.left, its.left);
                const high = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
                if (wide > 1 && high > 3) over.push([text, other]);
              }
            });
          }
          return [outside, over];
        }"""
    )
    page.close()
    assert outside == []
    assert over == []
