"""The default table fits 110 columns, and saved rows stay small."""

import json
from collections.abc import Callable

import pytest

from pybench.target.plugin.table import (
    COLUMN_CHOICES,
    WIDTH,
    fit_columns,
    table_width,
    thin,
)

Run = Callable[..., pytest.RunResult]

# 52 characters, the longest name a row of ours may have.
LONGEST = "test_benchmark_interpreter_" + "x" * 25

SUITE = f"""
import pytest

pytestmark = pytest.mark.pybench(data_limit=200)

def row(name, *values):
    def test(benchmark):
        rest = iter(values * 3)
        clock = [0.0]
        benchmark._timer = lambda: clock[0]
        def call():
            clock[0] += next(rest)
        benchmark.pedantic(call, rounds=len(values) * 3)
    return pytest.mark.benchmark(group="wide")(test)

{LONGEST} = row("a", 1e-9, 2.5e-9, 4e-9)
{LONGEST[:-1]}z = row("b", 1e-9, 1.5e-4, 1.234567890e-4)
test_alone = row("c", 2e-9)
"""


def table_lines(result: pytest.RunResult) -> list[str]:
    """Return the lines of the stock tables."""
    lines = result.outlines
    start = next(
        i for i, line in enumerate(lines) if line.startswith("--") and ":" in line
    )
    end = lines.index("Legend:")
    return lines[start:end]


@pytest.mark.once
@pytest.mark.parametrize(
    ("count", "limit", "expected"),
    [(3, 5, [0, 1, 2]), (5, 5, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (9, 1, [0])],
)
def test_thins_evenly_and_keeps_the_ends(
    count: int, limit: int, expected: list[int]
) -> None:
    assert thin(range(count), limit) == expected


@pytest.mark.once
def test_thinning_never_exceeds_the_limit() -> None:
    for limit in range(2, 60):
        values = thin(range(997), limit)

        assert len(set(values)) == limit
        assert values == sorted(values)
        assert (values[0], values[-1]) == (0, 996)


@pytest.mark.once
def test_rejects_a_limit_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        thin([1.0], 0)


@pytest.mark.once
def test_takes_the_most_columns_that_fit() -> None:
    rows = [{"median": 1e-9, "iqr": 1e-9, "rounds": 200}] * 2
    widths = [table_width(["x" * 52], rows, choice, 1e9) for choice in COLUMN_CHOICES]

    for choice, width in zip(COLUMN_CHOICES, widths, strict=True):
        assert fit_columns([(["x" * 52], rows)], [1e9], width) == choice
    assert fit_columns([(["x" * 52], rows)], [1e9], 10) == COLUMN_CHOICES[-1]


def test_default_table_fits(pytester: pytest.Pytester, run: Run) -> None:
    assert len(LONGEST) == 52
    pytester.makepyfile(SUITE)

    lines = table_lines(run())

    assert max(map(len, lines)) <= WIDTH
    assert any(LONGEST.removeprefix("test_") in line for line in lines)
    assert any("123,456.7890" in line for line in lines)
    assert [line.split()[4:] for line in lines if line.startswith("Name")] == [
        ["Median", "IQR", "Rounds"]
    ]


@pytest.mark.once
def test_compared_table_fits_and_keeps_pairs_together(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)
    run("--benchmark-save=baseline")

    lines = table_lines(run("--benchmark-compare=baseline"))

    assert max(map(len, lines)) <= WIDTH
    names = [line.split(" (")[0] for line in lines if "(0001)" in line or "NOW" in line]
    assert len(names) == 6
    assert names[0::2] == names[1::2]
    # Sorted by name the slowest row may come first; the unit is the fastest row's.
    assert lines[1].startswith("Name (time in ns)")


@pytest.mark.once
def test_predicted_width_is_the_printed_one(
    pytester: pytest.Pytester, run: Run
) -> None:
    """Guards what is known here of the stock table."""
    pytester.makepyfile(SUITE)
    result = run("--benchmark-json=out.json")
    document = json.loads((pytester.path / "out.json").read_text())
    rows = [row["stats"] for row in document["benchmarks"]]
    names = [row["name"].removeprefix("test_") for row in document["benchmarks"]]

    lines = table_lines(result)

    assert len(lines[0]) == table_width(names, rows, COLUMN_CHOICES[0], 1e9)


@pytest.mark.once
def test_legend_explains_what_is_shown_and_says_how_to_see_the_rest(
    pytester: pytest.Pytester, run: Run
) -> None:
    """By default, with what the footer says, and with other columns."""
    pytester.makepyfile(SUITE)

    default = legend_lines(run())
    (option,) = [line.split(": ")[1] for line in default if "--benchmark" in line]
    common = run(option)
    others = legend_lines(run("--benchmark-columns=min,ops,outliers"))

    assert [line.partition(":")[0].strip() for line in default] == [
        *("IQR", "min, max, mean, stddev"),
    ]
    header = next(line for line in table_lines(common) if line.startswith("Name"))
    assert header.split()[4:8] == ["Min", "Max", "Mean", "StdDev"]
    assert [line.partition(":")[0].strip() for line in legend_lines(common)] == ["IQR"]
    assert [line.partition(":")[0].strip() for line in others] == [
        *("max, mean, stddev", "Outliers", "OPS"),
    ]


def legend_lines(result: pytest.RunResult) -> list[str]:
    """Return the lines of the legend."""
    lines = result.outlines
    begin = lines.index("Legend:") + 1
    end = next(n for n in range(begin, len(lines)) if not lines[n].startswith("  "))
    return lines[begin:end]


@pytest.mark.once
def test_legend_of_other_suites_is_the_stock_one(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile("def test_row(benchmark):\n    benchmark(sum, (1, 2))\n")

    lines = legend_lines(run("--benchmark-columns=min"))

    assert [line.partition(":")[0].strip() for line in lines] == ["Outliers", "OPS"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("option", "header"),
    [
        ("--benchmark-columns=min,ops", "Min*OPS*"),
        ("--benchmark-name=long", "Median*"),
        ("--benchmark-sort=name", "Median*IQR*Rounds*"),
    ],
)
def test_what_the_user_says_stays(
    pytester: pytest.Pytester, run: Run, option: str, header: str
) -> None:
    pytester.makepyfile(SUITE)

    result = run(option)

    result.stdout.fnmatch_lines([f"Name (time in ns)*{header}"])
    if "long" in option:
        result.stdout.fnmatch_lines(["test_what*.py::test_alone*"])
    if "sort" in option:
        result.stdout.fnmatch_lines(["alone*", "*xx *", "*xz *"])


@pytest.mark.once
def test_option_in_the_ini_file_stays(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(SUITE)
    pytester.makeini("[pytest]\naddopts = --benchmark-columns=min\n")

    header = next(line for line in table_lines(run()) if line.startswith("Name"))

    assert header.split()[4:] == ["Min"]


@pytest.mark.once
def test_table_of_other_suites_is_the_stock_one(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile("def test_row(benchmark):\n    benchmark(sum, (1, 2))\n")

    lines = table_lines(run())

    header = next(line for line in lines if line.startswith("Name"))
    assert header.split()[4:6] == ["Min", "Max"]
    assert any(line.startswith("test_row ") for line in lines)


@pytest.mark.once
def test_raw_data_of_other_suites_is_whole(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("def test_row(benchmark):\n    benchmark(sum, (1, 2))\n")

    run("--benchmark-json=out.json", "--benchmark-min-rounds=500")

    (row,) = json.loads((pytester.path / "out.json").read_text())["benchmarks"]
    assert len(row["stats"]["data"]) == row["stats"]["rounds"] >= 500
    assert row["extra_info"] == {}


@pytest.mark.once
def test_saved_row_of_ours_stays_below_20_kb(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.pybench(data_limit=200)
        @pytest.mark.parametrize("threads", [2])
        def test_row(benchmark, threads):
            benchmark(sum, (1, 2))
        """
    )

    # With both files the hook that thins is called twice.
    options = (
        "--benchmark-json=out.json",
        "--benchmark-save=a",
        "--benchmark-save-data",
    )
    run(*options, "--benchmark-min-rounds=5000")

    (save,) = pytester.path.glob(".benchmarks/*/0001_a.json")
    for path in (pytester.path / "out.json", save):
        (row,) = json.loads(path.read_text())["benchmarks"]
        assert len(json.dumps(row, indent=4)) < 20_000
        assert len(row["stats"]["data"]) == 200
        assert row["extra_info"]["pybench"]["raw_values"] == row["stats"]["rounds"]
        assert row["stats"]["rounds"] >= 5000


@pytest.mark.usefixtures("native")
def test_saved_kernel_row_stays_below_20_kb(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.pybench(data_limit=200)
        def test_row(kernel):
            kernel("counters_increment", threads=2, rounds=200, iterations=1000)
        """
    )

    run("--benchmark-json=out.json")

    (row,) = json.loads((pytester.path / "out.json").read_text())["benchmarks"]
    assert len(json.dumps(row, indent=4)) < 20_000
    assert row["stats"]["rounds"] > 1


@pytest.mark.once
@pytest.mark.parametrize(
    "marker",
    [
        "pybench",
        "pybench()",
        "pybench(200)",
        "pybench(data_limit=0)",
        "pybench(data_limit=True)",
        "pybench(limit=3)",
    ],
)
def test_marker_that_says_nothing_clear_is_refused(
    pytester: pytest.Pytester, marker: str
) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.{marker}
        def test_row(benchmark):
            benchmark(sum, (1, 2))
        """
    )

    result = pytester.runpytest_inprocess()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *::test_row: the marker is pybench(data_l*"])
