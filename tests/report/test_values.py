"""Times and the ratio beside them point the same way, in every format.

The run of these tests has wild pairs: the median of the side's own samples lies far
below the baseline's, while nearly every pair says that the side takes longer.
"""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

import msgspec
from rich.console import Console

from pybench.comparison.judging import judge
from pybench.comparison.pair_details import details
from pybench.comparison.summary import summarise
from pybench.notebook.loaded import Loaded
from pybench.records.contents import Contents
from pybench.records.samples import Sample
from pybench.records.summary import Summary
from pybench.report.exports.frames import to_csv
from pybench.report.labels import LEGEND, duration
from pybench.report.markdown import markdown
from pybench.report.terminal import show

pytestmark = pytest.mark.once

ROW = "benchmarks/interpreter/test_calls.py::test_benchmark_interpreter_wild"
# Per pair what an operation takes on the baseline and on the sides, in ns. By medians
# each side is faster by a third or more; eighteen pairs of twenty say slower.
PAIRS = [(100, 103, 106)] * 9 + [(200, 110, 130)] * 2 + [(200, 206, 212)] * 9


def course(ns: float) -> tuple[tuple[Sample, ...], ...]:
    """Return the samples of one process; a sample is a thousand operations."""
    one = Sample(wall_ns=round(ns * 1000), cpu_ns=round(ns * 1000), waited_ns=0)
    return ((one,) * 5,)


@pytest.fixture(scope="module", params=[["3.14t"], ["3.14t", "3.15"]])
def contents(recorded: Callable[..., Any], request: pytest.FixtureRequest) -> Contents:
    """Return a run of one and of two contenders."""
    contenders = {one: one[-1] == "t" for one in request.param}
    run = recorded({ROW: 1.0}, contenders=contenders, twin=False)
    names = ["3.13", *request.param]
    for number, times in enumerate(PAIRS, start=1):
        samples = {name: course(ns) for name, ns in zip(names, times, strict=False)}
        run.pairs[ROW][number] = replace(run.pairs[ROW][number], samples=samples)
    return Contents(
        title="a title",
        summary=summarise(run, judge(run)),
        run=run,
        details=details(run),
    )


def in_terminal(contents: Contents) -> str:
    """Return what the terminal shows."""
    file = io.StringIO()
    show(summary_of(contents), Console(file=file, width=100), everything=True)
    return file.getvalue()


def in_page(contents: Contents) -> str:
    """Return the page as it is where scripts are off."""
    pytest.importorskip("jinja2", reason="n/a: jinja2 is not installed here")
    from pybench.report.page import page

    return page(contents)


def in_notebook(contents: Contents) -> str:
    """Return what a notebook shows."""
    return Loaded(contents=contents)._repr_html_()


def summary_of(contents: Contents) -> Summary:
    """Return its summary, which it has."""
    assert contents.summary is not None
    return contents.summary


# Whether a format has the side's time where there are several contenders.
FORMATS: Mapping[str, tuple[Callable[[Contents], str], bool]] = {
    "terminal": (in_terminal, False),
    "markdown": (lambda contents: markdown(summary_of(contents)), True),
    "page": (in_page, False),
    "notebook": (in_notebook, True),
}


def test_the_medians_of_the_run_point_the_other_way(contents: Contents) -> None:
    for row in summary_of(contents).rows:
        assert row.ratio == pytest.approx(1.03, rel=0.04)
        assert row.baseline_ns == pytest.approx(200)
        assert row.side_median_ns is not None
        assert row.side_median_ns < 140


@pytest.mark.parametrize("kind", FORMATS)
def test_the_times_of_a_format_point_where_its_ratio_does(
    contents: Contents, kind: str
) -> None:
    show_it, has_times_of_many = FORMATS[kind]
    text = show_it(contents)

    assert duration(200.0) in text
    assert " ".join(LEGEND.split()) in " ".join(text.replace("\\", "").split()).replace(
        "&#39;", "'"
    ).replace("&#x27;", "'")
    for row in summary_of(contents).rows:
        assert row.ratio is not None
        assert row.side_median_ns is not None
        assert f"{row.ratio:.3f}" in text
        assert duration(row.side_median_ns) not in text
        if has_times_of_many or len(summary_of(contents).counts) == 1:
            assert duration(200.0 * row.ratio) in text


def test_what_other_programs_read_agrees_too(contents: Contents) -> None:
    summary = summary_of(contents)
    document = msgspec.json.decode(msgspec.json.encode(summary))
    lines = [*csv.DictReader(io.StringIO(to_csv(summary)))]

    for row in [*document["rows"], *lines]:
        ratio = float(row["side_ns"]) / float(row["baseline_ns"])
        assert ratio == pytest.approx(float(row["ratio"]))


def test_the_pairs_of_an_opened_row_agree(contents: Contents) -> None:
    for detail in contents.details:
        for pair in detail.pairs:
            assert pair.side_ns / pair.baseline_ns == pytest.approx(pair.ratio)


def test_the_script_of_the_page_has_the_same_times(contents: Contents) -> None:
    from pybench.report.page.building import script_data
    from pybench.report.tables import lines_of

    summary = summary_of(contents)
    data = json.loads(json.dumps(script_data(summary, lines_of(summary))))

    for row in data["rows"]:
        for _, ratio, _, _, side_ns, *_ in row["s"]:
            assert side_ns / row["b"] == pytest.approx(ratio, rel=1e-3)


def test_a_row_without_pairs_has_no_times(contents: Contents) -> None:
    assert contents.run is not None
    empty = replace(contents.run, pairs={ROW: {}})

    for row in summarise(empty, judge(empty)).rows:
        assert (row.ratio, row.baseline_ns, row.side_ns) == (None, None, None)


@pytest.mark.parametrize(
    ("ns", "said"),
    [
        (None, ""),
        (0.0, "0 ns"),
        (588.4, "588 ns"),
        (999.4, "999 ns"),
        (999.6, "1 µs"),
        (999_600.0, "1 ms"),
        (1e9 - 1, "1 s"),
        (4.21e12, "4210 s"),
    ],
)
def test_a_duration_has_three_digits_and_the_unit_of_what_is_shown(
    ns: float | None, said: str
) -> None:
    assert duration(ns) == said


def test_a_comparison_of_scenarios_agrees() -> None:
    """By medians the second is faster by a third; nearly every pair says slower."""
    from pybench.cli.scenario import lines_of
    from pybench.statistics.decision import decide
    from pybench.statistics.plan import Plan

    pairs = [(float(first), float(second)) for first, second, _ in PAIRS]
    differences = [math.log(second / first) for first, second in pairs]
    settings = SimpleNamespace(scenario="cpu")
    comparison: Any = SimpleNamespace(
        arms=[SimpleNamespace(name=name, settings=settings) for name in "ab"],
        seed=1,
        pairs=pairs,
        verdict=decide({"row": differences}, Plan().for_pairs(len(pairs)))["row"],
    )

    lines = lines_of(comparison)

    ratio = comparison.verdict.ratio
    assert ratio > 1
    assert "a: 200.000000 s, the median of its processes" in lines
    assert f"b: {200 * ratio:.6f} s, that times the ratio" in lines


def test_callables_that_took_turns_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    from pybench.notebook import callables

    def measured(name: str, times: list[int]) -> Any:
        rounds = [SimpleNamespace(value_ns=ns) for ns in times]
        count = SimpleNamespace(rounds=rounds, median_ns=statistics.median(times))
        return SimpleNamespace(
            name=name, counts=[count], void="", makes="", gil_enabled=True,
            interpreter="one", machine="here",
        )  # fmt: skip

    pair = [measured(n, [times[at] for times in PAIRS]) for at, n in enumerate("ab")]
    monkeypatch.setattr(callables, "measure_in_turn", lambda *_: pair)

    found = callables.in_turn(int, float, margin=0.03, rounds=None)

    assert found.ratio == pytest.approx(1.03)
    assert (found.a_ns, found.b_ns) == pytest.approx((200, 206))
    assert "a 200 ns, b 206 ns" in str(found)
