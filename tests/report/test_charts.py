"""Charts: valid for the grammar, drawn, with the numbers of what they show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("altair", reason="n/a: altair is not installed here")
pytest.importorskip("vl_convert", reason="n/a: vl-convert is not installed here")

import altair

from pybench.comparison.contents import profile_of
from pybench.comparison.pair_details import details
from pybench.comparison.speed_ups import speed_ups
from pybench.records.contents import Contents
from pybench.report.charts import charts_of
from pybench.report.charts.chart import VIEWS, Chart
from pybench.report.charts.drawing import svg_of
from pybench.report.charts.forest import MOST_DRAWN, telling
from pybench.report.charts.looks import looks_of
from pybench.report.charts.opened_row import AROUND, COPY, PAIRS, WARM_UP, row_spec

MEAN = {"value": 3.0, "low": 2.0, "high": 4.0, "repeats": 3}
TIMES = {"mean_ns": 2e6, "half_ns": 1e5, "processes": 3}
CLOCKS = {"wall": TIMES, "cpu": TIMES}
MODULE: dict[str, Any] = {
    "name": "a.module",
    "warm": {"own": TIMES, "total": {**TIMES, "mean_ns": 6e6}},
    "children": [
        {"name": "a.child", "warm": {"own": TIMES, "total": TIMES}, "children": []}
    ],
}
PAUSES = {"count": 3, "p50_ns": 1e5, "p95_ns": 2e5, "p99_ns": 3e5, "max_ns": 4e5}
MEMORY = {"min": 2**20, "avg": 2**21, "max": 2**22}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "profile-memory": {
        "interpreter": {"label": "3.14"},
        "rows": [
            {"fullname": "test_a.py::test_one", "means": {"rss_peak": MEAN}},
            {"fullname": "test_a.py::test_two", "means": {"traced_peak": MEAN}},
        ],
        "each": [
            {"kind": "thread", "bytes": MEAN, "problem": ""},
            {"kind": "interpreter", "bytes": None, "problem": "not before 3.12"},
        ],
    },
    "profile-gc": {
        "interpreter": {"label": "3.14"},
        "collector": {"kind": "generational", "meaning": "three generations"},
        "cells": [
            {
                "cell": {"shape": "tree", "size": 10_000, "mode": "on"},
                "automatic": PAUSES,
                "asked": None,
            }
        ],
    },
    "imports": {
        "module": "a.module",
        "python": "3.14.0 (somewhere)",
        "startup": {"interpreter": CLOCKS, "site": CLOCKS, "whole process": CLOCKS},
        "tree": [MODULE],
        "repeats": 3,
        "modules": 2,
        **dict.fromkeys(("warm", "cold", "compiling", "observed"), CLOCKS),
    },
    "scenario": {
        "environment": {
            "scenario": "cpu", "workers": 2, "mode": "threads", "python": "3.14.0",
            "gil_enabled": False,
        },
        "result": {
            "iterations_done": 10,
            **{f"{one}_iter_s": 0.01 for one in ("avg", "p50", "p95", "p99", "max")},
            "overhead_iter_s": 1e-5,
            "memory": {
                "rss": MEMORY, "uss": MEMORY, "pss": {"reason": "no permission"},
                "course": [[0.0, 2**20, 2**19, None], [0.05, 2**21, 2**19, None]],
            },
        },
    },
    "scenario-comparison": {
        "sides": [{"name": "threads"}, {"name": "processes"}],
        "row": "avg_iter_s",
        "pairs": [[0.01, 0.02], [0.01, 0.021]],
        "verdict": {"word": "slower", "ratio": 2.05, "low": 2.0, "high": 2.1},
    },
    "bottleneck": {
        "target": "a.py",
        "causes": [
            {
                "name": "bytecode",
                "share": {"low": 0.7, "value": 0.8, "high": 0.9},
                "evidence": "CPU time",
            }
        ],
        "verdict": {"cause": "bytecode", "evidence": "CPU time"},
    },
    "scaling": {
        "schema": 2,
        "profiles": [
            {
                "target": "work.py:count",
                "interpreter": {"label": "3.14t"},
                "processes": 3,
                "points": [
                    {
                        "threads": 2,
                        "by_work": {"shared": MEAN, "control": MEAN},
                        "processes": MEAN,
                    }
                ],
                "diagnosis": {"cause": "scales", "what": "all", "evidence": ["this"]},
            },
            {
                "target": "work.py:count",
                "interpreter": {"label": "3.14"},
                "processes": 3,
                "points": [],
                "diagnosis": {"cause": "cannot tell"},
            },
        ]
    },
    "machine": {
        "topology": {"model": "A CPU", "cpus": [0, 1]},
        "processes": 3,
        "clock_cost_ns": 20.0,
        "clock_step_ns": 1.0,
        "latencies": [
            {"kib": 4, "fits": "L1", "ns": MEAN},
            {"kib": 8, "fits": "L1", "ns": None},
        ],
        "bandwidths": [{"operation": "read", "threads": 1, "gb_per_s": MEAN}],
        "neighbours": [{"distance_bytes": 8, "ns": None}],
        "distances": [{"cpus": [0, 1], "ns": MEAN}],
        "contention": [{"threads": 2, "private_ns": MEAN, "shared_ns": MEAN}],
    },
    "doctor": {
        "fit": False,
        "findings": [
            dict.fromkeys(("name", "state", "now", "cost", "advice"), "a word")
        ],
    },
    "profile": {
        "interpreter": "3.14",
        "rows": [
            {
                "fullname": "test_a.py::test_one",
                "rss_peak_bytes": 2**20,
                "traced_peak_bytes": None,
                "functions": [{"name": "f"}],
            }
        ],
    },
}  # fmt: skip


def of_profile(kind: str) -> list[Chart]:
    """Return the charts of one kind of record."""
    document = {"pybench": kind, "schema": 1, **DOCUMENTS[kind]}
    profile = profile_of(document, Path("a-name.json"))
    return charts_of(Contents(title="a title", profiles=(profile,)))


def valid(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a specification that altair's schema and JSON have nothing against."""
    altair.Chart.from_dict(dict(spec))
    found: dict[str, Any] = json.loads(json.dumps(spec, allow_nan=False))
    return found


def texts(svg: str) -> list[str]:
    """Return the texts of a drawing."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_kind_of_record_is_drawn_or_a_table(kind: str) -> None:
    charts = of_profile(kind)

    assert charts
    for chart in charts:
        assert chart.view in VIEWS
        assert chart.rows
        assert {len(row) for row in chart.rows} == {len(chart.columns)}
        if chart.spec is not None:
            assert texts(svg_of(valid(chart.spec)))


def test_charts_of_a_run_stand_in_the_order_of_questions(
    reported: Callable[..., Any],
) -> None:
    contents = reported(contenders={"3.14t": True, "3.15": False})

    charts = charts_of(contents)

    views = [chart.view for chart in charts]
    assert views == sorted(views, key=VIEWS.index)
    assert {"forest", "parts", "method"} <= {*views}
    for chart in charts:
        assert chart.spec is not None
        assert texts(svg_of(valid(chart.spec)))


def test_forest_has_the_largest_changes_with_their_intervals(
    reported: Callable[..., Any],
) -> None:
    contents = reported()
    assert contents.summary is not None

    forest = charts_of(contents)[0]

    assert forest.spec is not None
    values = forest.spec["data"]["values"]
    known = {row.row.rpartition("_")[2]: row for row in contents.summary.rows}
    assert [one["name"].rpartition("_")[2] for one in values][:2] == [
        "slower",
        "faster",
    ]
    for one in values:
        row = known[one["name"].rpartition("_")[2]]
        assert (one["ratio"], one["low"], one["high"]) == (row.ratio, row.low, row.high)
    assert len(values) == 4  # a row that is n/a has no ratio


def test_forest_is_cut_and_says_so(reported: Callable[..., Any]) -> None:
    rows = {f"benchmarks/a/test_a.py::test_{number}": 1.2 for number in range(60)}
    contents = reported(rows, pairs=8)
    assert contents.summary is not None

    forest = charts_of(contents)[0]

    assert len(telling(contents.summary.rows)) == MOST_DRAWN
    assert f"{MOST_DRAWN} largest changes of 60 rows" in forest.description


def test_sides_of_one_version_differ_in_shape_and_versions_in_hue() -> None:
    looks = looks_of(
        [
            ("a", "CPython 3.14.1", True),
            ("b", "CPython 3.14.1", True),
            ("t", "CPython 3.14.1 free-threaded", False),
            ("new", "CPython 3.15.0", True),
        ]
    )

    assert len({look.hue for look in looks[:3]}) == 1
    assert len({look.shape for look in looks[:3]}) == 3
    assert looks[3].hue != looks[0].hue
    assert looks[0].dash == looks[1].dash != looks[2].dash


@pytest.mark.parametrize(
    ("numbers", "one_ns", "two_ns", "wanted"),
    [
        # Threads of a kernel do all iterations each; other rows share them out.
        ({"count": 1, "iterations": 10}, 1.0, 1.0, 2.0),
        ({"count": 1, "iterations": 10}, 1.0, 2.0, 1.0),
        ({"count": 1}, 1.0, 0.5, 2.0),
        ({"count": 1}, 1.0, 1.0, 1.0),
    ],
)
def test_speed_up_is_what_more_threads_do_in_the_same_time(
    reported: Callable[..., Any],
    numbers: dict[str, int],
    one_ns: float,
    two_ns: float,
    wanted: float,
) -> None:
    from dataclasses import replace

    rows = [f"benchmarks/gil/test_a.py::test_benchmark_gil_a[x-{n}]" for n in (1, 2)]
    contents = reported(dict.fromkeys(rows, 1.0))
    assert contents.summary is not None
    assert contents.run is not None
    run = replace(
        contents.run,
        rows={
            name: replace(contents.run.rows[name], threads=threads, numbers=numbers)
            for threads, name in enumerate(rows, 1)
        },
    )
    times = dict(zip(rows, (one_ns, two_ns), strict=True))
    summary = replace(
        contents.summary,
        rows=tuple(
            replace(row, baseline_ns=times[row.row], side_ns=times[row.row])
            for row in contents.summary.rows
        ),
    )

    found = speed_ups(run, summary)

    assert {one.pattern for one in found} == {rows[0].replace("-1]", "]")}
    assert {one.arm for one in found} == {"3.13", "3.14t"}
    assert {one.speed_up for one in found if one.threads == 2} == {wanted}
    assert {one.speed_up for one in found if one.threads == 1} == {1.0}


def test_opened_row_is_drawn_from_its_pairs(recorded: Callable[..., Any]) -> None:
    found = details(recorded())
    own, copy = (
        next(
            one
            for one in found
            if one.row.endswith("slower") and one.is_twin is is_twin
        )
        for is_twin in (False, True)
    )
    base, side = looks_of(
        [("3.13", "3.13", True), ("3.14t", "3.14 free-threaded", False)]
    )

    pairs = [
        {"series": name, "pair": of.pair, "ratio": of.ratio, "first": of.first}
        for name, detail in (("3.14t", own), (COPY, copy))
        for of in detail.pairs
    ]
    warm_up = [
        {"side": "3.14t", "sample": sample, "relative": relative}
        for sample, relative in enumerate(own.warm_up.side)
    ]
    spec = row_spec(side, base, 0.03, pairs=pairs, warm_up=warm_up)

    assert {*spec["datasets"]} == {PAIRS, WARM_UP, AROUND}
    assert "A/A control" in texts(svg_of(valid(spec)))


@pytest.mark.once
def test_equal_patterns_of_two_files_have_speed_ups_of_their_own(
    reported: Callable[..., Any],
) -> None:
    """Also where one of them has more threads than the other."""
    from dataclasses import replace

    of_file = {"one": (1, 2), "two": (1, 2, 4)}
    threads = {
        f"bench/{folder}/test_a.py::test_a[x-{n}]": n
        for folder, counts in of_file.items()
        for n in counts
    }
    contents = reported(dict.fromkeys(threads, 1.0), pairs=2, twin=False)
    run = replace(
        contents.run,
        rows={r: replace(contents.run.rows[r], threads=n) for r, n in threads.items()},
    )

    found = speed_ups(run, contents.summary)

    assert {(one.pattern, one.threads) for one in found} == {
        (f"bench/{folder}/test_a.py::test_a[x]", n)
        for folder, counts in of_file.items()
        for n in counts
    }
