"""What reading a value that belongs to this thread or this context costs."""

import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context

import pytest

pytestmark = pytest.mark.benchmark(group="locals")

Statement = Callable[..., object]

# A context keeps its variables alive, so they are made once, at the module's level.
SETTING: ContextVar[str] = ContextVar("SETTING")


def test_benchmark_threading_local_read(statement: Statement) -> None:
    """Read an attribute of a `threading.local`.

    One operation is the attribute, found in this thread's own dict. Expect 20 to
    60 ns, ten times an ordinary attribute: it is not specialized.
    """
    local = threading.local()
    local.value = None
    statement("_ = local.value", local=local)


def test_benchmark_threading_local_write(statement: Statement) -> None:
    """Store an attribute of a `threading.local`.

    One operation is one store over an old value. Expect about `local_read`.
    """
    local = threading.local()
    local.value = None
    statement("local.value = None", local=local)


def test_benchmark_threading_contextvar_get(statement: Statement) -> None:
    """Read a context variable.

    One operation is `get()`; the variable remembers its last value and for which
    context, so no mapping is searched. Expect 10 to 30 ns.
    """
    token = SETTING.set("value")
    statement("_ = variable.get()", variable=SETTING)
    SETTING.reset(token)


def test_benchmark_threading_contextvar_set(statement: Statement) -> None:
    """Set a context variable and put it back.

    One operation is `set` and `reset`: a token and two new versions of the
    context's mapping. Expect 100 to 300 ns.
    """
    statement("variable.reset(variable.set(None))", variable=SETTING)


def test_benchmark_threading_context_run(statement: Statement) -> None:
    """Copy the context and call an empty function in the copy.

    One operation is `copy_context()`, which copies nothing but a pointer, and
    `run`. Expect 60 to 200 ns: what `to_thread` and every task pay.
    """

    def nothing() -> None:
        """Do nothing."""

    statement("copy().run(nothing)", copy=copy_context, nothing=nothing)
