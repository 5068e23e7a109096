"""What each thread of a team calls: made in that thread, which owns all it counts."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import repeat
from types import FunctionType
from typing import Any, TypeVar

from pybench.target.process.thread_team import ThreadTeam

# What the control hashes at once: long enough to drop the GIL, and within a cache.
CONTROL_BYTES = 64 * 1024

T = TypeVar("T")
Setup = Callable[[], tuple[Sequence[Any], Mapping[str, Any]] | None]


def made_by_each(team: ThreadTeam, make: Callable[[], T]) -> list[T]:
    """Let each thread make its own, one after the other.

    What makes it, a `setup` for one, need not be safe for threads.
    """
    return [team.run([*repeat(None, index), make])[index] for index in range(len(team))]


def control_call() -> Callable[[], None]:
    """Return work that shares nothing with other threads and holds no GIL."""
    import hashlib  # not for processes without threads

    return partial(hashlib.sha256(usedforsecurity=False).update, bytes(CONTROL_BYTES))


def own_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for one thread alone where its count would be contended.

    A free-threaded build counts a nested function at each call, in one word for all
    threads; functions of a module it does not. A thread of a program calls one that it
    loops in, once. The copy shares code, cells and defaults.
    """
    if type(function) is not FunctionType:
        return function
    if not function.__code__.co_flags & inspect.CO_NESTED:
        return function
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__dict__.update(function.__dict__)
    return copy


def own_arguments(
    args: Sequence[Any], kwargs: Mapping[str, Any], setup: Setup | None, fixture: str
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Return a thread's arguments: what `setup` gives, or new ones of the same values.

    Their tuple is another one, so that its count is the thread's own. `fixture` is who
    was given them.
    """
    given: Any = setup() if setup is not None else None
    if given is None:
        return (*args,), dict(kwargs)
    if args or kwargs:
        raise TypeError(
            "Can't use `args` or `kwargs` if `setup` returns the arguments."
        )
    is_pair = isinstance(given, tuple) and len(given) == 2
    if not is_pair or not isinstance(given[1], Mapping):
        raise TypeError(
            f"setup of {fixture} gives None or (args, kwargs), as that of "
            f"benchmark.pedantic; not {given!r}"
        )
    return (*given[0],), dict(given[1])
