"""What is measured of the hardware, and what becomes of the answers."""

from __future__ import annotations

import pytest

from pybench.profiles import machine_speed
from pybench.profiles.machine_speed import (
    answers,
    fitting_level,
    machine_profile,
    plan,
    sizes_kib,
)
from pybench.profiles.topology import (
    read_topology,
    thread_counts,
    usable_at_once,
)
from pybench.records.machine import Cache, Topology


def topology(
    cpus: int = 2, quota: float | None = None, *caches: tuple[int, int]
) -> Topology:
    """Return a machine with caches of so many KiB by level."""
    return Topology(
        model="A CPU",
        cpus=tuple(range(cpus)),
        cores=tuple((cpu,) for cpu in range(cpus)),
        caches=tuple(
            Cache(
                level=level,
                kind="Data",
                size_bytes=kib * 1024,
                line_bytes=64,
                cpus=(0,),
            )
            for level, kib in caches
        ),
        quota_cpus=quota,
    )


def test_memory_is_measured_beyond_the_last_cache() -> None:
    sizes = sizes_kib(topology(2, None, (1, 32), (3, 32 * 1024)))

    assert sizes[0] == 4
    assert sizes[-1] == 128 * 1024


@pytest.mark.parametrize(
    ("kib", "level"), [(32, "L1"), (33, "L2"), (1024, "L2"), (2048, "memory")]
)
def test_the_innermost_cache_that_holds_it_is_told(kib: int, level: str) -> None:
    assert fitting_level(topology(2, None, (1, 32), (2, 1024)), kib) == level


def test_nothing_is_guessed_of_caches_that_are_not_told() -> None:
    assert fitting_level(topology(), 4) == "unknown"


@pytest.mark.parametrize(
    ("cpus", "quota", "counts"),
    [
        (1, None, [1]),
        (2, None, [1, 2]),
        (6, None, [1, 2, 4, 6]),
        (8, 2.5, [1, 2]),
        (8, 0.5, [1]),
    ],
)
def test_threads_are_no_more_than_can_run(
    cpus: int, quota: float | None, counts: list[int]
) -> None:
    assert thread_counts(usable_at_once(topology(cpus, quota))) == counts


def test_one_cpu_has_no_neighbours_and_says_so() -> None:
    probes, notes = plan(topology(1))

    assert not [probe for probe in probes if "neighbours" in probe.key or probe.cpus]
    assert "two threads need two CPUs" in notes[0]


def test_pairs_of_many_cpus_are_drawn_and_counted() -> None:
    probes, notes = plan(topology(128))

    pairs = [probe.cpus for probe in probes if probe.cpus]
    cpus = {cpu for pair in pairs for cpu in pair}
    assert len(cpus) <= machine_speed.MOST_CPUS
    assert len(pairs) == len(cpus) * (len(cpus) - 1) // 2
    assert f"between {len(cpus)} of 128 CPUs" in notes[-1]


def test_rates_are_of_all_threads_and_ends_change_places() -> None:
    of = topology()
    keys = [probe.key for probe in plan(of)[0]]
    measured = [
        {
            "ns": dict.fromkeys(keys, ns),
            "clock_cost_ns": 20.0,
            "clock_step_ns": 1.0,
        }
        for ns in (3.9, 4.0, 4.1)
    ]

    profile = machine_profile(of, measured)

    two = next(b for b in profile.bandwidths if (b.operation, b.threads) == ("read", 2))
    assert two.gb_per_s is not None
    assert two.gb_per_s.value == pytest.approx(2 * 64 / 4.0)
    assert two.gb_per_s.low is not None
    assert two.gb_per_s.high is not None
    assert two.gb_per_s.low < two.gb_per_s.value < two.gb_per_s.high
    assert profile.processes == 3


def test_what_was_always_disturbed_is_no_number() -> None:
    of = topology()
    numbers: dict[str, float | None] = dict.fromkeys((p.key for p in plan(of)[0]), 2.0)
    numbers["shared 2"] = None

    profile = machine_profile(
        of, [{"ns": numbers, "clock_cost_ns": 20.0, "clock_step_ns": 1.0}]
    )

    assert profile.contention[-1].shared_ns is None
    assert "disturbed in each process: shared 2" in profile.notes


def test_a_process_answers_for_every_probe() -> None:
    """The kernels are there, and take these options, on the machine that tests."""
    here = read_topology()
    (answer,) = answers(here, 1, timeout_s=300)

    assert {*answer["ns"]} == {probe.key for probe in plan(here)[0]}
    assert answer["ns"]["latency 4"] > 0
