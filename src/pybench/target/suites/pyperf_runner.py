"""What takes the place of ``pyperf.Runner`` while a script runs.

Each of its five methods makes a `Call`: the name of a benchmark, and a function that
makes so many calls and returns what they took. Who runs the script is given the call
and decides what becomes of it; the method returns at once, as it does in a worker of
pyperf whose turn is another benchmark.
"""

from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
import tempfile
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from pybench import children
from pybench.records.samples import Sample
from pybench.target.plugin.interleaving_timer import SampleTimer
from pybench.target.process.lazy_results import COROUTINE, surely_makes
from pybench.target.suites.script_clock import Reading, ScriptClock

if TYPE_CHECKING:
    import asyncio

# The options of pyperf's own parser that scripts read, by their defaults. A script is
# run as a worker, which measures, and not as the process that starts workers.
_FLAGS = (
    "rigorous", "fast", "debug-single-value", "verbose", "quiet", "in-process",
    "calibrate-loops", "recalibrate-loops", "calibrate-warmups", "recalibrate-warmups",
    "dump", "metadata", "hist", "stats", "copy-env", "tracemalloc", "track-memory",
)  # fmt: skip
_TEXTS = (
    "pipe", "output", "append", "timeout", "worker-task", "affinity", "compare-to",
    "python-names", "profile",
)  # fmt: skip
_LETTERS = {
    "processes": "p", "values": "n", "warmups": "w", "loops": "l", "verbose": "v",
    "quiet": "q", "output": "o", "dump": "d", "metadata": "m", "hist": "g",
    "stats": "t",
}  # fmt: skip

# A time function that times so much of itself has timed all of it.
_MOSTLY = 0.95
# What a count may be off by that was scaled up and down.
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One benchmark of a script.

    Attributes
    ----------
    name : str
        What the script calls it.
    timed : callable
        Makes so many calls and returns what they took.
    operations : int
        How many a call stands for.
    clock : ScriptClock or None
        What the script's own clock is replaced with while it is measured.
    """

    name: str
    timed: Callable[[int], Sample]
    operations: int = 1
    clock: ScriptClock | None = None


class Runner:
    """Has the methods of ``pyperf.Runner``; `recording` makes a class of one run."""

    take: ClassVar[Callable[[Call], None]] = staticmethod(lambda call: None)
    made: ClassVar[list[type]] = []

    def __init__(
        self,
        values: int | None = None,
        processes: int | None = None,
        loops: int = 0,
        min_time: float = 0.1,
        metadata: dict[str, Any] | None = None,
        show_name: bool = True,
        program_args: Sequence[str] | None = None,
        add_cmdline_args: Callable[..., None] | None = None,
        _argparser: argparse.ArgumentParser | None = None,
        warmups: int = 1,
        hooks: Sequence[object] | None = None,
    ) -> None:
        if type(self) in self.made:
            raise RuntimeError(
                f"the script makes two of {type(self).__name__}, and pyperf allows one "
                "in a process: let one runner have all benchmarks"
            )
        self.made.append(type(self))
        self.metadata = {} if metadata is None else metadata
        self.args: Any = None
        self.argparser = _argparser or argparse.ArgumentParser()
        numbers = {
            "values": values or 3,
            "processes": processes or 20,
            "loops": loops,
            "warmups": warmups,
        }
        _add_options(self.argparser, numbers, min_time)

    def parse_args(self, args: Sequence[str] | None = None) -> Any:
        """Parse the script's arguments, once."""
        if self.args is None or args is not None:
            if self.args is not None:
                raise RuntimeError("arguments already parsed")
            self.args = self.argparser.parse_args(args)
        return self.args

    def is_worker(self) -> bool:
        """Tell whether this process measures: it does."""
        return bool(self.parse_args().worker)

    # Benchmarks

    def bench_func(
        self,
        name: str,
        func: Callable[..., object],
        *args: object,
        inner_loops: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Hand on a function."""
        call = partial(func, *args) if args else func
        self._hand_on(name, inner_loops, partial(_function, call))

    def bench_time_func(
        self,
        name: str,
        time_func: Callable[..., Any],
        *args: object,
        inner_loops: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Hand on a function that makes so many calls and times them itself."""
        clock = ScriptClock()
        timed = partial(_time_function, time_func, args, clock)
        self._hand_on(name, inner_loops, timed, clock=clock)

    def bench_async_func(
        self,
        name: str,
        func: Callable[..., Any],
        *args: object,
        inner_loops: int | None = None,
        metadata: Mapping[str, object] | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        """Hand on a function whose result is awaited."""
        call = partial(func, *args) if args else func
        self._hand_on(name, inner_loops, partial(_awaited, call, loop_factory))

    def timeit(
        self,
        name: str,
        stmt: str | Sequence[str] | None = None,
        setup: str | Sequence[str] = "pass",
        teardown: str | Sequence[str] = "pass",
        inner_loops: int | None = None,
        duplicate: int | None = None,
        metadata: Mapping[str, object] | None = None,
        globals: Mapping[str, object] | None = None,
    ) -> None:
        """Hand on statements, which are repeated in one function."""
        copies = max(duplicate or 1, 1)
        source = [_lines(name if stmt is None else stmt)] * copies
        if not source[0].strip():
            raise ValueError("need at least one statement")
        inner = inner_loops
        if copies > 1:
            inner = (1 if inner is None else inner) * copies
        function = partial(
            _statement, "\n".join(source), _lines(setup), _lines(teardown), globals
        )
        self._hand_on(name, inner, _once(function))

    def bench_command(self, name: str, command: Sequence[str]) -> None:
        """Hand on a command: a call is the life of a child."""
        self._hand_on(name, None, partial(_command, [*map(os.fspath, command)]))

    def _hand_on(
        self,
        name: str,
        inner_loops: int | None,
        timed: Callable[[int], Sample],
        *,
        clock: ScriptClock | None = None,
    ) -> None:
        self.parse_args()  # which may end the script, as in pyperf
        given: object = name  # whatever the script has given
        if not isinstance(given, str) or not given.strip():
            raise TypeError(f"the name of a benchmark must be a text, not {name!r}")
        operations = 1 if inner_loops is None else inner_loops
        if type(operations) is not int or operations < 1:
            raise ValueError(
                f"{name}: inner_loops must be a whole number of at least 1, "
                f"not {inner_loops!r}"
            )
        type(self).take(
            Call(name=name, timed=timed, operations=operations, clock=clock)
        )


def recording(take: Callable[[Call], None]) -> type[Runner]:
    """Return the class that takes the place of pyperf's for one run of a script."""
    return type("Runner", (Runner,), {"take": staticmethod(take), "made": []})


def _add_options(
    parser: argparse.ArgumentParser, numbers: Mapping[str, int], min_time: float
) -> None:
    def add(name: str, **settings: Any) -> None:
        short = [f"-{_LETTERS[name]}"] if name in _LETTERS else []
        parser.add_argument(*short, f"--{name}", **settings)

    for name in _FLAGS:
        add(name, action="store_true")
    for name in _TEXTS:
        add(name)
    for name, default in numbers.items():
        add(name, type=int, default=default)
    add("min-time", type=float, default=min_time)
    add("hook", action="append")
    add("python", default=sys.executable)
    add("worker", action="store_true", default=True)
    add("no-locale", dest="locale", action="store_false")
    add("inherit-environ", type=lambda text: [*filter(None, text.split(","))])


# How each kind is timed


def _function(call: Callable[[], object], count: int) -> Sample:
    if surely_makes(call) == COROUTINE:
        raise TypeError(
            "a call makes a coroutine and does not run it: give it to bench_async_func"
        )
    timer, times = SampleTimer(), repeat(None, count)
    timer.start()
    for _ in times:
        call()
    return timer.stop()


def _awaited(
    call: Callable[[], Any],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None,
    count: int,
) -> Sample:
    import asyncio  # not for scripts that do without

    async def main() -> Sample:
        timer, times = SampleTimer(), repeat(None, count)
        timer.start()
        for _ in times:
            await call()
        return timer.stop()

    # A loop for each sample, as pyperf has one for each value; not timed.
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main())


def _time_function(
    function: Callable[..., Any],
    args: Sequence[object],
    clock: ScriptClock,
    count: int,
) -> Sample:
    timer = SampleTimer()
    clock.forget()
    timer.start()
    seconds = function(count, *args)
    whole = timer.stop()
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        try:
            seconds = float(seconds)  # of numpy, or a fraction
        except (TypeError, ValueError):
            raise TypeError(
                f"the time function returned {seconds!r}, which is no number of seconds"
            ) from None
    if not 0 <= seconds < math.inf:
        raise ValueError(
            f"the time function returned {float(seconds)!r} s for {count} calls, "
            "which no work takes"
        )
    wall_ns = round(seconds * 1e9)
    # Waits for the CPU are counted of the whole call alone. A CPU that was given up in
    # what is timed was given up in it too.
    is_all = wall_ns >= _MOSTLY * whole.wall_ns
    if not isinstance(seconds, Reading):
        clock.lose()
        is_known = is_all or whole.blocked == 0
        blocked = whole.blocked if is_known else None
        return Sample(wall_ns=wall_ns, cpu_ns=0, waited_ns=0, blocked=blocked)
    blocked = whole.blocked
    if blocked is not None:
        given_up = math.ceil(seconds.beside.imag - _ROUNDING)
        blocked = min(blocked, max(0, given_up))
    return Sample(
        wall_ns=wall_ns,
        cpu_ns=max(0, round(seconds.beside.real * 1e9)),
        waited_ns=whole.waited_ns if is_all else 0,
        blocked=blocked,
    )


def _once(make: Callable[[], Callable[[int], Sample]]) -> Callable[[int], Sample]:
    """Make a function when it is first called: most rows of a run never are."""
    made: list[Callable[[int], Sample]] = []

    def timed(count: int) -> Sample:
        if not made:
            made.append(make())
        return made[0](count)

    return timed


def _lines(text: str | Sequence[str]) -> str:
    parts = [text] if isinstance(text, str) else text
    return "\n".join(filter(None, (part.rstrip() for part in parts))) or "pass"


def _statement(
    statement: str, setup: str, teardown: str, names: Mapping[str, object] | None
) -> Callable[[int], Sample]:
    """Compile statements to a function: what `setup` makes are its local variables."""
    for text in (setup, statement, teardown):
        compile(text, "<timeit>", "exec")  # names the line of the text itself
    source = "\n".join(
        (
            "def timed(_times, _timer):",
            textwrap.indent(setup, "    "),
            "    _timer.start()",
            "    for _ in _times:",
            textwrap.indent(statement, "        "),
            "    _sample = _timer.stop()",
            textwrap.indent(teardown, "    "),
            "    return _sample",
        )
    )
    namespace = dict(names or {})
    exec(compile(source, "<timeit>", "exec"), namespace)
    function: Any = namespace["timed"]
    return lambda count: function(repeat(None, count), SampleTimer())


def _command(command: list[str], count: int) -> Sample:
    if not hasattr(os, "posix_spawnp"):
        pytest.skip("n/a: this platform has no posix_spawn")
    with tempfile.TemporaryFile() as errors:
        timer, times, descriptor = SampleTimer(), repeat(None, count), errors.fileno()
        timer.start()
        for _ in times:
            if status := children.spawn(command, descriptor):
                errors.seek(0)
                last = children.last_line(errors.read().decode(errors="replace"))
                raise RuntimeError(
                    f"{shlex.join(command)} {children.describe_end(status)}: "
                    f"{last or 'it said nothing'}"
                )
        return timer.stop()
