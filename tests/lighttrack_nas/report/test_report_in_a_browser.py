"""The page in a browser: what a reader does with mouse and keys, at three widths, without a network."""

from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from lighttrack_nas.report.run_report import write_report
from lighttrack_nas.search_spaces.loading.loading import load_space
from tests.lighttrack_nas.made_studies import by_hand, study

pytestmark = pytest.mark.slow
HOSTILE = "</script><b>x</b><img src=x onerror=document.title='run'>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, the system's."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = which("chromium") or which("chromium-browser") or which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of three objectives, of a strategy with a hostile name."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        strategy = {"name": HOSTILE, "seed": seed}
        study(by_hand(), objectives=["ao", "macs", "params"], strategy=strategy, folder=folder / f"seed{seed}")
    return write_report([folder / "seed0", folder / "seed1"], folder / "out")


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """The report, read by the script; whatever goes wrong in it fails the test."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    opened.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
    opened.goto(report.as_uri())
    opened.wait_for_selector("html[data-ready=yes]")
    yield opened
    opened.close()
    assert wrong == []


def chosen(page: Any) -> str:
    return str(page.locator("#details h3").inner_text()).removeprefix("Network ")


def test_a_click_on_any_point_shows_its_architecture(page: Any) -> None:
    grey = page.evaluate("document.getElementById('plot-front').data[0]")
    assert grey["name"] == "other networks"
    page.locator("#plot-front").scroll_into_view_if_needed()
    place = page.evaluate(
        """() => {
          const plot = document.getElementById("plot-front"), box = plot.getBoundingClientRect();
          const {xaxis, yaxis} = plot._fullLayout, [x, y] = [plot.data[0].x[0], plot.data[0].y[0]];
          return [box.left + xaxis._offset + xaxis.l2p(x), box.top + yaxis._offset + yaxis.l2p(y)];
        }"""
    )
    page.mouse.move(*place)
    page.wait_for_timeout(150)
    page.mouse.click(*place)
    page.wait_for_function("document.getElementById('details').innerText.includes('behind the front')")
    assert page.locator("#below svg rect").count() > 5
    assert page.locator(".bars .bar").count() >= 3
    assert '"choices"' in page.locator("#below code").first.inner_text()
    assert "lighttrack-nas retrain" in page.locator("#below").inner_text()


def test_keys_go_along_the_front_and_through_all_networks(page: Any) -> None:
    page.locator("#plot-front").focus()
    seen = set()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
        seen.add(chosen(page))
    assert len(seen) == 3
    texts = []
    for _ in range(8):
        page.keyboard.press("ArrowDown")
        texts.append(page.locator("#details p").first.inner_text())
    assert any(text.startswith("behind the front") for text in texts)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "details"
    digest = page.locator("tr[data-network]").nth(1).get_attribute("data-network")
    page.locator(".pick").nth(1).focus()
    page.keyboard.press("Enter")
    assert chosen(page) == digest
    page.locator("#wanted").fill(seen.pop()[:6])
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert chosen(page)


def test_axes_colours_and_copies(page: Any) -> None:
    page.select_option("#across", "params")
    title = "document.getElementById('plot-front').layout.xaxis.title.text"
    assert page.evaluate(title) == "parameters (M)"
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.click("#theme")
    dark = page.evaluate(paper)
    assert light != dark
    page.emulate_media(color_scheme="dark")
    page.evaluate("delete document.documentElement.dataset.theme")
    assert page.evaluate(paper) == dark
    page.locator(".copy button").first.click()
    page.wait_for_function("document.querySelector('.copy button').textContent === 'Copied'")
    assert page.locator("#plot-pairs .js-plotly-plot").count() == 3
    assert page.locator("#plot-parallel .js-plotly-plot").count() == 1
    assert page.locator("#plot-attainment .js-plotly-plot").count() == 1


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_nothing_is_wider_than_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ends = "[...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.getBoundingClientRect().right)"
    assert max(page.evaluate(ends)) <= width


def test_foreign_names_run_nothing(page: Any) -> None:
    assert page.title() == "lighttrack-tiny: 2 searches side by side"
    assert page.locator("b").count() == 0
    assert page.locator("img").count() == 0
    assert HOSTILE in page.locator("#run").inner_text()
    assert load_space("lighttrack-tiny").name in page.locator("#below svg").text_content()
