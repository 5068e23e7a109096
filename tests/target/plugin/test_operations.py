"""A row that repeats its operation in each call shows the time of one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., pytest.RunResult]

SUITE = """
import pytest

def row(*marks, operations=None):
    def test(benchmark):
        clock = [0.0]
        benchmark._timer = lambda: clock[0]
        def call():
            clock[0] += 4e-6
        if operations is not None:
            benchmark.extra_info["operations"] = operations
        benchmark.pedantic(call, rounds=6, iterations=2)
    for mark in marks:
        test = mark(test)
    return test

ours = pytest.mark.pybench(data_limit=4)
test_ours_repeats = row(ours, operations=1000)
test_ours_does_not = row(ours)
test_other_suite = row(operations=1000)
"""


def saved_rows(pytester: pytest.Pytester) -> dict[str, dict[str, Any]]:
    """Return the saved rows by name."""
    saved = json.loads((pytester.path / "out.json").read_text(encoding="utf-8"))
    return {row["name"]: row for row in saved["benchmarks"]}


def test_the_time_of_one_operation_is_shown(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)

    result = run("--benchmark-json=out.json")

    assert result.ret == 0
    rows = saved_rows(pytester)
    medians = {name: row["stats"]["median"] for name, row in rows.items()}
    assert medians == pytest.approx(
        {
            "test_ours_repeats": 4e-9,
            "test_ours_does_not": 4e-6,
            "test_other_suite": 4e-6,
        }
    )
    assert rows["test_ours_repeats"]["stats"]["data"] == pytest.approx([4e-9] * 4)
    counts = {name: row["stats"]["iterations"] for name, row in rows.items()}
    assert counts == {
        "test_ours_repeats": 2000,
        "test_ours_does_not": 2,
        "test_other_suite": 2,
    }


@pytest.mark.once
def test_a_resumed_row_is_not_divided_again(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)
    run("-k", "ours_repeats")
    journal = next(pytester.path.glob(".benchmarks/*/journal.jsonl"))
    # As if the process had been killed before it could say that it was complete.
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:2]), encoding="utf-8")

    run("--pybench-resume", "--benchmark-json=out.json")

    row = saved_rows(pytester)["test_ours_repeats"]
    assert row["stats"]["median"] == pytest.approx(4e-9)


@pytest.mark.once
def test_a_count_that_is_none_is_named(pytester: pytest.Pytester, run: Run) -> None:
    bad = ("0", "-3", "1.5", "True", "'many'")
    rows = [f"test_{i} = row(ours, operations={n})" for i, n in enumerate(bad)]
    pytester.makepyfile("\n".join([SUITE, *rows]))

    result = run("-k", " or ".join(f"test_{i}" for i in range(len(bad))))

    result.assert_outcomes(failed=len(bad))
    result.stdout.fnmatch_lines(
        [f"*extra_info*operations*must be an int of at least 1, not {n}" for n in bad]
    )
