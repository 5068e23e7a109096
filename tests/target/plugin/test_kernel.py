"""The `kernel` fixture: rounds chosen, replayed, and refused where it must be."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pybench.target.process import identity
from pybench.target.process.rounds import (
    Budget,
    KernelResult,
    Rounds,
    collect_rounds,
    summarise,
    trim_detail,
)

Run = Callable[..., pytest.RunResult]


@dataclass
class Round:
    """A made-up `_pybench.KernelResult`."""

    iterations: int = 1000
    threads: int = 1
    elapsed_ns: int = 1_000_000
    ns_per_operation: float = 2.0
    cpu_ns_per_operation: float = 1.0
    attach_wait_ns: tuple[int, ...] = (5, 7)
    overlap: float = 1.0
    fairness: float = 1.0
    attached: bool = True
    serialised: bool = False
    oversubscribed: bool = False
    disturbed: str = ""
    clock_cost_ns: float = 20.0
    loop: str = "some_loop"
    detail: dict[str, Any] | None = None


CLEAN = Round()
DISTURBED = Round(disturbed="overlap 0.5")


def play(*answers: Sequence[KernelResult]) -> Callable[[int], Sequence[KernelResult]]:
    """Answer each call with the next of these rounds, whatever was asked for."""
    rest = iter(answers)
    return lambda count: next(rest)


def record(kept: Sequence[KernelResult], **changes: Any) -> Any:
    """Summarise rounds of a made-up kernel."""
    settings: dict[str, Any] = {
        "kernel": "refcount_pair",
        "arguments": {"target": "owned"},
        "iterations": 1000,
        "floor_ns": 0.1,
        "usable_cpus": 2,
        "gil_on": False,
        "gc_on": True,
    }
    rounds = Rounds(kept=list(kept), dropped=[], is_disturbed=False)
    return summarise(rounds, **(settings | changes))


def only_row(pytester: pytest.Pytester) -> Any:
    """Return the one row of the JSON file."""
    (row,) = json.loads((pytester.path / "out.json").read_text())["benchmarks"]
    return row


@pytest.mark.once
@pytest.mark.parametrize(
    ("seconds", "least", "window_ns", "rounds"),
    [
        (0.3, 5, 1e6, 200),
        (0.1, 5, 1e6, 100),
        (0.1, 5, 5e7, 5),
        (0.0, 5, 1e6, 5),
        (1.0, 500, 1e6, 500),
        (1.0, 5, 0.0, 200),
    ],
)
def test_rounds_follow_the_budget(
    seconds: float, least: int, window_ns: float, rounds: int
) -> None:
    budget = Budget(seconds=seconds, least_rounds=least, warmup_iterations=1)

    assert budget.rounds(window_ns) == rounds


@pytest.mark.once
@pytest.mark.parametrize(
    ("asked", "iterations", "rounds"),
    [(0, 10, 0), (1, 1000, 1), (100_000, 1000, 100), (100_000, 1, 200)],
)
def test_warmup_is_at_least_a_round_unless_off(
    asked: int, iterations: int, rounds: int
) -> None:
    budget = Budget(seconds=1, least_rounds=5, warmup_iterations=asked)

    assert budget.warmup_rounds(iterations) == rounds


@pytest.mark.once
def test_clean_rounds_are_all_kept() -> None:
    rounds = collect_rounds(play([CLEAN] * 4), wanted=4, least=2)

    assert rounds == Rounds(kept=[CLEAN] * 4, dropped=[], is_disturbed=False)


@pytest.mark.once
def test_disturbed_rounds_are_run_again() -> None:
    rounds = collect_rounds(
        play([CLEAN, DISTURBED, DISTURBED], [CLEAN, CLEAN]), wanted=3, least=2
    )

    assert rounds.kept == [CLEAN] * 3
    assert rounds.dropped == [DISTURBED] * 2
    assert not rounds.is_disturbed


@pytest.mark.once
def test_enough_clean_rounds_make_a_row_of_their_own() -> None:
    rounds = collect_rounds(
        play([CLEAN, CLEAN, DISTURBED], [DISTURBED], [DISTURBED]), wanted=3, least=2
    )

    assert rounds.kept == [CLEAN] * 2
    assert rounds.dropped == [DISTURBED] * 3
    assert not rounds.is_disturbed


@pytest.mark.once
def test_too_few_clean_rounds_are_filled_and_marked() -> None:
    rounds = collect_rounds(
        play([CLEAN, DISTURBED, DISTURBED], [DISTURBED] * 2, [DISTURBED] * 2),
        wanted=3,
        least=2,
    )

    assert rounds.kept == [CLEAN, DISTURBED, DISTURBED]
    assert len(rounds.dropped) == 4
    assert rounds.is_disturbed


@pytest.mark.once
def test_more_threads_than_cpus_is_not_a_disturbance() -> None:
    crowded = replace(DISTURBED, oversubscribed=True)

    rounds = collect_rounds(play([crowded] * 3), wanted=3, least=2)

    assert rounds == Rounds(kept=[crowded] * 3, dropped=[], is_disturbed=False)


@pytest.mark.once
def test_serialised_row_is_of_cpu_time() -> None:
    assert record([CLEAN]).clock == "wall"
    assert record([replace(CLEAN, serialised=True)]).clock == "cpu"


@pytest.mark.once
def test_floor_above_a_tenth_is_said() -> None:
    assert not record([CLEAN], floor_ns=0.2).floor_above_tenth
    assert record([CLEAN], floor_ns=0.21).floor_above_tenth
    assert not record([CLEAN], floor_ns=None).floor_above_tenth


@pytest.mark.once
def test_quota_counts_as_much_as_affinity() -> None:
    two_threads = [replace(CLEAN, threads=2)]

    assert not record(two_threads, usable_cpus=2).oversubscribed
    assert record(two_threads, usable_cpus=1).oversubscribed


def test_record_has_the_medians_of_the_kept_rounds() -> None:
    rounds = [replace(CLEAN, overlap=value) for value in (0.9, 1.0, 0.99)]

    found = record(rounds)

    assert found.overlap == 0.99
    assert found.attach_wait_ns == 7
    assert found.rounds_kept == 3


@pytest.mark.once
def test_detail_is_cut_by_name_when_it_is_large() -> None:
    detail = {"small": (1, 2), "large": list(range(10_000))}

    kept, left_out = trim_detail(detail)

    assert kept == {"small": (1, 2)}
    assert left_out == ("large",)
    assert trim_detail(None) == (None, ())


@pytest.mark.usefixtures("native")
def test_row_reads_nanoseconds_per_operation(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        def test_pair(kernel, benchmark):
            rounds = kernel("refcount_pair", target="owned")
            data = benchmark.stats.stats.data
            assert len(data) == len(rounds)
            for seconds, result in zip(data, rounds):
                assert abs(seconds * 1e9 - result.ns_per_operation) < 1e-6
        """
    )

    result = run("--benchmark-json=out.json")

    result.assert_outcomes(passed=1)
    row = only_row(pytester)
    assert row["group"] == "refcount"
    assert row["stats"]["iterations"] == 1
    said = row["extra_info"]["pybench"]
    assert said["kernel"] == "refcount_pair"
    assert said["arguments"] == {"target": "owned"}
    assert said["rounds_kept"] == row["stats"]["rounds"]
    assert said["floor_ns"] > 0
    assert (said["gc_enabled"], said["gc_enabled_outside"]) == (False, True)


@pytest.mark.usefixtures("native")
def test_options_and_markers_reach_the_rounds(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.benchmark(group="mine", min_rounds=17, max_time=0.0)
        def test_pair(kernel):
            assert len(kernel("refcount_pair", target="owned")) == 17

        def test_exact(kernel):
            rounds = kernel("refcount_pair", target="owned", iterations=77, rounds=3)
            assert [result.iterations for result in rounds] == [77] * 3
        """
    )

    result = run("--benchmark-json=out.json")

    result.assert_outcomes(passed=2)
    rows = json.loads((pytester.path / "out.json").read_text())["benchmarks"]
    assert [row["group"] for row in rows] == ["mine", "refcount"]


@pytest.mark.usefixtures("native")
def test_collector_is_off_in_the_kernel_and_restored(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        import gc, _pybench

        def test_pair(kernel, monkeypatch):
            seen = set()
            pair = _pybench.refcount_pair

            def spy(*args, **kwargs):
                seen.add(gc.isenabled())
                return pair(*args, **kwargs)

            monkeypatch.setattr(_pybench, "refcount_pair", spy)
            kernel("refcount_pair", target="owned")
            assert seen == {False}
            assert gc.isenabled()
        """
    )

    run().assert_outcomes(passed=1)


@pytest.mark.usefixtures("native")
def test_disabled_runs_once_and_leaves_no_file(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        def test_pair(kernel):
            (result,) = kernel("refcount_pair", target="owned")
            assert result.iterations == 1000
        """
    )

    result = run("--benchmark-disable")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["pybench: 0 rows measured, 1 run without measuring, *"]
    )
    assert not list(pytester.path.rglob("iterations*"))
    assert not list(pytester.path.rglob("journal*"))


@pytest.mark.once
@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(
    "option",
    [
        "--benchmark-timer=time.monotonic",
        "--benchmark-precision=0.1",
        "--benchmark-min-time=0.001",
    ],
)
def test_refuses_by_name_what_a_kernel_cannot_obey(
    pytester: pytest.Pytester, run: Run, option: str
) -> None:
    pytester.makepyfile(
        """
        def test_pair(kernel):
            kernel("refcount_pair", target="owned")

        def test_plain(benchmark):
            benchmark(sum, (1, 2))
        """
    )

    refused = run(option)
    way_out = run(option, "-m", "not kernel")

    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    name = option.partition("=")[0]
    refused.stderr.fnmatch_lines([f'ERROR: {name} does not*-m "not kernel"'])
    way_out.assert_outcomes(passed=1, deselected=1)


@pytest.mark.once
@pytest.mark.usefixtures("native")
def test_refuses_a_timer_in_the_marker_of_a_kernel_row(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        import time, pytest

        @pytest.mark.benchmark(timer=time.monotonic)
        def test_pair(kernel):
            kernel("refcount_pair", target="owned")
        """
    )

    result = run()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *::test_pair: *take timer out*"])


def test_not_built_fails_with_the_command(
    pytester: pytest.Pytester, run_process: Run
) -> None:
    pytester.makepyfile(
        """
        def test_pair(kernel):
            kernel("refcount_pair", target="owned")

        def test_plain(benchmark):
            benchmark(sum, (1, 2))
        """
    )
    # An empty package is what the folder of C sources looks like.
    (pytester.mkdir("_pybench") / "__init__.py").touch()

    result = run_process()

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*not built*`make bench` or `pip install -e .`", "pybench: 1 rows measured*"]
    )
    assert "Traceback" not in result.stdout.str()


@pytest.mark.usefixtures("native")
def test_what_this_interpreter_lacks_is_not_available(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        import _pybench

        def lacking(*args, **kwargs):
            raise NotImplementedError("needs a newer one")

        def test_raises(kernel, monkeypatch):
            monkeypatch.setattr(_pybench, "refcount_pair", lacking)
            kernel("refcount_pair", target="owned")

        def test_missing(kernel, monkeypatch):
            facts = {"area": "x", "attached": True, "missing": "needs a newer one"}
            monkeypatch.setitem(_pybench.KERNELS, "refcount_pair", facts)
            kernel("refcount_pair", target="owned")
        """
    )

    result = run("-rs")

    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(
        [
            "pybench: 0 rows measured, 2 n/a, *",
            "*n/a: needs a newer one (2 rows)",
            # Where the test asked, not where the plugin answered.
            "SKIPPED [[]1] test_what*.py:8: n/a: needs a newer one",
        ]
    )


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('kernel("refcount_pear")', "*no kernel 'refcount_pear'; near: refcount_pair*"),
        ('kernel("refcount_pair", threads=0)', "*ValueError*threads*"),
        ('kernel("refcount_pair", layout="odd")', "*TypeError*"),
        ('kernel("refcount_pair", iterations=0)', "*"),
    ],
)
def test_a_bad_call_fails_the_row_alone(
    pytester: pytest.Pytester, run: Run, call: str, message: str
) -> None:
    pytester.makepyfile(
        f"""
        def test_bad(kernel):
            {call}

        def test_good(kernel):
            kernel("refcount_pair", target="owned")
        """
    )

    result = run()

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([message, "pybench: 1 rows measured*"])


@pytest.mark.usefixtures("native")
def test_asked_for_by_name_fails_with_the_reason(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        def test_pair(request):
            request.getfixturevalue("kernel")("refcount_pair", target="owned")
        """
    )

    result = run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*must be an argument of the test*"])


@pytest.mark.usefixtures("native")
def test_stopwatch_is_disarmed_when_a_row_is_used_twice(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        def test_twice(kernel):
            kernel("refcount_pair", target="owned")
            kernel("refcount_pair", target="owned")

        def test_next(kernel):
            kernel("refcount_pair", target="owned")
        """
    )

    run().assert_outcomes(passed=1, failed=1)


@pytest.mark.once
def test_fixture_of_that_name_of_another_suite_is_left_alone(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def kernel():
            return "linux"

        def test_row(kernel, benchmark):
            assert kernel == "linux"
            benchmark(sum, (1, 2))
        """
    )

    result = run("--benchmark-timer=time.monotonic", "-m", "not kernel")

    result.assert_outcomes(passed=1)


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(
    ("option", "calls"), [((), 2), (("--benchmark-warmup=off",), 1)]
)
def test_warmup_can_be_turned_off(
    pytester: pytest.Pytester, run: Run, option: tuple[str, ...], calls: int
) -> None:
    pytester.makepyfile(
        f"""
        import _pybench

        def test_pair(kernel, monkeypatch):
            calls = []
            pair = _pybench.refcount_pair

            def spy(*args, **kwargs):
                calls.append(args)
                (result,) = pair(10, target="owned")
                # Whatever the machine does: no round of this test is disturbed.
                return [type(result)([*result[:18], "", *result[19:]])]

            monkeypatch.setattr(_pybench, "refcount_pair", spy)
            kernel("refcount_pair", iterations=10, rounds=1)
            assert len(calls) == {calls}
        """
    )

    run(*option).assert_outcomes(passed=1)


@pytest.mark.once
@pytest.mark.parametrize("left_out", [True, False])
def test_row_without_an_extension(
    pytester: pytest.Pytester,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    left_out: bool,
) -> None:
    """It is n/a where pybench was installed without; else the build was forgotten."""
    path = pytester.path / "pybench" / "target" / "process" / "identity.py"
    if left_out:
        path.parent.mkdir(parents=True)
        why = path.parents[2] / "without_extension.txt"
        why.write_text("no extension: no compiler\n", encoding="utf-8")
    monkeypatch.setattr(identity, "__file__", str(path))
    monkeypatch.setitem(sys.modules, "_pybench", None)
    pytester.makepyfile("def test_row(kernel): kernel('refcount_pair')")

    result = run("-rs")

    result.assert_outcomes(skipped=left_out, failed=not left_out)
    said = "n/a: no extension: no compiler" if left_out else "build it with"
    result.stdout.fnmatch_lines([f"*{said}*"])
