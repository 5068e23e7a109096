"""Hypotheses, judged by numbers that are given."""

from dataclasses import asdict

import pytest

from pybench.profiles.bottleneck import (
    ADVICE,
    ALLOCATION,
    BYTECODE,
    C_CODE,
    CHILDREN,
    COMPUTING,
    IO,
    LOCKS,
    START_UP,
    Runs,
    full_share,
    judge,
    with_start_up,
)
from pybench.profiles.hypotheses import WORKLOADS, Judged, side
from pybench.records.bottleneck import (
    Cause,
    Collections,
    Estimate,
    Findings,
    Run,
    Verdict,
    share,
)
from pybench.records.profile_run import (
    BARE,
    PLAIN,
    WHOLE,
    Batch,
    Executions,
    PausesSeen,
    Report,
    SampledFunction,
)
from pybench.report.bottleneck import top_functions, verdict_lines

pytestmark = pytest.mark.once


def cause(name: str, low: float, value: float, high: float) -> Cause:
    return Cause(name=name, share=share(low, value, high), evidence="seen")


def of(mean: float, half_width: float | None = 0.02) -> Estimate:
    return Estimate(mean=mean, half_width=half_width, deviation=half_width, count=5)


def judged(title: str, found: Findings) -> tuple[Judged, ...]:
    (workload,) = (one for one in WORKLOADS if one.title == title)
    return workload.judge(found)


def findings(verdict: Verdict, **more: object) -> Findings:
    return Findings(target="x", kind="function", verdict=verdict, **more)  # type: ignore[arg-type]


def test_cause_that_measured_nothing_is_ruled_out_however_wide() -> None:
    """Also where the interval of the largest reaches down to nothing."""
    verdict = judge(
        [
            cause(BYTECODE, 0.0, 0.8, 1.0),
            cause(IO, 0.0, 0.0, 0.0),
            cause(LOCKS, 0.0, 0.0, 0.3),
            cause(ALLOCATION, 0.0, 0.004, 0.2),
        ]
    )

    assert verdict.cause == BYTECODE
    assert verdict.open == ()
    assert len(verdict.ruled_out) == 3


def test_more_than_half_is_above_the_others_together() -> None:
    verdict = judge([cause(IO, 0.51, 0.6, 0.8), cause(BYTECODE, 0.1, 0.4, 0.6)])

    assert verdict.cause == IO


def test_all_nothing_is_no_verdict() -> None:
    assert judge([cause(IO, 0, 0, 1), cause(LOCKS, 0, 0, 1)]).cause is None


def test_bytecode_and_c_code_that_overlap_are_one_verdict() -> None:
    verdict = judge(
        [
            cause(C_CODE, 0.35, 0.45, 0.5),
            cause(BYTECODE, 0.3, 0.4, 0.5),
            cause(ALLOCATION, 0.05, 0.1, 0.15),
            cause(IO, 0.0, 0.0, 0.0),
        ]
    )

    assert verdict.cause == COMPUTING
    assert "C code 45% [35, 50] and bytecode 40% [30, 50], together 85%" in (
        verdict.evidence
    )
    assert len(verdict.ruled_out) == 2


@pytest.mark.parametrize(
    ("start_up", "expected"),
    [
        # A script: start-up beside each of the two, and below both together.
        (cause(START_UP, 0.19, 0.29, 0.38), COMPUTING),
        (cause(START_UP, 0.19, 0.4, 0.44), COMPUTING),
        (cause(START_UP, 0.19, 0.4, 0.46), None),
    ],
)
def test_bytecode_and_c_code_together_are_above_a_third(
    start_up: Cause, expected: str | None
) -> None:
    verdict = judge(
        [cause(C_CODE, 0.29, 0.39, 0.49), cause(BYTECODE, 0.16, 0.23, 0.31), start_up]
    )

    assert verdict.cause == expected
    assert any("start-up" in line for line in verdict.ruled_out) == bool(expected)
    assert len(verdict.open) == (0 if expected else 3)


@pytest.mark.parametrize(
    ("third", "needed"),
    [(cause(IO, 0.2, 0.3, 0.5), ""), (cause(IO, 0, 0, 0), "samples of what runs")],
)
def test_they_are_none_beside_a_third_or_without_samples(
    third: Cause, needed: str
) -> None:
    both = [cause(C_CODE, 0.0, 0.4, 1.0), cause(BYTECODE, 0.0, 0.4, 1.0)]

    assert judge([*both, third], needed).cause is None


@pytest.mark.parametrize(
    ("name", "word"),
    [
        (BYTECODE, "newer interpreter"),
        (C_CODE, "library"),
        (ALLOCATION, "reuse"),
        (IO, "overlap"),
        (LOCKS, "share less"),
        (CHILDREN, "child"),
        (START_UP, "import"),
    ],
)
def test_each_verdict_has_one_sentence_of_advice(name: str, word: str) -> None:
    verdict = judge([cause(name, 0.8, 0.9, 1.0)])

    assert word in verdict.advice
    assert verdict.advice in ADVICE.values()
    lines = list(verdict_lines(findings(verdict)))
    assert f"  advice: {verdict.advice}" in lines


def test_functions_on_top_are_named_with_their_c_code() -> None:
    seen = (
        SampledFunction(name="/a/b/csv.py:9(Reader.__next__)", share=0.62, native=0.4),
        SampledFunction(name="/a/b/pipe.py:3(run)", share=0.3, native=0.0),
        SampledFunction(name="/a/b/rare.py:3(run)", share=0.001, native=0.0),
    )

    found = findings(judge([cause(BYTECODE, 0.8, 0.9, 1.0)]), sampled=seen)

    assert top_functions(found) == (
        "csv.py:9(Reader.__next__) 62%, C code 40%; pipe.py:3(run) 30%"
    )
    assert any(line.startswith("  on top: csv.py") for line in verdict_lines(found))


@pytest.mark.parametrize(
    ("found", "limit", "outcome"),
    [
        (of(0.2), 0.5, "holds"),
        (of(0.6), 0.5, "refuted"),
        (of(0.49), 0.5, "open"),
        (of(1.01), 1.0, "refuted"),
        (of(0.99), 1.0, "open"),
        (of(1.3, None), 1.0, "refuted"),
        (of(0.3, None), 1.0, "open"),
    ],
)
def test_claim_is_judged_by_its_interval(
    found: Estimate, limit: float, outcome: str
) -> None:
    assert side(found, limit) == outcome


def test_raised_thresholds_that_save_nothing_are_refuted_with_the_reason() -> None:
    verdict = judge([cause(ALLOCATION, 0.8, 0.9, 1.0)])
    collections = Collections(
        collectors={"off": of(0.2), "frozen": of(0.5), "thresholds x100": of(1.01)},
        full_pause_share=0.97,
    )

    *held, raised = judged("GC Workload", findings(verdict, collections=collections))

    assert [one.outcome for one in held] == ["holds"] * 3
    assert raised.outcome == "refuted"
    assert "101% ± 2%: 97% of the pause time is in full collections" in raised.why
    assert raised.claim.startswith("raised thresholds")


@pytest.mark.parametrize(
    ("title", "cause_found", "outcome"),
    [
        ("Tight Loop", BYTECODE, "holds"),
        ("Tight Loop", IO, "refuted"),
        ("Import", START_UP, "holds"),
        ("Import", None, "open"),
    ],
)
def test_cause_is_judged_by_the_verdict(
    title: str, cause_found: str | None, outcome: str
) -> None:
    found = findings(Verdict(cause=cause_found, evidence="seen"))

    assert [one.outcome for one in judged(title, found)] == [outcome]


def test_what_was_not_measured_leaves_the_claim_open() -> None:
    outcomes = judged("GC Workload", findings(Verdict(cause=None, evidence="")))

    assert {one.outcome for one in outcomes} == {"open"}


@pytest.mark.parametrize(
    ("pauses", "generations", "expected"),
    [([10, 30], [0, 2], 0.75), ([], [], None), ([10], [], None), ([5], [1], 0.0)],
)
def test_full_collections_have_a_share_of_the_pauses(
    pauses: list[int], generations: list[int], expected: float | None
) -> None:
    seen = PausesSeen(
        pauses_ns=tuple(pauses),
        generations=tuple(generations),
        count=len(pauses),
        sum_ns=sum(pauses),
    )

    assert full_share(seen) == expected


@pytest.mark.parametrize("factor", [1, 5, 20])
def test_waiting_for_a_cpu_is_no_start_up(factor: int) -> None:
    """On a machine where everything takes `factor` times as long: the same shares.

    The interpreter takes 20 ms, the program 80 ms at any execution.
    """

    def run(condition: str, ms: int, number: int, report: Report) -> Run:
        return Run(
            condition=condition,
            number=number,
            wall_ns=ms * 1_000_000 * factor,
            cpu_ns=ms * 1_000_000,
            queued_ns=ms * 1_000_000 * (factor - 1),
            begun_ns=0,
            report=report,
        )

    batch = Batch(
        wall_ns=80_000_000 * factor,
        own_cpu_ns=80_000_000,
        cpu_ns=80_000_000,
        queued_ns=80_000_000 * (factor - 1),
    )
    execution = Executions(calls=1, batches=(batch,), **asdict(batch))
    runs = [
        run(condition, ms, number, report)
        for number in range(3)
        for condition, ms, report in (
            (WHOLE, 100, Report()),
            (BARE, 20, Report()),
            (PLAIN, 100, Report(first=execution, steady=execution)),
        )
    ]

    causes, _ = with_start_up([cause(BYTECODE, 0.9, 1.0, 1.0)], Runs(runs), "")

    start_up = causes[-1]
    assert start_up.name == START_UP
    assert start_up.share.value == pytest.approx(0.2)
    assert "interpreter is 20% of it" in start_up.evidence
    assert judge(causes).cause == BYTECODE
