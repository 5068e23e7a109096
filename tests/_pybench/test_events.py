"""Counters by perf_event_open: what is none is refused."""

import os

import pytest

import _pybench


def test_a_counter_counts_or_the_system_says_why() -> None:
    try:
        counter = _pybench.event_open("page_faults")
    except OSError as error:
        pytest.skip(f"n/a: {error}")
    (before,) = _pybench.event_counts((counter,))
    assert bytearray(20_000_000)
    (after,) = _pybench.event_counts((counter,))
    os.close(counter)

    assert 0 <= before < after


def test_what_is_no_counter_is_refused() -> None:
    for name, error in (
        ("x", (ValueError, OSError)),
        (3, TypeError),
        ("\ud800", Exception),
    ):
        with pytest.raises(error):
            _pybench.event_open(name)  # type: ignore[arg-type]
    for descriptors in ((-1,), (2**31,), (10**30,), ("x",), [1], None):
        with pytest.raises((OSError, OverflowError, TypeError)):
            _pybench.event_counts(descriptors)  # type: ignore[arg-type]
    assert _pybench.event_counts(()) == ()
