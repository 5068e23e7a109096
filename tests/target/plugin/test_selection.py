"""Selectors, markers and the short list: what runs, on which budget, what is n/a."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pybench.target.plugin.marking import skip_without_free_threading
from pybench.target.plugin.selection import Place, matches, near
from pybench.target.process.identity import (
    count_affinity,
    gil_enabled,
    is_free_threaded,
)

Run = Callable[..., pytest.RunResult]

SUITE = """
import pytest

@pytest.mark.quick
def test_short(benchmark):
    benchmark(int)

@pytest.mark.quick
@pytest.mark.benchmark(max_time=0.01, group="ours")
def test_cheap(benchmark):
    benchmark(int)

@pytest.mark.slow
def test_long(benchmark):
    benchmark(int)

def test_plain():
    pass
"""


def rows(pytester: pytest.Pytester) -> dict[str, dict[str, Any]]:
    """Return the saved rows by name."""
    document = json.loads((pytester.path / "out.json").read_text())
    return {row["name"]: row for row in document["benchmarks"]}


@pytest.mark.once
def test_quick_runs_the_marked_rows_on_a_small_budget(
    pytester: pytest.Pytester,
) -> None:
    """A row that has less already keeps it, and its other settings."""
    pytester.makepyfile(SUITE)

    result = pytester.runpytest("--pybench-quick", "--benchmark-json=out.json")

    result.assert_outcomes(passed=2, deselected=2)
    saved = rows(pytester)
    assert saved["test_short"]["options"]["max_time"] == 0.1
    assert saved["test_cheap"]["options"]["max_time"] == 0.01
    assert saved["test_cheap"]["group"] == "ours"


@pytest.mark.usefixtures("native")
def test_quick_kernel_rows_keep_their_clock(pytester: pytest.Pytester) -> None:
    """The budget's marker does not take the kernel's timer away."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.quick
        def test_row(kernel):
            kernel("yardstick_alu", iterations=100)
        """
    )

    result = pytester.runpytest("--pybench-quick", "--benchmark-json=out.json")

    result.assert_outcomes(passed=1)
    (row,) = rows(pytester).values()
    assert row["options"]["timer"] == "stopwatch"
    assert row["options"]["max_time"] == 0.1


@pytest.mark.once
def test_quick_obeys_a_budget_of_the_user(pytester: pytest.Pytester, run: Run) -> None:
    """What is said on the command line wins, as everywhere."""
    pytester.makepyfile(SUITE)

    run("--pybench-quick", "--benchmark-max-time=0.02", "--benchmark-json=out.json")

    assert rows(pytester)["test_short"]["options"]["max_time"] == 0.02


@pytest.mark.once
def test_quick_without_quick_rows_is_a_usage_error(
    pytester: pytest.Pytester, run: Run
) -> None:
    """A suite that knows nothing of it is not run in silence, nor skipped."""
    pytester.makepyfile("def test_row(benchmark): benchmark(int)")

    result = run("--pybench-quick")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --pybench-quick: none of the 1 tests collected here is marked quick*"]
    )


@pytest.mark.parametrize("words", ["n=1", "1"])
def test_threads_are_recorded(pytester: pytest.Pytester, run: Run, words: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.threads({words})
        def test_row(benchmark):
            benchmark(int)
        """
    )

    run("--strict-markers", "--benchmark-json=out.json").assert_outcomes(passed=1)

    (row,) = rows(pytester).values()
    assert row["extra_info"] == {"threads": 1, "oversubscribed": False}


@pytest.mark.once
def test_more_threads_than_usable_cpus_are_labelled(
    pytester: pytest.Pytester, run: Run
) -> None:
    """Counted as well; and the same for a row of ours that only says its threads."""
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.threads({count_affinity() + 1})
        def test_marked(benchmark):
            benchmark(int)

        @pytest.mark.pybench(data_limit=10)
        def test_ours(benchmark):
            benchmark.extra_info["threads"] = {count_affinity() + 1}
            benchmark(int)

        def test_theirs(benchmark):
            benchmark.extra_info["threads"] = {count_affinity() + 1}
            benchmark(int)
        """
    )

    result = run("--benchmark-json=out.json")

    result.stdout.fnmatch_lines(["pybench: 3 rows measured*2 oversubscribed*"])
    saved = rows(pytester)
    assert saved["test_marked"]["extra_info"]["oversubscribed"] is True
    assert saved["test_ours"]["extra_info"]["oversubscribed"] is True
    assert "oversubscribed" not in saved["test_theirs"]["extra_info"]


@pytest.mark.once
@pytest.mark.parametrize("words", ["", "0", "'2'", "2, 2", "threads=2", "True"])
def test_odd_count_of_threads_is_a_usage_error(
    pytester: pytest.Pytester, run: Run, words: str
) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.threads({words})
        def test_row(benchmark):
            benchmark(int)
        """
    )

    result = run()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *test_row: the marker is threads(n)*"])


NEEDY = """
import pytest

@pytest.mark.requires_ft
def test_row(benchmark):
    benchmark(int)
"""


def test_free_threading_is_required(pytester: pytest.Pytester, run: Run) -> None:
    """The row is measured with the GIL off, else n/a with the reason."""
    pytester.makepyfile(NEEDY)

    result = run("--strict-markers")

    if not gil_enabled():
        result.assert_outcomes(passed=1)
        return
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["pybench: 0 rows measured, 1 n/a*", "  n/a: needs *"])


@pytest.mark.skipif(not is_free_threaded(), reason="the GIL of this build is always on")
def test_gil_that_the_user_wants_makes_the_row_not_available(
    pytester: pytest.Pytester, run_process: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(NEEDY)
    monkeypatch.setenv("PYTHON_GIL", "1")

    result = run_process()

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["  n/a: needs the GIL off, *started with it on*"])


def test_gil_that_a_module_turned_on_is_not_called_not_available(
    request: pytest.FixtureRequest,
) -> None:
    """The row runs into the watch instead, which names the module."""
    request.node.add_marker("requires_ft")

    skip_without_free_threading(request.node, gil_was_turned_on=True)

    assert request.node.get_closest_marker("skip") is None


PLACES: list[Place] = [
    ("gil", "gil", "release[1]"),
    ("gil", "gil", "release[2]"),
    ("memory", "counters", "false_sharing_padded"),
    ("memory", "ordering", "stride[64]"),
    ("threading", "locks", "uncontended"),
]


@pytest.mark.once
@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("gil", [0, 1]),
        ("gil/", [0, 1]),
        ("gil/gil", [0, 1]),
        ("gil/gil/release", [0, 1]),
        ("gil/gil/release[2]", [1]),
        ("gil/*/rel*", [0, 1]),
        ("memory/ordering/*", [3]),
        ("*/locks", [4]),
        ("memory/*/false_sharing*", [2]),
        ("*", [0, 1, 2, 3, 4]),
        ("[gm]*", [0, 1, 2, 3]),
        ("GIL", []),
        ("locks", []),
        ("gi", []),
    ],
)
def test_selector_matches(selector: str, found: list[int]) -> None:
    """Each part is a glob of its own, and what is left out is everything."""
    assert [n for n, place in enumerate(PLACES) if matches(selector, place)] == found


@pytest.mark.once
def test_near_matches_are_offered_else_what_there_is() -> None:
    assert near("locks", PLACES).startswith("near: */locks")
    assert "memory/ordering/stride" in near("memory/ordering/strid", PLACES)
    assert near("zzz", PLACES) == "categories here: gil, memory, threading"


@pytest.fixture
def suite(pytester: pytest.Pytester) -> None:
    """Lay out two categories."""
    for category, area in (("gil", "gil"), ("threading", "locks")):
        folder = pytester.mkdir(category)
        (folder / f"test_{area}.py").write_text(
            f"def test_benchmark_{category}_first(benchmark): benchmark(int)\n"
            f"def test_benchmark_{category}_second(benchmark): benchmark(int)\n"
        )


@pytest.mark.usefixtures("suite")
def test_selectors_add_up(run: Run) -> None:
    result = run("--pybench-select=gil/gil/first", "--pybench-select=*/locks", "-v")

    result.assert_outcomes(passed=3, deselected=1)


@pytest.mark.once
@pytest.mark.usefixtures("suite")
def test_selector_and_stock_selection_both_hold(run: Run) -> None:
    run("--pybench-select=gil", "-k", "second").assert_outcomes(passed=1, deselected=3)


@pytest.mark.once
@pytest.mark.usefixtures("suite")
@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("locks", "ERROR: no benchmark matches 'locks'; near: [*]/locks*"),
        ("gil/gil/thirst", "ERROR: no benchmark matches 'gil/gil/thirst'; near: *"),
        ("", "ERROR: '' is no selector: it is category/area/operation*"),
        ("a/b/c/d", "ERROR: 'a/b/c/d' is no selector: *"),
    ],
)
def test_selector_without_a_match_is_a_usage_error(
    run: Run, selector: str, message: str
) -> None:
    """Though another one has matches: a slip must not leave rows out in silence."""
    result = run("--pybench-select=gil", f"--pybench-select={selector}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert "Traceback" not in result.stderr.str()
