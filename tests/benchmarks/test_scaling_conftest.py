"""How the speed-up of a second thread is computed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "scaling" / "conftest.py"


@pytest.fixture(scope="module")
def scaling_conftest() -> ModuleType:
    """Import the folder's conftest under a name of its own."""
    spec = importlib.util.spec_from_file_location("loaded_scaling", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("one", "two", "speedup"),
    [(100.0, 100.0, 2.0), (100.0, 200.0, 1.0), (100.0, 400.0, 0.5)],
)
def test_speed_up_is_work_done_in_the_same_time(
    scaling_conftest: ModuleType, one: float, two: float, speedup: float
) -> None:
    """Two threads do twice the work: in the same time that is a speed-up of two."""
    assert scaling_conftest.speedups([one], [two]) == [speedup]


def test_neighbours_are_compared(scaling_conftest: ModuleType) -> None:
    """A machine that gets slower while the row runs changes no ratio."""
    one = [100.0, 200.0, 400.0, 800.0]
    found = scaling_conftest.scaling(one, [1.25 * value for value in one], 10)

    assert found["speedup"] == found["low"] == found["high"] == 1.6
    assert found["rounds"] == 4
    assert found["one_thread_ns"] == 30.0


def test_windows_without_a_partner_are_left_out(scaling_conftest: ModuleType) -> None:
    found = scaling_conftest.scaling([100.0, 100.0, 1.0], [200.0, 200.0], 1)

    assert found["rounds"] == 2
    assert found["speedup"] == 1.0


def test_the_suite_s_crews_are_used(scaling_conftest: ModuleType) -> None:
    shared = scaling_conftest.suite_conftest()

    assert shared is scaling_conftest.suite_conftest()
    assert shared.Crew.__name__ == "Crew"
