"""Sizes and scaling are listed after the table, and fit a terminal."""

from collections.abc import Callable

import pytest

from pybench.records.journal import JournalRow
from pybench.records.texts import size_text
from pybench.target.plugin.table_sections import (
    NO_INTERVAL,
    WIDTH,
    memory_lines,
    scaling_lines,
    size_lines,
)

Run = Callable[..., pytest.RunResult]

LONGEST = "test_benchmark_" + "x" * 37


def row(name: str, **extra_info: object) -> JournalRow:
    """Make a row of a suite that asks for our record."""
    return JournalRow(
        fullname=f"t.py::{name}",
        outcome="measured",
        name=name,
        extra_info={"pybench": {}, **extra_info},
    )


@pytest.mark.once
@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (64.0, "64 B"),
        (56.25, "56.2 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (65_000, "63.5 KiB"),
        (8 * 1024**2, "8 MiB"),
        (3 * 1024**4, "3072 GiB"),
        (-2048, "-2 KiB"),
    ],
)
def test_sizes_have_their_unit(size: float, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.once
def test_sizes_stand_behind_the_name_of_the_row() -> None:
    lines = size_lines(
        [
            row("test_b", bytes={"traced": 56.5, "uss": 2048}),
            row("test_long_one", bytes={"per_object": 64.0}),
        ]
    )

    assert lines == ["b         traced 56.5 B  uss 2 KiB", "long_one  per_object 64 B"]


@pytest.mark.once
def test_only_numbers_of_rows_of_ours_are_listed() -> None:
    """Another suite may mean something else by the word."""
    theirs = JournalRow(
        fullname="t.py::a", outcome="measured", name="a", extra_info={"bytes": {"x": 1}}
    )

    assert size_lines([theirs, row("b", bytes=3), row("c", bytes={})]) == []
    assert size_lines([row("d", bytes={"x": "1", "y": True, "z": 2})]) == ["d  z 2 B"]


@pytest.mark.once
def test_sizes_that_do_not_fit_go_on_below() -> None:
    """No pair is torn apart, and nothing is wider than the table may be."""
    names = [f"what_{number}_long" for number in range(12)]

    lines = size_lines([row(LONGEST, bytes=dict.fromkeys(names, 123456.7))])

    assert len(lines) > 2
    assert max(map(len, lines)) <= WIDTH
    for line in lines[1:]:
        assert line.startswith(" " * (len(LONGEST) - len("test_") + 2) + "what_")
        assert line.endswith(" KiB")


@pytest.mark.once
def test_speedups_stand_in_columns() -> None:
    facts = {"threads": 2, "speedup": 1.934, "control": 1.957, "own": 2.0, "rounds": 9}
    facts["per_second"] = 36_492_140.5

    lines = scaling_lines(
        [row("test_a", scaling=facts), row("test_b", scaling={"fairness": 1})]
    )

    assert [line.split() for line in lines[:-1]] == [
        ["threads", "speedup", "spread", "control", "fairness", "per", "s"],
        ["a", "2", "1.93", "-", "1.96", "-", "36.5M", "own", "2.00"],
        ["b", "-", "-", "-", "-", "1", "-"],
    ]
    assert lines[-1] == NO_INTERVAL
    assert scaling_lines([row("a")]) == []


@pytest.mark.once
def test_interval_of_processes_takes_the_place_of_the_spread() -> None:
    facts = {"threads": 2, "speedup": 1.5, "low": 1.4, "high": 1.6, "spread": 0.1}

    lines = scaling_lines([row("test_a", scaling=facts)])

    assert [line.split() for line in lines] == [
        ["threads", "speedup", "low", "high", "control", "fairness"],
        ["a", "2", "1.50", "1.40", "1.60", "-", "-"],
    ]


@pytest.mark.once
@pytest.mark.parametrize(
    ("taken", "text"), [((110, 120), "110 ns:"), ((112, 508), "112 to 508 ns:")]
)
def test_distance_of_the_cpus_is_told(taken: tuple[float, float], text: str) -> None:
    """By it what threads share costs, and it may change between two rows."""
    rows = [
        row(f"test_{index}", scaling={"speedup": 1.5, "low": 1, "message_ns": ns})
        for index, ns in enumerate(taken)
    ]

    assert f"between two of the CPUs and back took {text}" in scaling_lines(rows)[-1]

    found = {"speedup": 1.5, "message_ns": 111.0, "message_most_ns": 520.0}
    last = scaling_lines([row("test_a", scaling=found)])[-1]
    assert "and back took 111 to 520 ns" in last


@pytest.mark.once
def test_speedups_fit_the_terminal() -> None:
    """With the longest name, and more facts than a line holds."""
    facts = {"threads": 64, "speedup": 61.25, "per_second": 123456789.0} | {
        f"fact_{number}": 1234.5678 for number in range(9)
    }

    lines = scaling_lines([row(LONGEST, scaling=facts)])

    assert max(map(len, lines)) <= WIDTH


@pytest.mark.once
def test_memory_stands_in_columns_by_full_name() -> None:
    """What is not known is n/a; what is of no row is not listed."""
    memory = {
        "t.py::test_b": {
            "rss_peak_bytes": 2048,
            "rss_grown_bytes": -1024,
            "traced_peak_bytes": 64,
            "blocks_grown": 12345,
        },
        "t.py::test_a": {"traced_peak_bytes": 3 * 1024**2},
        "t.py::gone": {"traced_peak_bytes": 1},
    }

    lines = memory_lines([row("test_b"), row("test_a"), row("test_c")], memory)

    assert [line.split() for line in lines[2:]] == [
        ["a", "n/a", "n/a", "3", "MiB", "n/a"],
        ["b", "2", "KiB", "-1", "KiB", "64", "B", "12,345"],
    ]
    assert memory_lines([row("test_c")], memory) == []


@pytest.mark.once
def test_memory_fits_the_terminal() -> None:
    lines = memory_lines([row(LONGEST)], {f"t.py::{LONGEST}": {"blocks_grown": 1}})

    assert max(map(len, lines)) <= WIDTH


def test_sections_follow_the_table(pytester: pytest.Pytester, run: Run) -> None:
    """Rows out of the journal are in them too."""
    pytester.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.pybench(data_limit=10)

        def test_row(benchmark):
            benchmark.extra_info["bytes"] = {"per_object": 64.0}
            benchmark.extra_info["scaling"] = {"threads": 2, "speedup": 1.5}
            benchmark(int)

        def test_other(benchmark):
            benchmark(int)
        """
    )
    run("-k", "row")

    for result in (run("-k", "row"), run("--pybench-resume")):
        result.stdout.fnmatch_lines(
            [
                "* benchmark: * tests *",
                "-* sizes -*",
                "row  per_object 64 B",
                "-* scaling -*",
                "row         2      1.50         -         -         -         -",
                NO_INTERVAL,
                "=* pybench =*",
            ]
        )


@pytest.mark.once
def test_no_section_without_contents(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("def test_row(benchmark): benchmark(int)")

    result = run()

    result.stdout.no_fnmatch_line("-* sizes -*")
    result.stdout.no_fnmatch_line("-* scaling -*")
