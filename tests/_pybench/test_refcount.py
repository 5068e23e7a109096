"""The refcount kernels count what they are asked for and lose no reference."""

import gc
import re
import sys
from typing import Any

import pytest

import _pybench

TARGETS = ("owned", "foreign", "immortal", "shared")
FORMS = ("paired", "chained", "strided")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("threads", [1, 2])
def test_pair_does_exactly_what_is_asked(target: str, form: str, threads: int) -> None:
    if target == "immortal" and sys.version_info < (3, 12):
        with pytest.raises(NotImplementedError, match=r"before CPython 3\.12"):
            _pybench.refcount_pair(10, target=target)
        return

    results = _pybench.refcount_pair(
        1003, rounds=3, threads=threads, target=target, form=form
    )

    assert [result.operations for result in results] == [(1003,) * threads] * 3
    assert all(result.attached for result in results)


@pytest.mark.parametrize("layout", ["shared", "private"])
def test_stress_does_exactly_what_is_asked(layout: str) -> None:
    (result,) = _pybench.refcount_stress(5001, threads=3, layout=layout)

    assert result.operations == (5001, 5001, 5001)


def test_weakref_does_exactly_what_is_asked() -> None:
    (result,) = _pybench.refcount_weakref(777, threads=2)

    assert result.operations == (777, 777)


@pytest.mark.parametrize("width", ["whole", "half", "mixed"])
def test_word_does_exactly_what_is_asked(width: str) -> None:
    (result,) = _pybench.refcount_word(777, threads=2, width=width)

    assert result.operations == (777, 777)
    assert not result.attached


def test_word_names_an_unknown_width() -> None:
    message = "width must be one of 'whole', 'half', 'mixed', not 'double'"
    with pytest.raises(ValueError, match=re.escape(message)):
        _pybench.refcount_word(10, width="double")


def test_try_incref_runs_from_314_and_says_so_before() -> None:
    if sys.version_info >= (3, 14):
        assert _pybench.refcount_try_incref(777)[0].operations == (777,)
        assert _pybench.KERNELS["refcount_try_incref"]["missing"] == ""
    else:
        with pytest.raises(NotImplementedError, match=r"CPython 3\.14"):
            _pybench.refcount_try_incref(777)


@pytest.mark.parametrize(
    ("argument", "value", "choices"),
    [
        ("target", "mine", "'owned', 'foreign', 'immortal', 'shared'"),
        ("form", "twisted", "'paired', 'chained', 'strided'"),
    ],
)
def test_pair_names_an_unknown_choice(
    argument: str, value: object, choices: str
) -> None:
    message = f"{argument} must be one of {choices}, not '{value}'"
    wrong: Any = {argument: value}
    with pytest.raises(ValueError, match=re.escape(message)):
        _pybench.refcount_pair(10, **wrong)


def test_stress_names_an_unknown_layout() -> None:
    with pytest.raises(ValueError, match=r"layout must be one of .*, not 'padded'"):
        _pybench.refcount_stress(10, layout="padded")


@pytest.mark.skipif(
    sys.version_info < (3, 12), reason="no object is immortal before CPython 3.12"
)
def test_the_immortal_object_survives_with_its_count() -> None:
    before = sys.getrefcount(None)

    _pybench.refcount_pair(10_000, threads=2, target="immortal")

    assert sys.getrefcount(None) == before


def test_calls_leave_no_memory_behind() -> None:
    def blocks() -> int:
        gc.collect()
        return sys.getallocatedblocks()

    def series() -> None:
        for target in TARGETS:
            if target != "immortal" or sys.version_info >= (3, 12):
                _pybench.refcount_pair(100, threads=2, target=target)
        _pybench.refcount_weakref(100)

    series()
    before = blocks()
    for _ in range(100):
        series()

    # 500 calls make 64 to 128 objects each; one lost per call would show.
    assert blocks() - before < 100
