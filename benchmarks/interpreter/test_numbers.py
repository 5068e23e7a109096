"""What numbers cost beyond an addition: their sizes, kinds and conversions."""

from collections.abc import Callable

import pytest

pytestmark = pytest.mark.benchmark(group="numbers")

Statement = Callable[..., object]


@pytest.mark.parametrize("bits", [30, 60, 1000, 10_000])
def test_benchmark_interpreter_multiply_int(statement: Statement, bits: int) -> None:
    """Multiply two whole numbers of so many bits.

    One operation is the product and dropping it. Expect 10 to 30 ns up to a digit or
    two of 30 bits; then the digits count, with their square up to some thousand bits.
    """
    statement("_ = value * value", value=(1 << bits) - 1)


def test_benchmark_interpreter_divide_int(statement: Statement) -> None:
    """Divide a whole number with `//`.

    One operation is the quotient of two numbers of one digit. Expect 10 to 40 ns.
    """
    statement("_ = first // second", first=1_000_003, second=7)


def test_benchmark_interpreter_divide_float(statement: Statement) -> None:
    """Divide a float with `/`.

    One operation is the quotient and the float that holds it. Expect 5 to 20 ns.
    """
    statement("_ = first / second", first=1.5, second=7.25)


def test_benchmark_interpreter_power_float(statement: Statement) -> None:
    """Raise a float to a power with `**`.

    One operation is the C library's `pow`, its special cases and the result. Expect 30
    to 100 ns.
    """
    statement("_ = first ** second", first=1.5, second=2.25)


def test_benchmark_interpreter_compare_int(statement: Statement) -> None:
    """Compare two whole numbers and branch on it.

    One operation is the comparison and the jump that is not taken. Expect 2 to 8 ns.
    """
    statement("if first > second:\n    pass", first=1_000_003, second=2_000_003)


def test_benchmark_interpreter_int_from_str(statement: Statement) -> None:
    """Read a whole number of seven digits from a text.

    One operation is a call of `int`, the scan and the number. Expect 60 to 150 ns.
    """
    statement("_ = int(text)", text="1234567")


def test_benchmark_interpreter_str_from_float(statement: Statement) -> None:
    """Write a float as the shortest text that reads back the same.

    One operation is a call of `repr`. Expect 200 to 600 ns: finding the shortest is
    most of it.
    """
    statement("_ = repr(value)", value=0.1 + 0.2)


def test_benchmark_interpreter_complex_multiply(statement: Statement) -> None:
    """Multiply two complex numbers.

    One operation is four products, two sums and the result; no version specializes
    it. Expect 20 to 50 ns.
    """
    statement("_ = value * value", value=1.5 + 2.5j)
