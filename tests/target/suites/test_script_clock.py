"""Readings carry the CPU time along in whatever a script computes of them."""

import sys
import time
from types import ModuleType
from typing import Any

import pytest

from pybench.target.suites.script_clock import Reading, ScriptClock, reading


def cpu(value: object) -> float:
    """Return the second number of what was computed."""
    assert isinstance(value, Reading)
    return value.beside.real


def test_arithmetic_is_of_both_numbers() -> None:
    first, second, third = reading(10, 1), reading(14, 2.5), reading(20, 3)

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


def test_how_often_the_cpu_was_given_up_is_carried_along() -> None:
    """Also through nanoseconds that become seconds."""
    first, second = reading(10e9, 1e9 + 5e9j), reading(14e9, 2e9 + 7e9j)

    assert ((second - first) / 1e9).beside == 1 + 2j
    assert (0.0 + (second - first) * 1e-9).beside.imag == pytest.approx(2)


def test_what_is_no_time_any_more_is_a_plain_number() -> None:
    value = reading(2, 1)

    assert type(float(value)) is float
    assert type(round(value)) is int
    for other in ("s", None):
        with pytest.raises(TypeError):
            value + other


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
            namespace["time"].time(),
            namespace["now"](),
            namespace["now"](),
        ]
        assert type(time.perf_counter()) is float
        assert namespace["time"].sleep is time.sleep
        namespace["other"] = "set by the script"

    assert clock.readings == 6
    # Of each two the first is a plain number, which begins a window.
    assert [type(value) for value in readings] == [
        *(float, Reading, float, Reading, int, Reading)
    ]
    assert isinstance(readings[5] - readings[4], Reading)
    assert namespace == before | {"other": "set by the script"}
