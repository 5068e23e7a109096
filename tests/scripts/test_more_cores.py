"""What a simulation of more cores makes of rows whose times are known."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def more_cores(script_of: Callable[[str], ModuleType]) -> ModuleType:
    """Return the script as a module."""
    return script_of("more_cores")


def test_waves_take_what_their_longest_batch_takes(more_cores: ModuleType) -> None:
    rows = {f"row {n}": (4, 0.5) for n in range(40)}  # four batches of 20 s

    assert more_cores.alone_s(rows, 3.0) == pytest.approx(4 * 23)
    assert more_cores.beside_s(rows, 3.0, 1) == more_cores.alone_s(rows, 3.0)
    # Two processes a batch start on two CPUs: twice as long for two batches.
    assert more_cores.beside_s(rows, 3.0, 2) == pytest.approx(2 * (20 + 6))
    # Of four cores one is the controller's: three batches, then one.
    assert more_cores.beside_s(rows, 3.0, 4) == pytest.approx(20 + 6 + 20 + 3)


def test_rows_leave_when_they_have_their_pairs(more_cores: ModuleType) -> None:
    rows = {"short": (1, 2.0), "long": (3, 1.0)}

    assert more_cores.alone_s(rows, 1.0) == pytest.approx(3.0 + 1.0 + 1.0 + 3 * 1.0)
