"""What the common ways to make a string cost."""

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="strings")

Statement = Callable[..., object]


def test_benchmark_interpreter_fstring(statement: Statement) -> None:
    """Format a string and a number with an f-string.

    One operation is the number's text, the joining of four parts, and dropping the
    result. Expect 60 to 150 ns, half of it the number.
    """
    statement("_ = f'{name}: {count} rows'", name="suite", count=1234)


def test_benchmark_interpreter_format_method(statement: Statement) -> None:
    """Format the same string with `str.format`.

    One operation is the call, the parsing of the template and the result. Expect
    twice `fstring` or more: the template is parsed every time.
    """
    statement(
        "_ = template.format(name, count)",
        template="{}: {} rows",
        name="suite",
        count=1234,
    )


def test_benchmark_interpreter_concatenate(statement: Statement) -> None:
    """Join two short strings with `+`.

    One operation is one new string of 16 characters. Expect 15 to 40 ns.
    """
    statement("_ = first + second", first="x" * 8, second="y" * 8)


def test_benchmark_interpreter_join(statement: Statement) -> None:
    """Join a list of ten short strings.

    One operation is one `join`, which measures the parts, then copies them. Expect
    60 to 150 ns.
    """
    statement("_ = ','.join(parts)", parts=["part"] * 10)


def test_benchmark_interpreter_string_split(benchmark: BenchmarkFixture) -> None:
    """Split a text of a hundred words at its blanks.

    One operation is one `str.split` and dropping the words. Expect 2 to 6 us.
    """
    benchmark(" ".join(["word"] * 100).split)


def test_benchmark_interpreter_string_replace(benchmark: BenchmarkFixture) -> None:
    """Replace every tenth character of a text of a thousand.

    One operation is one `str.replace` of a single character. Expect 0.5 to 3 us.
    """
    benchmark(("abcdefghi." * 100).replace, ".", "!")


def test_benchmark_interpreter_bytes_decode(benchmark: BenchmarkFixture) -> None:
    """Decode a thousand bytes of ASCII as UTF-8.

    One operation is one `bytes.decode`. Expect 50 to 200 ns: ASCII is checked and
    copied a word at a time.
    """
    benchmark((b"0123456789" * 100).decode)


def test_benchmark_interpreter_string_slice(statement: Statement) -> None:
    """Take ten characters out of the middle of a text.

    One operation is the slice and dropping it. Expect 30 to 80 ns.
    """
    statement("_ = text[40:50]", text="0123456789" * 10)
