"""pytest-benchmark's own options keep working for plain rows beside the plugin."""

import importlib.util
import json
from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]

SUITE = """
import pytest

@pytest.mark.benchmark(group="letters")
@pytest.mark.parametrize("size", [1, 2])
def test_join(benchmark, size):
    assert benchmark("".join, ["a"] * size) == "a" * size

@pytest.mark.benchmark(group="numbers")
def test_sum(benchmark):
    assert benchmark.pedantic(sum, args=((1, 2),), rounds=7, iterations=3) == 3
"""


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester) -> None:
    """Make a suite of plain rows."""
    pytester.makepyfile(SUITE)


def test_json_has_every_row(pytester: pytest.Pytester, run: Run) -> None:
    result = run("--benchmark-json=out.json")

    result.assert_outcomes(passed=3)
    document = json.loads((pytester.path / "out.json").read_text())
    rows = {row["name"]: row for row in document["benchmarks"]}
    assert list(rows) == ["test_join[1]", "test_join[2]", "test_sum"]
    assert rows["test_sum"]["stats"]["iterations"] == 3
    assert len(rows["test_sum"]["stats"]["data"]) == 7
    assert rows["test_sum"]["options"]["timer"] == "perf_counter"


@pytest.mark.once
@pytest.mark.skipif(
    importlib.util.find_spec("pygal") is None, reason="histograms need pygal"
)
def test_histogram_draws_a_file_per_group(
    pytester: pytest.Pytester, run_process: Run
) -> None:
    result = run_process("--benchmark-histogram=drawn")

    result.assert_outcomes(passed=3)
    names = sorted(path.name for path in pytester.path.glob("*.svg"))
    assert names == ["drawn-letters.svg", "drawn-numbers.svg"]


@pytest.mark.once
def test_group_by_makes_its_groups(run: Run) -> None:
    by_group = run()
    by_func = run("--benchmark-group-by=func")

    by_group.stdout.fnmatch_lines(["*benchmark 'letters': 2 t*", "*'numbers': 1 t*"])
    by_func.stdout.fnmatch_lines(["*benchmark 'test_join': 2*", "*'test_sum': 1 t*"])


@pytest.mark.once
def test_autosave_saves_into_the_storage(pytester: pytest.Pytester, run: Run) -> None:
    run("--benchmark-autosave", "--benchmark-storage=store")

    (saved,) = pytester.path.glob("store/*/0001_*.json")
    assert len(json.loads(saved.read_text())["benchmarks"]) == 3


def test_disable_runs_each_row_once(pytester: pytest.Pytester, run: Run) -> None:
    result = run("--benchmark-disable", "--benchmark-json=out.json")

    result.assert_outcomes(passed=3)
    assert not (pytester.path / "out.json").exists()
    result.stdout.fnmatch_lines(["pybench: 0 rows measured, 3 run without measuring*"])


@pytest.mark.once
def test_skip_and_only_keep_their_meaning(run: Run) -> None:
    run("--benchmark-skip").assert_outcomes(skipped=3)
    run("--benchmark-only").assert_outcomes(passed=3)


@pytest.mark.once
def test_timer_and_precision_are_for_plain_rows(
    pytester: pytest.Pytester, run: Run
) -> None:
    result = run(
        "--benchmark-timer=time.process_time",
        "--benchmark-precision=0.5",
        "--benchmark-min-time=0.00001",
        "--benchmark-warmup=on",
        "--benchmark-warmup-iterations=10",
        "--benchmark-disable-gc",
        "--benchmark-json=out.json",
    )

    result.assert_outcomes(passed=3)
    document = json.loads((pytester.path / "out.json").read_text())
    options = document["benchmarks"][0]["options"]
    assert options["timer"] == "process_time"
    assert options["disable_gc"] is True


def test_profile_works_on_plain_rows(run: Run) -> None:
    result = run("--benchmark-cprofile=tottime")

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*cProfile (time in s)*"])


@pytest.mark.usefixtures("native")
def test_profile_works_on_a_kernel_row(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_native="""
        def test_pair(kernel):
            kernel("refcount_pair", target="owned", rounds=3)
        """
    )

    result = run("--benchmark-cprofile=tottime", "test_native.py")

    result.assert_outcomes(passed=1)


@pytest.mark.once
def test_a_regression_still_fails_with_the_summary(
    pytester: pytest.Pytester, run_process: Run
) -> None:
    result = run_process("--benchmark-compare-fail=min:1%")

    assert result.ret != 0
    result.stdout.fnmatch_lines(["pybench: 3 rows measured*"])


@pytest.mark.once
def test_a_warning_at_the_end_is_a_note_even_as_an_error(run_process: Run) -> None:
    result = run_process("-Werror", "-k", "nothing", "--benchmark-json=out.json")

    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    result.stdout.fnmatch_lines(["*note: Not saving anything, no benchmarks*"])
