"""The page in a real browser: what moves, what the address holds, who can use it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("jinja2", reason="n/a: jinja2 is not installed here")
pytest.importorskip("vl_convert", reason="n/a: vl-convert is not installed here")

from pybench.report.page import page as page_of

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
REQUIRED = os.environ.get("PYBENCH_REQUIRE_BROWSER") == "1"
PATIENCE_MS = 30_000

HOSTILE = (
    "benchmarks/odd/test_odd.py::test_odd[<script>window.hit=1</script>]",
    "benchmarks/odd/test_odd.py::test_odd[</script><img src=x onerror=window.hit=1>]",
    "benchmarks/odd/test_odd.py::test_odd['\"🐍&amp;&lt;b>]",
)
ROWS = {
    f"benchmarks/{folder}/test_a.py::test_benchmark_{folder}_{name}": ratio
    for folder in ("interpreter", "memory", "startup")
    for name, ratio in (("rises", 1.25), ("falls", 0.8), ("stays", 1.0))
} | dict.fromkeys((*HOSTILE, "benchmarks/memory/test_a.py::test_missing"), 1.1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start the browser that the system has."""
    if CHROMIUM is None and not REQUIRED:
        pytest.skip("n/a: no Chromium on PATH")
    if not REQUIRED:
        pytest.importorskip("playwright", reason="n/a: playwright is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def file(
    reported: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Write a page of thirteen rows, one n/a, and two contenders."""
    contents = reported(ROWS, contenders={"3.14t": True, "3.15": False})
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page_of(contents), encoding="utf-8")
    return path


@pytest.fixture
def visit(browser: Any, file: Path) -> Iterator[Callable[..., Any]]:
    """Return what opens the page; nothing may be asked of a network, nor go wrong."""
    opened: list[Any] = []
    asked: list[str] = []
    wrong: list[str] = []

    def open_page(fragment: str = "", *, ready: bool = True, **options: Any) -> Any:
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        opened.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda message: (
                wrong.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )
        page.goto(f"{file.as_uri()}{fragment}")
        if ready:
            page.wait_for_selector("html[data-ready=yes]", state="attached")
        return page

    yield open_page
    for context in opened:
        context.close()
    assert wrong == []
    assert {url.partition("#")[0] for url in asked} == {file.as_uri()}


def names(page: Any) -> list[str]:
    """Return the rows that are seen, in their order."""
    found: list[str] = page.locator("#rows tr.line:visible th").all_inner_texts()
    return found


def test_search_finds_words_in_any_order(visit: Callable[..., Any]) -> None:
    page = visit()

    page.fill("#f-q", "rises memory")

    assert names(page) == ["memory_rises"]
    assert page.inner_text("#shown") == "1 of 13 rows"
    assert "q=rises+memory" in page.url


def test_rows_without_a_ratio_are_a_line_that_unfolds(
    visit: Callable[..., Any],
) -> None:
    page = visit()
    assert "missing" not in names(page)

    page.click("#rows tr.group button")

    assert names(page)[-1] == "missing"
    page.click("#rows tr.group button")
    assert "missing" not in names(page)
    page.fill("#f-q", "missing")
    assert names(page) == ["missing"]


def test_filters_and_the_sides_they_are_about(visit: Callable[..., Any]) -> None:
    page = visit()

    page.select_option("#f-verdict", "faster")
    page.select_option("#f-cat", "startup")

    assert names(page) == ["startup_falls"]
    page.click("#reset")
    assert len(names(page)) == 12
    assert "#" not in page.url


def test_columns_sort_up_down_and_back(visit: Callable[..., Any]) -> None:
    page = visit()
    before = names(page)
    head = page.locator("#rows thead th[data-sort='3.15']")

    head.locator("button").click()

    assert head.get_attribute("aria-sort") == "ascending"
    up = names(page)
    assert [name[-5:] for name in up[:3]] == ["falls"] * 3
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert names(page)[:3] == [*reversed(up)][:3]
    head.locator("button").click()
    assert head.get_attribute("aria-sort") is None
    assert names(page) == before


def test_address_brings_back_what_was_shown(visit: Callable[..., Any]) -> None:
    page = visit("#cat=memory&sort=-3.14t&row=memory_falls&of=3.15")

    page.wait_for_selector("#opened-chart svg")

    assert page.inner_text("#opened-name") == "memory_falls"
    assert page.input_value("#opened-side") == "3.15"
    assert "▼ faster" in page.inner_text("#opened-facts")
    page.keyboard.press("Escape")
    assert not page.is_visible("#opened")
    assert names(page)[0] == "memory_rises"
    assert "row=" not in page.url
    assert "cat=memory" in page.url


def test_what_the_address_does_not_know_is_dropped(visit: Callable[..., Any]) -> None:
    page = visit("#cat=nothing&verdict=slower&row=gone&side=2.7&x=1")

    assert page.url.endswith("#verdict=slower")
    assert len(names(page)) == 6


def test_a_row_is_opened_by_keyboard_and_gives_the_focus_back(
    visit: Callable[..., Any],
) -> None:
    page = visit()
    button = page.locator("#rows tr.line", has_text="memory_rises").locator("button")

    button.focus()
    page.keyboard.press("Enter")

    page.wait_for_selector("#opened-chart svg")
    page.locator("#opened summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#opened-pairs tbody tr").count() == 20
    page.keyboard.press("Escape")
    assert button.evaluate("one => one === document.activeElement")


def test_the_chart_follows_the_filter(visit: Callable[..., Any]) -> None:
    page = visit("#q=memory")

    page.wait_for_function(
        "() => document.querySelector('#forest svg').textContent.includes('memory')"
        " && !document.querySelector('#forest svg').textContent.includes('startup')"
    )


def test_charts_are_drawn_again_under_the_pointer(visit: Callable[..., Any]) -> None:
    page = visit()

    page.wait_for_selector("#forest .vega-embed svg")

    assert page.locator("#forest svg").get_attribute("aria-label")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_themes_follow_the_system_and_the_button(
    visit: Callable[..., Any], scheme: Any
) -> None:
    page = visit(color_scheme=scheme)
    ground = "getComputedStyle(document.body).backgroundColor"
    system = page.evaluate(ground)

    page.click("#theme")
    light = page.evaluate(ground)
    page.click("#theme")
    dark = page.evaluate(ground)

    assert light == "rgb(255, 255, 255)"
    assert dark == "rgb(21, 23, 26)"
    assert system == {"light": light, "dark": dark}[scheme]
    assert "dark" in page.inner_text("#theme")


def test_without_scripts_tables_and_charts_remain(visit: Callable[..., Any]) -> None:
    page = visit(ready=False, java_script_enabled=False)

    assert page.locator("#rows tr.line").count() == 13
    assert page.locator("#forest svg").count() == 1
    assert page.locator("#forest svg").is_visible()
    assert not page.locator("#filter").is_visible()
    assert not page.locator("#theme").is_visible()


def test_on_a_narrow_screen_nothing_is_cut_off(visit: Callable[..., Any]) -> None:
    page = visit(viewport={"width": 380, "height": 800})

    # A picture is drawn when it comes into view, and here it is below the first screen.
    page.locator("#forest").scroll_into_view_if_needed()
    page.wait_for_selector("#forest .vega-embed svg")

    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_hostile_names_run_no_script(visit: Callable[..., Any]) -> None:
    page = visit()
    page.wait_for_selector("#forest .vega-embed svg")

    for number, button in enumerate(page.locator("#rows tr.line button").all()):
        if "odd" in button.inner_text():
            button.click()
            page.wait_for_selector("#opened-chart svg")
            page.keyboard.press("Escape")
            assert number > 0

    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("fragment", ["", "#row=memory_falls"])
def test_axe_finds_no_violation(
    visit: Callable[..., Any], scheme: Any, fragment: str
) -> None:
    axe = pytest.importorskip("axe_core_python.sync_playwright").Axe()
    page = visit(fragment, color_scheme=scheme)
    page.wait_for_selector("#opened-chart svg" if fragment else "#forest .vega-embed")

    # The page around an opened row is that of the other run, and what a theme changes
    # are colours alone.
    rules = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}
    found = axe.run(page, context="#opened" if fragment else None, options=rules)

    assert [
        (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in found["violations"]
    ] == []


def test_marks_and_text_stand_out_from_both_grounds() -> None:
    from pybench.report.charts.looks import HUES, OTHER_HUE

    css = (Path(page_of.__code__.co_filename).parent / "page.css").read_text()
    light, dark = (
        dict(re.findall(r"--(\w+): (#\w{6});", css[css.index(start) :][:500]))
        for start in (":root {", ':root[data-theme="dark"] {')
    )

    for theme in (light, dark):
        for hue in (*HUES.values(), OTHER_HUE):
            assert contrast(hue, theme["bg"]) >= 3
        for ground in ("bg", "slower", "faster", "soft"):
            assert contrast(theme["fg"], theme[ground]) >= 4.5
        for ink in ("muted", "link"):
            assert contrast(theme[ink], theme["bg"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
            for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
