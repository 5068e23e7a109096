"""Rows whose call only makes what has yet to be run: refused, or said.

The stock fixture times the making of a coroutine, which is then never awaited: such a
row fails, with the way out. Somebody may want to time the making of a generator, so
that row is measured and the session says what the number is of.
"""

from collections.abc import Callable
from typing import Any

from pybench.target.plugin.replacing import replace_methods
from pybench.target.plugin.session import Session
from pybench.target.process.lazy_results import (
    ASYNC_GENERATOR,
    COROUTINE,
    GENERATOR,
    article,
    discard,
    kind_of,
    surely_makes,
)


def look_at_rows(fixture: Any, session: Session) -> Callable[[], None]:
    """Look at what calls of each row make; returns what undoes it.

    The two inner methods of the stock `fixture` are wrapped.
    """

    def look(benchmark: Any, kind: str) -> None:
        __tracebackhide__ = True
        if kind in (COROUTINE, ASYNC_GENERATOR):
            raise TypeError(
                f"a call of this row makes {article(kind)} and does not run it: take "
                "the fixture benchmark_async, which awaits it on an open loop, or "
                "give benchmark something that runs it to its end, such as lambda: "
                "asyncio.run(main())"
            )
        if kind == GENERATOR:
            session.say(
                f"{benchmark.fullname}: a call makes {article(kind)} and does not run "
                "it: the time is that of making it; benchmark(lambda: list(...)) "
                "measures the running"
            )

    def looked_at(inner: Callable[..., Any]) -> Callable[..., Any]:
        def run(benchmark: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            # Before anything is timed, where that can be known.
            look(benchmark, surely_makes(function))
            result = inner(benchmark, function, *args, **kwargs)
            kind = kind_of(result)
            if kind in (COROUTINE, ASYNC_GENERATOR):
                discard(result)
            look(benchmark, kind)
            return result

        return run

    return replace_methods(
        fixture,
        _raw=looked_at(fixture._raw),
        _raw_pedantic=looked_at(fixture._raw_pedantic),
    )
