"""What the common ways to make a string cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="strings")

Unrolled = Callable[..., Callable[[], object]]


def test_benchmark_interpreter_fstring(
    benchmark: BenchmarkFixture, unrolled: Unrolled
) -> None:
    """Format a string and a number with an f-string.

    One operation is the number's text, the joining of four parts, and dropping the
    result. Expect 60 to 150 ns, half of it the number.
    """
    benchmark(unrolled("_ = f'{name}: {count} rows'", name="suite", count=1234))


def test_benchmark_interpreter_format_method(
    benchmark: BenchmarkFixture, unrolled: Unrolled
) -> None:
    """Format the same string with `str.format`.

    One operation is the call, the parsing of the template and the result. Expect
    twice `fstring` or more: the template is parsed every time.
    """
    benchmark(
        unrolled(
            "_ = template.format(name, count)",
            template="{}: {} rows",
            name="suite",
            count=1234,
        )
    )


def test_benchmark_interpreter_concatenate(
    benchmark: BenchmarkFixture, unrolled: Unrolled
) -> None:
    """Join two short strings with `+`.

    One operation is one new string of 16 characters. Expect 15 to 40 ns.
    """
    benchmark(unrolled("_ = first + second", first="x" * 8, second="y" * 8))


def test_benchmark_interpreter_join(
    benchmark: BenchmarkFixture, unrolled: Unrolled
) -> None:
    """Join a list of ten short strings.

    One operation is one `join`, which measures the parts, then copies them. Expect
    60 to 150 ns.
    """
    benchmark(unrolled("_ = ','.join(parts)", parts=["part"] * 10))
