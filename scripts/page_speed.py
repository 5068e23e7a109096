"""Time the page in a browser, beside an empty page in the same run.

    python scripts/page_speed.py [RESULTS] [--rows 450] [--sides 6] [--repeats 5]

Without RESULTS, a run of so many rows and contenders is made up: nothing in it was
measured, only its size is of interest.  Prints the size, the time until the first view
is drawn and the time of a filter.  Needs playwright and Chromium on PATH.
"""

import argparse
import random
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from pybench.comparison.contents import read_contents
from pybench.comparison.judging import judge
from pybench.comparison.pair_details import details
from pybench.comparison.summary import summarise
from pybench.records.contents import Contents
from pybench.records.identity import Identity
from pybench.records.outcomes import MEASURED
from pybench.records.run import (
    PairRecord,
    RowRecord,
    Run,
    RunHeader,
    SideRecord,
)
from pybench.records.samples import Sample
from pybench.report.page import page

EMPTY = "<!doctype html><html lang=en><title>empty</title><p>empty</p></html>"
CATEGORIES = ("interpreter", "threading", "gil", "memory", "async", "startup")
PAIRS = 14

# What the browser itself says: when the first content was painted.
PAINTED = """() => new Promise((done) => {
  const seen = performance.getEntriesByName("first-contentful-paint")[0];
  if (seen) return done(seen.startTime);
  new PerformanceObserver((list) => {
    for (const one of list.getEntriesByName("first-contentful-paint")) {
      done(one.startTime);
    }
  }).observe({ type: "paint", buffered: true });
})"""
# From a key to the frame in which its rows stand.
FILTERED = """(word) => new Promise((done) => {
  const field = document.getElementById("f-q");
  const start = performance.now();
  field.value = word;
  field.dispatchEvent(new Event("input"));
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
})"""


def made_up(rows: int, sides: int) -> Contents:
    """Return a comparison of a size, with numbers that are nobody's."""
    draws = random.Random(1)
    names = [f"3.{11 + number}" for number in range(sides + 1)]
    run = Run(
        header=RunHeader(
            version="0", started="2026-01-01T00:00:00Z", command=("none",), seed=1,
            margin=0.03, pairs=PAIRS, suite="none",
        )
    )  # fmt: skip
    for name in names:
        identity = Identity(
            implementation="cpython", version=f"{name}.0", soabi=name, build_flags=(),
            free_threaded=False, gil_enabled=True, jit="none", extension=None,
            cpu_model="none", machine="x86_64", system="Linux", affinity=2, quota=None,
        )  # fmt: skip
        run.add(SideRecord(name=name, python=name, identity=identity))
    for number in range(rows):
        category = CATEGORIES[number % len(CATEGORIES)]
        row = (
            f"benchmarks/{category}/test_area{number % 40}.py::"
            f"test_benchmark_{category}_operation_{number}[{number % 4}]"
        )
        run.add(
            RowRecord(
                row=row, group="area", apart=False, pinned=True, margin=None,
                metric="cpu", operations=1, threads=1, numbers={"count": 1000},
                per_sample_ns=5e6, outcomes=dict.fromkeys(names, MEASURED), reasons={},
            )
        )  # fmt: skip
        effect = draws.choice((1.0, 1.0, 1.0, 1.1, 0.9))
        for pair in range(1, PAIRS + 1):
            samples = {
                name: (_course(draws, effect if place else 1.0),)
                for place, name in enumerate(names)
            }
            run.add(
                PairRecord(
                    row=row, pair=pair, order=tuple(names), apart=False, cpu=0,
                    hash_seed=pair, numbers={"count": 1000}, samples=samples,
                )
            )  # fmt: skip
    return Contents(
        title="made up", summary=summarise(run, judge(run)), run=run,
        details=details(run),
    )  # fmt: skip


def _course(draws: random.Random, effect: float) -> tuple[Sample, ...]:
    times = (round(5e6 * effect * draws.lognormvariate(0, 0.01)) for _ in range(11))
    return tuple(Sample(wall_ns=one, cpu_ns=one, waited_ns=0) for one in times)


def painted_ms(browser: Browser, path: Path) -> float:
    """Open a page as new; return when its first content was painted."""
    tab = browser.new_page()
    tab.goto(path.as_uri(), wait_until="commit")
    value: float = tab.evaluate(PAINTED)
    tab.close()
    return value


def filtered_ms(browser: Browser, path: Path, repeats: int) -> list[float]:
    """Type words into the search of a page that has settled."""
    tab = browser.new_page()
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-ready=yes]", state="attached")
    tab.wait_for_timeout(3_000)
    found: list[float] = []
    for number in range(2 * repeats):
        found.append(tab.evaluate(FILTERED, "operation_1" if number % 2 else "memory"))
        tab.wait_for_timeout(600)
    tab.close()
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the page in a browser.")
    parser.add_argument("results", type=Path, nargs="*", metavar="RESULTS")
    parser.add_argument("--rows", type=int, default=450)
    parser.add_argument("--sides", type=int, default=6, help="contenders")
    parser.add_argument("--repeats", type=int, default=5)
    said = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("page speed: no chromium on PATH", file=sys.stderr)
        return 2
    contents = (
        read_contents(said.results) if said.results else made_up(said.rows, said.sides)
    )
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        empty, full = (Path(name) / f"{one}.html" for one in ("empty", "full"))
        empty.write_text(EMPTY)
        full.write_text(page(replace(contents, title="speed")), encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        # In turns: the machine's mood is then in both.
        paints = [
            (painted_ms(browser, empty), painted_ms(browser, full))
            for _ in range(said.repeats)
        ]
        filters = filtered_ms(browser, full, said.repeats)
        browser.close()
        size = full.stat().st_size
    print(f"size                {size / 1e6:.2f} MB")
    for label, values in (
        ("first view, empty", [one for one, _ in paints]),
        ("first view", [one for _, one in paints]),
        ("filter", filters),
    ):
        print(
            f"{label:<19} {statistics.median(values):.0f} ms "
            f"(of {len(values)}: {min(values):.0f} to {max(values):.0f})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
