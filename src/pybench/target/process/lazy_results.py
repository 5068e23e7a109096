"""Whether a call did its work, or returned what has yet to be run.

The one place that decides it, for everything that calls what somebody else wrote: the
notebook, ``%bench``, ``pybench profile run``, rows. It looks at what a call returned,
and not at what was called: a partial, a method, an object with ``__call__`` or a
wrapper around a coroutine function returns a coroutine all the same.
"""

import inspect
import itertools
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from typing import Any

from pybench.records.lazy_kinds import ASYNC_GENERATOR as ASYNC_GENERATOR
from pybench.records.lazy_kinds import ASYNCHRONOUS as ASYNCHRONOUS
from pybench.records.lazy_kinds import AWAITABLE as AWAITABLE
from pybench.records.lazy_kinds import COROUTINE as COROUTINE
from pybench.records.lazy_kinds import GENERATOR as GENERATOR
from pybench.records.lazy_kinds import ITERATOR as ITERATOR
from pybench.records.lazy_kinds import article as article
from pybench.records.lazy_kinds import sentence as sentence

# Iterators that call back or read another iterator only as they are asked, and end
# where that ends. `count`, `cycle` and `repeat` never do.
_LAZY = (map, filter, zip, enumerate)
_ENDLESS = (itertools.count, itertools.cycle, itertools.repeat)


class UnfinishedError(TypeError):
    """A call that returned something of this kind, which has yet to be run."""

    def __init__(self, call: Callable[[], object], kind: str) -> None:
        super().__init__(f"a call makes {article(kind)} and does not run it")
        self.call = call
        self.kind = kind


def kind_of(result: object) -> str:
    """Return what has yet to be run, "" for a result that is one.

    It looks at the type alone, so that no code of the object runs.
    """
    kind = type(result)
    if issubclass(kind, Coroutine):
        return COROUTINE
    if issubclass(kind, AsyncGenerator):
        return ASYNC_GENERATOR
    if issubclass(kind, Awaitable):
        return AWAITABLE
    if issubclass(kind, Generator):
        # What types.coroutine decorates is awaited, and returns a generator.
        code = getattr(result, "gi_code", None)
        is_awaited = code is not None and code.co_flags & inspect.CO_ITERABLE_COROUTINE
        return COROUTINE if is_awaited else GENERATOR
    if issubclass(kind, _LAZY) or (
        kind.__module__ == "itertools" and not issubclass(kind, _ENDLESS)
    ):
        return ITERATOR
    return ""


def surely_makes(call: object) -> str:
    """Return what a call makes as far as that is known without calling; else "".

    Of a wrapper, or an instance that is called, only its result tells.
    """
    if inspect.iscoroutinefunction(call):
        return COROUTINE
    if inspect.isasyncgenfunction(call):
        return ASYNC_GENERATOR
    return GENERATOR if inspect.isgeneratorfunction(call) else ""


def discard(result: object) -> None:
    """Close what was made and is not run, so that nobody warns of it."""
    close = getattr(result, "close", None)
    if issubclass(type(result), Coroutine | Generator) and close is not None:
        close()


def look(call: Callable[[], object], result: object) -> None:
    """Raise `UnfinishedError` for what has yet to be run; what was made is closed."""
    kind = kind_of(result)
    if kind:
        discard(result)
        raise UnfinishedError(call, kind)


def drained(call: Callable[[], Any]) -> Callable[[], object]:
    """Return what calls a generator function, or its like, and runs it to its end."""
    drop = deque[object](maxlen=0).extend

    def run() -> None:
        drop(call())

    return run


def awaited(
    call: Callable[[], Any], kind: str
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return a coroutine function that runs to its end what a call makes."""
    if kind == ASYNC_GENERATOR:

        async def run() -> None:
            async for _ in call():
                pass

        return run

    async def wait() -> None:
        await call()

    return wait
