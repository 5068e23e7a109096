"""Rows whose call only makes what has yet to be run: refused, or said.

The stock fixture times the making of a coroutine, which is then never awaited: such a
row fails, with the way out. Somebody may want to time the making of a generator, so
that row is measured and the session says what the number is of.
"""

from collections.abc import Callable
from typing import Any

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


def look_at_rows(fixture: type, session: Session) -> Callable[[], None]:
    """Look at what calls of each row make; returns what undoes it.

    Parameters
    ----------
    fixture : type
        The stock fixture, whose two inner methods are wrapped.
    session : Session
        Says what is measured all the same.
    """
    stock: Any = fixture
    kept = stock._raw, stock._raw_pedantic

    def look(benchmark: Any, kind: str) -> None:
        __tracebackhide__ = True
        if kind in (COROUTINE, ASYNC_GENERATOR):
            raise TypeError(
                f"a call of this row makes {article(kind)} and does not run it: give "
                "benchmark something that runs it to its end, such as lambda: "
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

    stock._raw, stock._raw_pedantic = map(looked_at, kept)

    def undo() -> None:
        stock._raw, stock._raw_pedantic = kept

    return undo
