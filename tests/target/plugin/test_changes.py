"""`--benchmark-compare` says which rows a baseline does not explain, and may fail."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from pybench.records.documents import DocumentError
from pybench.records.journal import JournalRow
from pybench.target.plugin import processes
from pybench.target.plugin.changes import (
    Judgement,
    Times,
    fail_on_line,
    judge,
    saved_times,
    section_lines,
    session_times,
)

Run = Callable[..., pytest.RunResult]

TITLE = "*pybench: what the baseline explains*"
EXIT_CHANGED = 10

# A clock that only the rows move, so that a busy machine changes no verdict. Hash
# seeds, new in each process, spread the times over half a percent.
SUITE = """
import os
import pytest

now = 0.0

def clock():
    return now

def work(seconds):
    global now
    now += seconds * (1 + hash("seed") % 1000 / 2e5)

def measure(benchmark, word, seconds):
    factor = float(os.environ.get(word, "1"))
    benchmark.pedantic(work, (seconds * factor,), rounds=3)

@pytest.mark.benchmark(timer=clock, group="yardstick")
def test_yardstick(benchmark):
    measure(benchmark, "DRIFT", 1)

@pytest.mark.benchmark(timer=clock)
def test_row(benchmark):
    measure(benchmark, "CHANGE", 2)

@pytest.mark.benchmark(timer=clock)
def test_steady(benchmark):
    measure(benchmark, "NOTHING", 3)
"""

STEADY = (1.0, 1.001, 0.999, 1.002, 0.998)


@contextmanager
def edited(pytester: pytest.Pytester) -> Iterator[dict[str, Any]]:
    """Give the one saved file for a change."""
    (path,) = pytester.path.glob(".benchmarks/*/0001_base.json")
    document = json.loads(path.read_text())
    yield document
    path.write_text(json.dumps(document))


# The one saved file, by its path in the tester's folder: each test begins with it.
_SAVED: dict[str, str] = {}


@pytest.fixture
def compare(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Save a baseline, make it one of five processes, and return what compares."""
    pytester.makepyfile(test_suite=SUITE)
    if not _SAVED:
        run("--benchmark-save=base")
        with edited(pytester) as document:
            for row, measured in zip(
                document["pybench"]["rows"], document["benchmarks"], strict=True
            ):
                median = measured["stats"]["median"]
                row["process_medians_s"] = [median * times for times in STEADY]
        (path,) = pytester.path.glob(".benchmarks/*/0001_base.json")
        _SAVED[str(path.relative_to(pytester.path))] = path.read_text()
    for name, text in _SAVED.items():
        (pytester.path / name).parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / name).write_text(text)

    def again(self: Any, name: str) -> dict[str, Any]:
        """Give what a further process would, without one."""
        factor = STEADY[int(name.split()[1]) - 1]
        medians = self._session.measured_medians()
        return {
            "medians": {row: factor * median for row, median in medians.items()},
            "scaling": {},
        }

    def compared(*options: str, **factors: str) -> pytest.RunResult:
        for word, factor in factors.items():
            monkeypatch.setenv(word, factor)
        monkeypatch.setattr(processes.Processes, "_run", again)
        return run("--benchmark-compare=base", "--pybench-processes=4", *options)

    return compared


def times(*yardsticks: str, **rows: Iterable[float]) -> Times:
    """Make the times of a session."""
    return Times(
        rows={name: tuple(values) for name, values in rows.items()},
        yardsticks=frozenset(yardsticks),
    )


def suite(**now: float) -> Judgement:
    """Judge rows of four processes against steady ones of five."""
    then = dict.fromkeys([*now, "yard"], STEADY)
    rows = {name: [value] * 4 for name, value in now.items()}
    return judge(times("yard", **then), times("yard", yard=[1.0], **rows))


def text(judgement: Judgement, unlike: Iterable[str] = ()) -> str:
    """Return the section as one text."""
    return "\n".join(section_lines(judgement, [*unlike]))


def test_a_planted_row_is_named_and_fails_on_request(compare: Run) -> None:
    """Three times the work in one row, the same in the other."""
    result = compare("--pybench-fail-on=slower", CHANGE="3")

    assert result.ret == EXIT_CHANGED
    result.stdout.fnmatch_lines(
        [
            "test_row (NOW)*",
            TITLE,
            "baseline: 5 processes, less than a day old, here: 4; its processes spread "
            "by 0.2%; the machine drifted by up to *(1 yardstick row)",
            "rows that differ by more than spread and drift explain: 1 of 2",
            "  verdict *ratio  explained  row",
            "  slower   *x *%  *::test_row",
            "  inconclusive: 1 row: spread and drift explain the change",
            "--pybench-fail-on=slower: 1 row slower: *::test_row",
            "pybench: 3 rows measured*",
        ]
    )
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


@pytest.mark.once
@pytest.mark.parametrize(
    ("wanted", "change", "status"),
    [
        ("faster", "3", 0),
        ("different", "3", EXIT_CHANGED),
        ("faster", "0.3", EXIT_CHANGED),
        ("slower", "0.3", 0),
    ],
)
def test_fails_for_what_is_named_alone(
    compare: Run, wanted: str, change: str, status: int
) -> None:
    result = compare(f"--pybench-fail-on={wanted}", CHANGE=change)

    assert result.ret == status
    result.stdout.fnmatch_lines(["rows that differ*: 1 of 2"])


@pytest.mark.once
def test_nothing_changed_is_no_change(pytester: pytest.Pytester, run: Run) -> None:
    """A/A, with the processes of both arms as they come."""
    pytester.makepyfile(SUITE)
    run("--benchmark-save=base", "--pybench-processes=4")

    ends = {
        1: [
            "no verdict is possible: this session has 1 process*--pybench-processes 8",
            "--pybench-fail-on=different: nothing was judged*",
        ],
        4: [
            "rows that differ*: 0 of 2",
            "--pybench-fail-on=different: no row is different",
        ],
    }
    for count, end in ends.items():
        result = run(
            "--benchmark-compare=base",
            "--pybench-fail-on=different",
            f"--pybench-processes={count}",
        )

        assert result.ret == 0
        result.stdout.fnmatch_lines(
            [
                f"baseline: 4 processes*, here: {count}*; the machine drifted by *",
                *end,
            ]
        )


@pytest.mark.once
def test_a_slower_machine_is_no_slower_row(compare: Run) -> None:
    """All moved by half, the yardstick too."""
    result = compare("--pybench-fail-on=slower", CHANGE="1.5", DRIFT="1.52")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "no verdict is possible: the machine moved by 5*%, and the margin is 3.0%: "
            "measure both sides again*",
            "--pybench-fail-on=slower: nothing was judged*",
        ]
    )
    assert "  slower " not in result.stdout.str()


@pytest.mark.once
def test_a_wider_margin_tells_what_is_wider_than_the_drift(compare: Run) -> None:
    """The machine moved by a twentieth, a row by three times."""
    result = compare("--pybench-margin=15%", CHANGE="3", DRIFT="1.05")

    result.stdout.fnmatch_lines(["rows that differ*: 1 of 2", "  slower *::test_row"])


@pytest.mark.once
def test_without_fail_on_a_change_is_told_and_no_failure(compare: Run) -> None:
    result = compare(CHANGE="3")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["  slower *::test_row"])
    assert "fail-on" not in result.stdout.str()


@pytest.mark.once
def test_a_failing_test_keeps_its_exit_status(
    pytester: pytest.Pytester, compare: Run
) -> None:
    pytester.makepyfile(test_failing="def test_fails():\n    raise ValueError('oh')\n")

    result = compare("--pybench-fail-on=slower", CHANGE="3")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["--pybench-fail-on=slower: 1 row slower: *"])


@pytest.mark.once
def test_a_baseline_of_one_process_gives_no_verdict(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(SUITE)
    run("--benchmark-save=base")
    monkeypatch.setenv("CHANGE", "3")

    result = run("--benchmark-compare=base", "--pybench-fail-on=slower")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "no verdict is possible: the baseline has 1 process*--pybench-processes 8",
            "  inconclusive: 2 rows: unreplicated*",
            "--pybench-fail-on=slower: nothing was judged*",
        ]
    )


@pytest.mark.once
def test_without_yardsticks_there_is_no_verdict(
    compare: Run,
) -> None:
    result = compare("--pybench-fail-on=slower", "-k", "not test_yardstick")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["no verdict is possible: no rows of the group yard*"])


@pytest.mark.once
def test_without_a_save_nothing_is_compared(
    pytester: pytest.Pytester, run_process: Run
) -> None:
    pytester.makepyfile(SUITE)

    result = run_process("--benchmark-compare", "--pybench-fail-on=slower")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [TITLE, "no verdict is possible: there is no baseline yet"]
    )


@pytest.mark.once
def test_unlike_builds_are_said_to_be(pytester: pytest.Pytester, compare: Run) -> None:
    with edited(pytester) as document:
        document["machine_info"]["pybench"]["version"] = "3.9.1"

    result = compare(CHANGE="3")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [TITLE, "the baseline is of another build*`pybench compare`*", "  slower *"]
    )


@pytest.mark.once
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cpu_model": "slow"}, "of another machine: cpu_model: *, 'slow' there"),
        ({"affinity": 999}, "of another machine: usable_cpus: *, 999 there"),
        ({"release": "5.0"}, "of another machine: release: *, '5.0' there"),
        ({"schema": 99}, "identity cannot be read: its machine is unknown"),
        (None, "written without pybench: its machine is unknown"),
    ],
)
def test_foreign_baseline_has_no_verdict_and_one_reason(
    pytester: pytest.Pytester,
    compare: Run,
    changes: dict[str, object] | None,
    reason: str,
) -> None:
    """Neither a row nor the exit status says another thing than the line does."""
    with edited(pytester) as document:
        if changes is None:
            del document["machine_info"]["pybench"]
        else:
            info = document["machine_info"]
            if "release" in changes:
                info |= changes
            else:
                info["pybench"] |= {**changes, "quota": None}

    result = compare("--pybench-fail-on=slower", CHANGE="3")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            TITLE,
            f"no verdict is possible: the baseline*{reason}; make one here*",
            "  inconclusive: *",
            "--pybench-fail-on=slower: nothing was judged*",
        ]
    )
    for word in ("another build", "  slower ", "rows that differ"):
        assert word not in result.stdout.str()


@pytest.mark.once
def test_several_baselines_are_not_mixed(compare: Run, run: Run) -> None:
    run("--benchmark-save=base2")

    result = run("--benchmark-compare=000")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["no verdict is possible: 2 baselines match; name one"])


@pytest.mark.once
def test_damaged_times_are_refused_before_the_first_row(
    pytester: pytest.Pytester, compare: Run
) -> None:
    with edited(pytester) as document:
        document["pybench"]["rows"][1]["process_medians_s"] = [1.0, "fast"]

    result = compare()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *process_medians_s of *::test_row must be*"])


@pytest.mark.once
def test_fail_on_without_a_baseline_is_an_error(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)

    result = run("--pybench-fail-on=slower")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --pybench-fail-on=slower needs a baseline: add --benchmark-compare*"]
    )


@pytest.mark.once
def test_fail_on_an_unknown_word_is_an_error(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(SUITE)

    result = run("--pybench-fail-on=worse", "--benchmark-compare")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--pybench-fail-on: invalid choice: 'worse'*"])


@pytest.mark.once
def test_fail_on_needs_pytest_benchmark(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess(
        "-p", "no:benchmark", "--pybench-fail-on=slower"
    )

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --pybench-fail-on needs pytest-benchmark"])


# The words, without a session


@pytest.mark.once
def test_largest_changes_come_first_either_way() -> None:
    judgement = suite(a=1.0, b=2.0, c=0.2, d=3.0)

    assert judgement.rows_that_are({"slower"}) == ["d", "b"]
    assert judgement.rows_that_are({"slower", "faster"}) == ["c", "d", "b"]


@pytest.mark.once
def test_the_section_stays_short() -> None:
    judgement = suite(**{f"row{number}": 2.0 + number for number in range(200)})

    lines = section_lines(judgement, ["version"])

    assert len(lines) <= 30
    assert "  and 185 more, with smaller changes" in lines
    assert lines == section_lines(judgement, ["version"])
    assert fail_on_line(judgement, "slower").endswith("row197 and 197 more")


@pytest.mark.once
def test_rows_of_one_side_alone_are_counted() -> None:
    judgement = judge(
        times("y", y=STEADY, a=STEADY, gone=STEADY, nil=[0.0, 1.0]),
        times("y", y=[1], a=[1], nil=[1], new=[1], newer=[2]),
    )

    said = text(judgement)

    assert "in the baseline alone: 1 row" in said
    assert "here alone: 2 rows" in said
    assert "a time is zero: 1 row" in said


@pytest.mark.once
def test_a_change_below_the_margin_has_its_own_reason() -> None:
    judgement = judge(
        times("y", y=[1.0] * 5, a=[1.0] * 5), times("y", y=[1.0], a=[1.02] * 4)
    )

    assert "inconclusive: 1 row: below the margin of 3.0%" in text(judgement)


@pytest.mark.once
def test_nothing_in_common_is_no_verdict() -> None:
    judgement = judge(times(a=STEADY), times(b=[1.0]))

    assert "no row was measured both here and in the baseline" in text(judgement)
    assert "nothing was judged" in fail_on_line(judgement, "slower")


@pytest.mark.once
def test_times_of_a_session_are_those_of_its_processes() -> None:
    rows = [
        JournalRow(fullname="a", outcome="measured", stats={"median": 1.0}),
        JournalRow(
            fullname="b", outcome="measured", group="yardstick", stats={"median": 2}
        ),
        JournalRow(fullname="c", outcome="n/a", reason="no"),
    ]

    found = session_times(rows, {"a": (1.0, 1.5)})

    assert found == times("b", a=[1.0, 1.5], b=[2.0])


@pytest.mark.once
@pytest.mark.parametrize(
    "ours", [None, 3, {}, {"rows": 3}, {"rows": [3]}, {"rows": [{"fullname": "a"}]}]
)
def test_a_file_without_our_block_has_one_process(ours: object) -> None:
    row = {"fullname": "a", "group": None, "stats": {"median": 2}}

    assert saved_times({"benchmarks": [row], "pybench": ours}) == times(a=[2.0])


@pytest.mark.once
@pytest.mark.parametrize("wrong", [3, None, [-1.0], [float("nan")], [True], ["1"]])
def test_a_file_with_times_that_are_none_is_refused(wrong: Any) -> None:
    rows = [{"fullname": "a", "process_medians_s": wrong}]

    with pytest.raises(DocumentError, match="process_medians_s of a must be"):
        saved_times({"benchmarks": [], "pybench": {"rows": rows}})


@pytest.mark.once
@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("2020-01-01T00:00:00+00:00", "days old, here"),
        ("2999-01-01T00:00:00", "from the future, so a clock was wrong, here"),
        ("yesterday", "5 processes, here"),
    ],
)
def test_a_baseline_says_its_age(made: str, said: str) -> None:
    then = replace(times("y", y=STEADY, a=STEADY), made=made)

    assert said in text(judge(then, times("y", y=STEADY, a=STEADY)))


@pytest.mark.once
def test_a_drift_of_half_the_margin_asks_for_new_sides_soon() -> None:
    now = times("y", y=[1.02], a=[2.0, 2.01, 1.99, 2.0])

    said = text(judge(times("y", y=STEADY, a=STEADY), now))

    assert "measure both sides again soon" in said
    assert "  slower " in said
