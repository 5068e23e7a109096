"""Readings carry the CPU time along in whatever a script computes of them."""

import sys
import time
from types import ModuleType
from typing import Any

import pytest

from pybench.target.suites.script_clock import Reading, ScriptClock


def cpu(value: object) -> float:
    """Return the second number of what was computed."""
    assert isinstance(value, Reading)
    return value.cpu


def test_arithmetic_is_of_both_numbers() -> None:
    first, second, third = Reading(10, 1), Reading(14, 2.5), Reading(20, 3)

    assert (second - first, cpu(second - first)) == (4, 1.5)
    total: Any = 0
    total += second - first
    total += third - second
    assert (total, cpu(total)) == (10, 2)
    assert cpu(sum([second - first, third - second])) == 2
    assert cpu(sum([second - first], 0.0)) == 1.5
    assert cpu((second - first) / 2) == 0.75
    assert cpu(2 * (second - first)) == 3
    assert cpu((second - first) * 2.0) == 3
    assert cpu(16.0 - first) == 15
    assert cpu(max(second - first, third - second)) == 0.5


def test_what_is_no_time_any_more_is_a_plain_number() -> None:
    reading = Reading(2, 1)

    assert type(float(reading)) is float
    assert type(round(reading)) is int
    with pytest.raises(TypeError):
        reading + "s"


def test_clocks_are_replaced_where_the_script_sees_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A library that reads a clock keeps its own."""
    clock = ScriptClock()
    pyperf: Any = ModuleType("pyperf")
    pyperf.perf_counter = time.perf_counter
    monkeypatch.setitem(sys.modules, "pyperf", pyperf)
    namespace: dict[str, Any] = {
        "time": time,
        "pyperf": pyperf,
        "now": time.perf_counter_ns,
        "sleep": time.sleep,
        "other": [],
    }
    before = dict(namespace)

    with clock.put_into(iter([namespace])):
        readings = [
            namespace["time"].perf_counter(),
            namespace["time"].monotonic(),
            namespace["pyperf"].perf_counter(),
            namespace["now"](),
        ]
        assert type(time.perf_counter()) is float
        assert namespace["time"].sleep is time.sleep
        namespace["other"] = "set by the script"

    assert all(isinstance(reading, Reading) for reading in readings)
    assert clock.readings == 4
    assert namespace == before | {"other": "set by the script"}
