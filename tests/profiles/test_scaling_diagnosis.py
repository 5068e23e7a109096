"""What is named from which curves; each cause once, and what must not be named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pybench.profiles.scaling_diagnosis import diagnose
from pybench.records.means import Mean
from pybench.records.scaling import (
    Cause,
    Contended,
    Diagnosis,
    ScalingPoint,
    Suspect,
    SuspectKind,
    Work,
)


def mean(value: float, half: float | None = 0.05) -> Mean:
    """Return a mean over eight processes."""
    if half is None:
        return Mean(value=value, low=None, high=None)
    return Mean(value=value, low=value - half, high=value + half, repeats=8)


def over(re_run: Mean, shared: Mean) -> Mean:
    """Return the gain of a re-run that goes its own way in each process."""
    low, high = (re_run.low, re_run.high), (shared.low, shared.high)
    return Mean(
        value=re_run.value / shared.value,
        low=None if None in low + high else (re_run.low or 0) / (shared.high or 1),
        high=None if None in low + high else (re_run.high or 0) / (shared.low or 1),
    )


def told(
    shared: float | Mean,
    *,
    gains: dict[Work, Mean] | None = None,
    private: float | Mean | None = None,
    gc_off: float | None = None,
    immortal: float | Mean | None = None,
    suspects: Sequence[Suspect] = (),
    contended: Sequence[Contended] = (),
    control: float = 1.95,
    processes: float | None = 1.95,
    gil: bool = False,
    culprit: str = "",
    **shares: Any,
) -> Diagnosis:
    """Diagnose two threads."""
    speed_ups = {
        Work.SHARED: shared if isinstance(shared, Mean) else mean(shared),
        Work.CONTROL: mean(control),
    }
    if private is not None:
        speed_ups[Work.PRIVATE] = (
            private if isinstance(private, Mean) else mean(private)
        )
    if gc_off is not None:
        speed_ups[Work.GC_OFF] = mean(gc_off)
    if immortal is not None:
        speed_ups[Work.IMMORTAL] = (
            immortal if isinstance(immortal, Mean) else mean(immortal)
        )
    own = {
        str(work): over(of, speed_ups[Work.SHARED])
        for work, of in speed_ups.items()
        if work not in (Work.SHARED, Work.CONTROL)
    }
    point = ScalingPoint(
        threads=2,
        by_work={str(work): of for work, of in speed_ups.items()},
        gains=own | {str(work): gain for work, gain in (gains or {}).items()},
        processes=None if processes is None else mean(processes),
        **({"off_cpu_share": 0.0, "waited_share": 0.0} | shares),
    )
    return diagnose(
        [point],
        gil_enabled=gil,
        culprit=culprit,
        suspects=suspects,
        contended=contended,
    )


def test_what_reaches_the_ceiling_scales() -> None:
    assert told(1.9, private=1.9, gc_off=1.9).cause == Cause.SCALES


def test_scaling_needs_a_machine_that_scales() -> None:
    """Reaching a low ceiling is the machine's limit."""
    assert told(1.2, control=1.2, processes=1.2).cause == Cause.MACHINE


def test_the_gil_is_told_before_anything_else() -> None:
    diagnosis = told(1.0, gil=True, culprit="module 'old'", off_cpu_share=0.5)

    assert diagnosis.cause == Cause.GIL
    assert "module 'old'" in diagnosis.what


def test_memory_is_named_where_a_control_in_the_cache_scales() -> None:
    diagnosis = told(1.3, control=1.95, processes=1.3)

    assert diagnosis.cause == Cause.MEMORY
    assert "bandwidth" in diagnosis.what


@pytest.mark.parametrize(
    "shares", [{"waited_share": 0.3}, {"late_share": 0.2}, {"control": 1.2}]
)
def test_threads_without_their_cpus_are_disturbed(shares: dict[str, Any]) -> None:
    assert told(1.2, off_cpu_share=0.5, **shares).cause == Cause.DISTURBED


def test_blocked_threads_wait_for_a_lock() -> None:
    diagnosis = told(0.6, private=0.6, gc_off=0.6, off_cpu_share=0.4)

    assert diagnosis.cause == Cause.LOCK
    assert "of the interpreter" in diagnosis.what


def test_a_lock_of_the_module_is_told_by_its_copies() -> None:
    diagnosis = told(0.6, private=1.9, gc_off=0.6, off_cpu_share=0.4)

    assert diagnosis.cause == Cause.LOCK
    assert "object of the module" in diagnosis.what


def test_threads_that_do_more_on_copies_write_to_the_module() -> None:
    diagnosis = told(0.4, private=1.9, gc_off=0.4)

    assert diagnosis.cause == Cause.OBJECT
    # A lock that threads spin for leaves them on their CPUs.
    assert "held briefly" in diagnosis.what


def test_the_collector_is_named_where_threads_scale_without_it() -> None:
    assert (
        told(1.1, private=1.1, gc_off=1.9, off_cpu_share=0.4).cause
        == Cause.STOP_THE_WORLD
    )


def test_without_a_re_run_that_helps_nobody_can_tell() -> None:
    diagnosis = told(0.6, private=0.62, gc_off=0.6)

    assert diagnosis.cause == Cause.UNKNOWN
    assert diagnosis.would_tell


@pytest.mark.parametrize("blocked", [0.0, 0.4])
def test_nothing_is_said_of_the_module_where_its_copies_are_undecided(
    blocked: float,
) -> None:
    diagnosis = told(0.5, private=mean(1.5, 1.2), gc_off=0.5, off_cpu_share=blocked)

    assert diagnosis.cause == (Cause.LOCK if blocked else Cause.UNKNOWN)
    assert "of the module" not in diagnosis.what.replace("copies of the module", "")
    assert "of the interpreter" not in diagnosis.what


def test_a_wide_interval_is_no_cause() -> None:
    diagnosis = told(mean(1.4, 0.5), private=1.9, gc_off=1.4, off_cpu_share=0.4)

    assert diagnosis.cause == Cause.UNKNOWN
    assert diagnosis.needs_processes


def test_one_process_is_no_cause() -> None:
    diagnosis = told(mean(0.5, None), private=1.9)

    assert diagnosis.cause == Cause.UNKNOWN
    assert "no interval" in diagnosis.what


def test_one_cpu_is_no_cause() -> None:
    assert diagnose([], gil_enabled=False).cause == Cause.UNKNOWN


def suspect(
    kind: SuspectKind = SuspectKind.INSTANCE, *, changes: int = 500, locked: int = 0
) -> Suspect:
    """Return an object as it was seen in a thousand readings."""
    return Suspect(
        name="account",
        kind=kind,
        type_name="Account",
        samples=1000,
        count_changes=changes,
        locked=locked,
    )


def test_a_count_is_named_where_threads_scale_without_it() -> None:
    diagnosis = told(0.3, private=1.9, gc_off=0.3, immortal=1.9, suspects=[suspect()])

    assert diagnosis.cause == Cause.REFCOUNT
    assert "instance account (Account)" in diagnosis.what


def test_a_count_that_changes_is_no_cause_by_itself() -> None:
    diagnosis = told(0.3, private=1.9, gc_off=0.3, immortal=0.3, suspects=[suspect()])

    assert diagnosis.cause == Cause.OBJECT
    assert any("counts of references" in line for line in diagnosis.ruled_out)


def test_a_gain_in_each_process_counts_though_intervals_overlap() -> None:
    """Where objects lie moves both alike."""

    def case(**gains: Any) -> Cause:
        as_it_is, without = mean(1.0, 0.4), mean(1.7, 0.5)
        seen = [suspect()]
        return told(
            as_it_is, private=as_it_is, immortal=without, suspects=seen, **gains
        ).cause

    assert case() == Cause.UNKNOWN
    assert case(gains={Work.IMMORTAL: mean(1.7, 0.2)}) == Cause.REFCOUNT


def test_a_count_that_gains_in_most_processes_asks_for_more_of_them() -> None:
    """One process in which it gained nothing made the answer a wrong one."""
    answer = told(
        mean(0.9, 0.2),
        immortal=mean(1.8, 0.8),
        private=mean(0.85, 0.2),
        gains={Work.IMMORTAL: Mean(value=2.0, low=1.05, high=2.7, repeats=8)},
    )

    assert answer.cause == Cause.UNKNOWN
    assert "counts of references" in answer.what
    assert answer.needs_processes


@pytest.mark.parametrize(("locked", "cause"), [(0, Cause.REFCOUNT), (300, Cause.LOCK)])
def test_a_count_that_is_most_of_it_is_named_unless_there_is_a_lock(
    locked: int, cause: Cause
) -> None:
    seen = suspect(SuspectKind.CONTAINER, locked=locked)
    diagnosis = told(0.4, private=0.5, immortal=1.1, suspects=[seen])

    assert diagnosis.cause == cause
    assert ("most of it" in diagnosis.what) == (cause == Cause.REFCOUNT)


@pytest.mark.parametrize(
    "seen",
    [suspect(SuspectKind.CONTAINER, locked=300), suspect(SuspectKind.LOCK)],
)
def test_a_lock_that_is_held_briefly_is_named(seen: Suspect) -> None:
    diagnosis = told(0.4, private=1.9, gc_off=0.4, immortal=0.5, suspects=[seen])

    assert diagnosis.cause == Cause.LOCK
    assert f"{seen.kind} account" in diagnosis.what


def test_a_lock_that_is_seldom_held_is_not_named() -> None:
    diagnosis = told(
        0.4, private=1.9, gc_off=0.4, immortal=0.4, suspects=[suspect(locked=3)]
    )

    assert diagnosis.cause == Cause.OBJECT


def test_many_objects_are_not_all_named() -> None:
    diagnosis = told(0.3, private=1.9, immortal=1.9, suspects=[suspect()] * 5)

    assert diagnosis.what.endswith("and 2 more")


def test_memory_of_the_system_is_named_where_calls_ask_for_pages() -> None:
    of_system: dict[str, Any] = {
        "system_share": 0.9,
        "faults": 64.0,
        "off_cpu_share": 0.4,
    }

    assert told(0.6, private=0.6, gc_off=0.6, **of_system).cause == Cause.MEMORY
    # A lock that copies of the module do not have is no lock of the system.
    assert told(0.6, private=1.9, gc_off=0.6, **of_system).cause == Cause.LOCK


def test_more_threads_than_processes_were_tried_with_are_not_judged() -> None:
    """More threads than CPUs: nobody knows what is possible."""
    of_two, of_many = (
        ScalingPoint(
            threads=threads,
            by_work={"shared": mean(1.9), "control": mean(1.9)},
            processes=processes,
        )
        for threads, processes in [(2, mean(1.95)), (256, None)]
    )

    diagnosis = diagnose([of_two, of_many], gil_enabled=False)

    assert diagnosis.cause == Cause.SCALES
    assert "2 threads" in diagnosis.evidence[0]


def test_an_object_that_costs_by_itself_is_named_with_its_lines() -> None:
    of = Contended(
        name="table",
        kind=SuspectKind.INSTANCE,
        type_name="Table",
        lines=("work.py:12",),
        speed_up=0.41,
        processes=7,
    )

    diagnosis = told(0.4, private=1.9, gc_off=0.4, contended=[of])

    assert diagnosis.cause == Cause.OBJECT
    assert "instance table (Table)" in diagnosis.what
    assert any("work.py:12" in line and "0.41" in line for line in diagnosis.evidence)
