"""`benchmark_async`: what awaiting a coroutine function takes, on a loop that is open.

    def test_request(benchmark_async):
        client = benchmark_async.run(connect())
        benchmark_async(client.request, "/")

One event loop lives as long as the row. The clock is read inside of it, around the
awaiting: neither opening a loop nor entering it is in the time. The loop is asyncio's
own, or uvloop's by ``--benchmark-async-loop=uvloop`` or the marker
``async_loop("uvloop")``.
"""

import importlib
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from itertools import repeat
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pybench.records.samples import Sample
from pybench.target.plugin.interleaving_adapters import REFILL_FROM, find_count
from pybench.target.plugin.interleaving_timer import SampleTimer, undisturbed
from pybench.target.plugin.options import ASYNC_LOOP, LOOPS
from pybench.target.plugin.stock_rows import (
    add_rounds,
    mark_ours,
    say_ignored,
    used_once,
)
from pybench.target.process import clocks
from pybench.target.process.lazy_results import article, discard, kind_of

if TYPE_CHECKING:  # sessions without such a row shall not pay for it
    import asyncio

NAME = "benchmark_async"
MARKER = "async_loop"

# A short round is sized by the shortest of so many more.
SIZED_BY = 10
SIZED_NS = 100_000

S = TypeVar("S")
T = TypeVar("T")
Function = Callable[..., Awaitable[Any]]
MakeLoop = Callable[[], "asyncio.AbstractEventLoop"]


def loop_kind(item: pytest.Item) -> str:
    """Read which loop a row wants: what its marker says, else the option."""
    marker = item.get_closest_marker(MARKER)
    if marker is None:
        return str(item.config.getoption(ASYNC_LOOP))
    if marker.kwargs or len(marker.args) != 1 or marker.args[0] not in LOOPS:
        raise pytest.UsageError(
            f"{item.nodeid}: the marker is {MARKER}(name) with one of "
            f"{', '.join(LOOPS)}, not {MARKER}{marker.args or marker.kwargs or ''}"
        )
    return str(marker.args[0])


def loop_factory(kind: str) -> MakeLoop:
    """Return what makes a loop; the row is n/a where it is not installed."""
    __tracebackhide__ = True  # a skip is reported at the test's line
    try:
        module = importlib.import_module(kind)
    except ImportError as error:
        pytest.skip(f"n/a: {kind} does not import ({error}): pip install {kind}")
    factory: MakeLoop = module.new_event_loop
    return factory


class OpenLoop:
    """A loop that is open until it is closed, on which coroutines are run.

    Debug mode is off whatever the environment says: it multiplies every cost. An error
    in a callback, which asyncio would only log, stops the loop and the row: a task may
    be waiting for what the callback should have done.
    """

    def __init__(self, factory: MakeLoop) -> None:
        import asyncio

        self._runner = asyncio.Runner(debug=False, loop_factory=factory)
        self._failures: list[dict[str, Any]] = []
        self.loop = self._runner.get_loop()
        self.loop.set_exception_handler(self._fail)

    def _fail(self, loop: "asyncio.AbstractEventLoop", context: dict[str, Any]) -> None:
        self._failures.append(context)
        loop.stop()

    def run(self, awaitable: Awaitable[T]) -> T:
        """Run it to its end.

        Not by the runner, whose way with Ctrl-C waits for a coroutine that suspends.
        """
        __tracebackhide__ = True
        import asyncio

        running: object = asyncio._get_running_loop()
        if running is not None:
            if inspect.iscoroutine(awaitable):
                awaitable.close()
            raise RuntimeError(
                f"{NAME} has an event loop of its own, and another one is running: use "
                "it in a plain `def` test"
            )
        try:
            result: T = self.loop.run_until_complete(awaitable)
        except RuntimeError:
            self._raise_failure()
            raise
        self._raise_failure()
        return result

    def _raise_failure(self) -> None:
        __tracebackhide__ = True
        if self._failures:
            context = self._failures[0]
            self._failures.clear()
            raise RuntimeError(context["message"]) from context.get("exception")

    def close(self) -> None:
        """Cancel what is left, and close the loop."""
        self.loop.set_exception_handler(None)
        self._runner.close()
        self._raise_failure()


class Awaits:
    """Calls of a coroutine function, each awaited to its end."""

    def __init__(
        self, function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        given: object = function
        if inspect.iscoroutine(given):
            given.close()
            raise TypeError(
                f"{NAME} calls a coroutine function again and again, and a coroutine "
                f"runs once: give it main, not main()"
            )
        if not callable(function):
            raise TypeError(f"{NAME} calls a function, and {function!r} is none")
        self._call = function, args, kwargs

    async def once(self) -> Any:
        """Await one call; look that there is something to await."""
        function, args, kwargs = self._call
        made: Any = function(*args, **kwargs)
        if not inspect.isawaitable(made):
            kind = kind_of(made)
            what = article(kind) if kind else f"{made!r}"
            discard(made)
            raise TypeError(
                f"{NAME} awaits what a call returns, and {function!r} returned {what}: "
                "give it a coroutine function; a plain one is for benchmark"
            )
        return await made

    async def timed(
        self, calls: int, start: Callable[[], S], stop: Callable[[], T]
    ) -> tuple[S, T]:
        """Await so many between two readings of a clock; return both."""
        function, args, kwargs = self._call
        times = repeat(None, calls)
        begun = start()
        for _ in times:
            await function(*args, **kwargs)
        return begun, stop()

    async def window_ns(self, calls: int) -> int:
        """Return what awaiting so many took."""
        began, ended = await self.timed(calls, clocks.wall_ns, clocks.wall_ns)
        return ended - began

    async def rounds_s(self, calls: int, least: int, budget_s: float) -> list[float]:
        """Take rounds of so many calls, `least` at least, until the time is over."""
        rounds: list[float] = []
        until = monotonic() + budget_s
        while len(rounds) < least or monotonic() < until:
            rounds.append(await self.window_ns(calls) / 1e9)
        return rounds


class AsyncAdapter:
    """How a row of `benchmark_async` is run sample by sample."""

    rounds = None

    def __init__(self, benchmark: Any, loop: OpenLoop, awaits: Awaits) -> None:
        self._benchmark = benchmark
        self._loop = loop
        self._awaits = awaits
        self._timer = SampleTimer()

    def size(self, target_ns: float, most: int) -> dict[str, int]:
        """Find how many calls fill a sample."""

        def timed(count: int) -> tuple[float, float]:
            wall = self.run({"count": count}, refill=False).wall_ns
            return wall, wall

        if most > 1:
            self._loop.run(self._awaits.once())
        return {"count": find_count(timed, target_ns, most)}

    def run(self, numbers: Mapping[str, int], *, refill: bool = True) -> Sample:
        """Time so many calls."""
        timer, calls = self._timer, numbers["count"]
        with undisturbed(is_collector_off=self._benchmark._disable_gc):
            return self._loop.run(
                self._sample(timer, calls, refill=refill and calls >= REFILL_FROM)
            )

    async def _sample(self, timer: SampleTimer, calls: int, *, refill: bool) -> Sample:
        if refill:
            await self._awaits.once()
        _, sample = await self._awaits.timed(calls, timer.start, timer.stop)
        return sample

    def finish(self) -> Any:
        """Await it once more for the row."""
        return self._loop.run(self._awaits.once())


class AsyncFixture:
    """What the fixture `benchmark_async` is."""

    def __init__(
        self,
        benchmark: Any,
        item: pytest.Item,
        say: Callable[[str], None],
        serve: Callable[..., Any] | None,
    ) -> None:
        self._benchmark = benchmark
        self._item = item
        self._kind = ""
        self._say = say
        self._serve = serve
        self._open: OpenLoop | None = None

    @property
    def extra_info(self) -> dict[str, Any]:
        """What the row says of itself, as that of `benchmark`."""
        info: dict[str, Any] = self._benchmark.extra_info
        return info

    @property
    def loop(self) -> "asyncio.AbstractEventLoop":
        """The row's event loop, open until the row has ended."""
        return self._opened().loop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the row's loop, outside of the timing."""
        __tracebackhide__ = True
        return self._opened().run(coroutine)

    def __call__(self, function: Function, *args: Any, **kwargs: Any) -> Any:
        """Time ``await function(*args, **kwargs)``; return what a last one returned."""
        __tracebackhide__ = True
        with used_once(self._benchmark, f"{NAME}(...)"):
            awaits = Awaits(function, args, kwargs)
            return self._measured(self._opened(), awaits)

    def close(self) -> None:
        """End the loop, if there is one."""
        if self._open is not None:
            self._open.close()

    def _opened(self) -> OpenLoop:
        __tracebackhide__ = True
        if self._open is None:
            self._kind = loop_kind(self._item)
            self._open = OpenLoop(loop_factory(self._kind))
        return self._open

    def _measured(self, loop: OpenLoop, awaits: Awaits) -> Any:
        __tracebackhide__ = True
        benchmark = self._benchmark
        self.extra_info["event_loop"] = self._kind
        mark_ours(benchmark, NAME)
        if self._serve is not None:
            return self._serve(benchmark, AsyncAdapter(benchmark, loop, awaits))
        if benchmark.enabled:
            say_ignored(benchmark, NAME, self._say)
            loop.run(awaits.once())
            with undisturbed(is_collector_off=benchmark._disable_gc):
                self._take(loop, awaits)
        return loop.run(awaits.once())

    def _take(self, loop: OpenLoop, awaits: Awaits) -> None:
        """Size a round as stock does, and take as many as its options say."""
        __tracebackhide__ = True
        benchmark = self._benchmark

        async def shortest_ns(calls: int) -> int:
            # The first ones have the caches as entering the loop left them.
            least = await awaits.window_ns(calls)
            for _ in range(SIZED_BY):
                if least < SIZED_NS:
                    least = min(least, await awaits.window_ns(calls))
            return least

        def run(loops: range) -> float:
            return loop.run(shortest_ns(len(loops))) / 1e9

        _, calls, _ = benchmark._calibrate_timer(run)
        taken = awaits.rounds_s(calls, benchmark._min_rounds, benchmark._max_time)
        add_rounds(benchmark, loop.run(taken), calls)
