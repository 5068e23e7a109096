"""Findings from faked facts: each state of each thing."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from pybench.profiles.doctor import (
    busy,
    doctor_report,
    examine,
    idle_cpus,
    is_fit,
)
from pybench.profiles.machine import Counters, Facts, Process, read_facts
from pybench.records.doctor import Finding

TICKS = {"user": 100, "idle": 1000, "iowait": 0, "steal": 0}


def after(**grown: int) -> dict[str, int]:
    """Return the ticks of a second later."""
    return {state: value + grown.get(state, 0) for state, value in TICKS.items()}


QUIET = Facts(
    system="Linux",
    cpus=2,
    governors=("performance",),
    turbo=False,
    load=0.1,
    smt=False,
    aslr=2,
    groups_known=True,
    quota_cpus=None,
    clock_source="tsc",
    clock_sources=("tsc", "hpet"),
    clock_ns=50.0,
    clock_step_ns=10.0,
    pressure={"cpu": 0.0, "memory": 0.0, "io": 0.0},
    temperature_c=40.0,
    page_bytes=4096,
    huge_pages="madvise",
    hypervisor="",
    first=Counters(ticks=TICKS, throttled=0, heat_events=0, processes={}),
    second=Counters(ticks=after(idle=200), throttled=0, heat_events=0, processes={}),
    window_s=1.0,
)


def find(facts: Facts, name: str) -> Finding:
    """Return one finding."""
    (found,) = [finding for finding in examine(facts) if finding.name == name]
    return found


def later(**changes: Any) -> dict[str, Any]:
    """Return the change of the second reading."""
    return {"second": replace(QUIET.second, **changes)}


def test_quiet_machine_is_fine_in_all() -> None:
    findings = examine(QUIET)

    assert [one.name for one in findings if one.state != "fine"] == []
    assert is_fit(findings)


@pytest.mark.parametrize(
    ("name", "changes", "state", "now"),
    [
        ("governor", {"governors": ("powersave", "powersave")}, "costs", "powersave"),
        ("governor", {"governors": ("performance", "ondemand")}, "costs", "ondemand"),
        ("turbo", {"turbo": True}, "costs", "on"),
        ("load", later(ticks=after(user=120, idle=80)), "unfit", "0.8 of 2 CPUs"),
        ("load", later(ticks=after(user=110, idle=90)), "fine", "0.9 of 2 CPUs"),
        ("load", later(ticks=after(idle=50, iowait=50, user=100)), "fine", "1.0 of"),
        ("load", {"first": Counters(), "load": 3.0}, "costs", "average 3.00"),
        ("load", {"first": Counters(), "load": 0.5}, "fine", "idle is unknown"),
        ("steal", later(ticks=after(steal=1, idle=199)), "fine", "0.5%"),
        ("steal", later(ticks=after(steal=4, idle=196)), "costs", "2.0%"),
        ("steal", later(ticks=after(steal=20, idle=180)), "unfit", "10.0%"),
        ("virtual machine", {"hypervisor": "QEMU"}, "costs", "QEMU"),
        ("SMT", {"smt": True}, "costs", "two threads share a core"),
        ("ASLR", {"aslr": 0}, "costs", "off"),
        ("ASLR", {"aslr": 1}, "fine", "not for the heap"),
        ("CPU quota", {"quota_cpus": 2.0}, "fine", "2 CPUs, on 2"),
        ("CPU quota", {"quota_cpus": 1.5}, "costs", "1.5 CPUs"),
        ("CPU quota", {"quota_cpus": 0.5}, "unfit", "0.5 CPUs"),
        ("throttling", later(throttled=2), "unfit", "2 times in 1.0 s"),
        ("clock source", {"clock_source": "hpet"}, "costs", "hpet"),
        ("clock", {"clock_ns": 900.0}, "costs", "900 ns"),
        ("clock", {"clock_step_ns": 1e6}, "costs", "least step 1000000 ns"),
        ("clock", {"clock_step_ns": None}, "fine", "least step unknown"),
        ("cpu pressure", {"pressure": {"cpu": 60.0}}, "costs", "60 %"),
        ("memory pressure", {"pressure": {"memory": 20.0}}, "unfit", "20 %"),
        ("io pressure", {"pressure": {"io": 20.0}}, "costs", "20 %"),
        ("thermal throttling", later(heat_events=1), "unfit", "1 times in 1.0 s"),
        ("page size", {"page_bytes": 16384}, "costs", "16,384 bytes"),
        ("huge pages", {"huge_pages": "always"}, "costs", "always"),
    ],
)
def test_each_state_is_told(
    name: str, changes: Mapping[str, Any], state: str, now: str
) -> None:
    """What costs has its cost and its advice; what makes unfit alone makes unfit."""
    facts = replace(QUIET, **changes)

    finding = find(facts, name)

    assert finding.state == state
    assert now in finding.now
    assert is_fit(examine(facts)) == (state != "unfit")
    if state in ("costs", "unfit"):
        assert finding.cost
        assert finding.advice


def test_what_happened_before_the_window_costs_but_is_fit() -> None:
    """Throttled or hot once: it may come again."""
    counters = replace(QUIET.first, throttled=5, heat_events=5)
    facts = replace(QUIET, first=counters, second=replace(counters, ticks=TICKS))

    assert find(facts, "throttling").state == "costs"
    assert find(facts, "thermal throttling").state == "costs"
    assert is_fit(examine(facts))


def test_slow_clock_source_names_the_quicker_one() -> None:
    slow = replace(QUIET, clock_source="hpet")

    assert "echo tsc" in find(slow, "clock source").advice
    alone = replace(slow, clock_sources=("hpet",))
    assert "dmesg" in find(alone, "clock source").advice


def test_busy_processes_are_named_by_what_they_used() -> None:
    """One whose number was used again is new; one that slept is not listed."""
    first = {
        (1, "10"): Process(name="quiet", cpu_s=100.0),
        (2, "10"): Process(name="busy", cpu_s=100.0),
        (3, "10"): Process(name="gone", cpu_s=100.0),
    }
    second = {
        (1, "10"): Process(name="quiet", cpu_s=100.01),
        (2, "10"): Process(name="busy", cpu_s=100.5),
        (3, "99"): Process(name="new", cpu_s=0.75),
    }
    facts = replace(
        QUIET,
        first=replace(QUIET.first, processes=first),
        second=replace(QUIET.second, processes=second),
    )

    assert busy(facts) == [("new", 3, 0.75), ("busy", 2, 0.5)]
    finding = find(facts, "busy processes")
    assert finding.state == "costs"
    assert finding.now == "new (3) 75%, busy (2) 50% of a CPU"


def test_no_time_passed_is_unknown_not_zero() -> None:
    """A share of nothing is none."""
    facts = replace(QUIET, second=QUIET.first, window_s=0.0, load=None)

    assert idle_cpus(facts) is None
    assert find(facts, "steal").state == "unknown"
    assert find(facts, "load").state == "unknown"
    assert busy(facts) == []


def test_nothing_known_is_said_as_unknown_with_the_reason() -> None:
    """Neither fit nor unfit by it."""
    facts = Facts(
        system="Linux",
        cpus=1,
        unread={
            "/proc/stat": "no permission to read it",
            "/proc/self/cgroup": "not there",
        },
    )

    findings = examine(facts)

    assert {one.state for one in findings} == {"unknown"}
    assert is_fit(findings)
    assert find(facts, "steal").now == "/proc/stat: no permission to read it"
    assert find(facts, "CPU quota").now == "/proc/self/cgroup: not there"
    assert find(facts, "turbo").now == "nothing there says it"


def test_other_systems_say_which_they_are() -> None:
    facts = Facts(system="Darwin", cpus=8, load=1.0, clock_ns=40.0, page_bytes=16384)

    assert find(facts, "governor").now == "not read on Darwin: no /proc and /sys"
    assert find(facts, "load").state == "fine"
    assert find(facts, "page size").state == "costs"


def test_document_holds_findings_and_facts_but_no_processes() -> None:
    """Names of processes that did nothing are nobody's business."""
    process = {(1, "1"): Process(name="secret", cpu_s=1.0)}
    facts = replace(
        QUIET,
        first=replace(QUIET.first, processes=process),
        second=replace(QUIET.second, processes=process),
    )

    text = json.dumps(asdict(doctor_report(facts, examine(facts))), allow_nan=False)

    document = json.loads(text)
    assert document["pybench"] == "doctor"
    assert document["fit"] is True
    assert len(document["findings"]) == len(examine(facts))
    assert document["facts"]["clock_source"] == "tsc"
    assert "secret" not in text


def test_real_machine_has_a_finding_for_each_thing() -> None:
    """Structure only: its state is its own."""
    findings = examine(read_facts(wait=lambda: None))

    assert [one.name for one in findings] == [one.name for one in examine(QUIET)]
    for finding in findings:
        assert finding.now
        assert bool(finding.cost) == bool(finding.advice)
        assert finding.cost or finding.state in ("fine", "unknown")
