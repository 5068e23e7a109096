"""What exceptions cost, when they are raised and when they are not."""

from collections.abc import Callable
from contextlib import suppress

import pytest

pytestmark = pytest.mark.benchmark(group="exceptions")

Statement = Callable[..., object]


def fail(depth: int) -> None:
    """Raise from below the given number of calls."""
    if depth:
        fail(depth - 1)
    raise ValueError


class Manager:
    """A context manager that does nothing."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *details: object) -> None:
        """Do nothing."""


def test_benchmark_interpreter_exception_not_taken(statement: Statement) -> None:
    """Enter and leave a `try` in which nothing is raised.

    One operation is the `try` around a store of a local. Expect the store alone,
    about 1 ns: since 3.11 a `try` costs nothing until something is raised.
    """
    statement("try:\n    _ = one\nexcept ValueError:\n    pass", one=None)


def test_benchmark_interpreter_exception_taken(statement: Statement) -> None:
    """Raise an exception and catch it in the same function.

    One operation is the making of a ValueError, its traceback entry, the search of
    the handler, the match, and dropping it all. Expect 60 to 200 ns.
    """
    statement("try:\n    raise ValueError\nexcept ValueError:\n    pass")


def test_benchmark_interpreter_exception_from_c(statement: Statement) -> None:
    """Catch the KeyError of a dict that lacks a key.

    One operation is the look-up in vain, the exception that C raises, and catching
    it. Expect about `exception_taken`.
    """
    statement("try:\n    table[1]\nexcept KeyError:\n    pass", table={})


def test_benchmark_interpreter_exception_deep(statement: Statement) -> None:
    """Raise an exception through ten frames.

    One operation is eleven calls, one raise, and eleven frames left through their
    traceback entries. Expect 0.5 to 2 us: each frame gets an object it would not
    have had otherwise.
    """
    statement("try:\n    fail(10)\nexcept ValueError:\n    pass", fail=fail)


def test_benchmark_interpreter_with_manager(statement: Statement) -> None:
    """Enter and leave a context manager written in Python.

    One operation is two method calls and what `with` adds; the manager is made
    once, outside. Expect two to three times `call_method`, and the packing of the
    exit's three arguments.
    """
    statement("with manager:\n    pass", manager=Manager())


def test_benchmark_interpreter_with_suppress(statement: Statement) -> None:
    """Swallow an exception with `contextlib.suppress`.

    One operation is making the manager, raising, and swallowing. Expect two to
    four times `exception_taken`.
    """
    statement(
        "with suppress(ValueError):\n    raise ValueError",
        suppress=suppress,
    )
