"""`benchmark_threads`: a function on n threads at once, and in turns on one of them.

    @pytest.mark.parametrize("threads", [1, 2, 4])
    def test_counting(benchmark_threads, threads):
        benchmark_threads(work, 1000, threads=threads)

Every thread does all calls of a window, so a perfect scaling leaves the time per call
where it is with one thread. That of one thread is measured in between, by the same
thread on the same objects; and beside both a control that shares nothing and holds no
GIL: hashing of private bytes. Where the control loses too, the machine is the reason.
"""

import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count as numbers_from
from itertools import repeat
from time import monotonic
from typing import Any, TypeVar

from pybench.records.samples import Sample
from pybench.target.plugin.interleaving_adapters import whole_count
from pybench.target.plugin.interleaving_timer import (
    SampleTimer,
    schedstat,
    undisturbed,
    waited_ns,
)
from pybench.target.plugin.marking import label_threads
from pybench.target.plugin.stock_rows import (
    THREADS,
    add_rounds,
    mark_ours,
    say_ignored,
    used_once,
)
from pybench.target.process import clocks
from pybench.target.process.identity import extension, gil_enabled
from pybench.target.process.iterations import size_calls
from pybench.target.process.rounds import KernelResult
from pybench.target.process.speed_up import (
    Stamps,
    Turn,
    Window,
    disturbance,
    summarise,
    window,
)
from pybench.target.process.thread_calls import (
    Setup,
    control_call,
    made_by_each,
    own_arguments,
    own_function,
)
from pybench.target.process.thread_team import ThreadTeam, cpus_for

NAME = THREADS

# A window of one thread: far above the microseconds by which threads begin apart.
WINDOW_NS = 3_000_000

# So long before a window the threads are let go, and more for each: they wait for the
# moment on their CPUs, and begin together.
_LEAD_NS = 50_000
_LEAD_EACH_NS = 20_000

# Rounds of some hundred microseconds to a millisecond.
_MESSAGES = 2_000
_MESSAGE_ROUNDS = 3

T = TypeVar("T")


class Calls:
    """What one thread calls. That thread makes it, and so owns all that it counts."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> None:
        self._function = own_function(function)
        self._args = args
        self._kwargs = kwargs
        self._schedstat = schedstat()

    def once(self) -> Any:
        """Call it once, and return what it returned."""
        return self._function(*self._args, **self._kwargs)

    def timed(self, calls: int, begin_ns: int) -> Stamps:
        """Call it so often from that moment on."""
        function, args, kwargs = self._function, self._args, self._kwargs
        clock, times = clocks.wall_ns, repeat(None, calls)
        # The thread that lets the others go may need this CPU for it.
        give_way: Callable[[], object] = getattr(os, "sched_yield", int)
        while clock() < begin_ns:
            give_way()
        waited = waited_ns(self._schedstat)
        start = clock()
        for _ in times:
            function(*args, **kwargs)
        end = clock()
        return Stamps(start, end, waited_ns(self._schedstat) - waited)


def made_calls(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    setup: Setup | None,
) -> Calls:
    """Make a thread's calls, in that thread: what `setup` makes is its own."""
    return Calls(function, *own_arguments(args, kwargs, setup, NAME))


class Crowd:
    """A team of threads with the calls of each."""

    def __init__(self, team: ThreadTeam, make: Callable[[], Calls]) -> None:
        self._team = team
        self._calls = made_by_each(team, make)

    def window(self, threads: int, calls: int) -> Window:
        """Let the first threads do so many calls each, together."""
        __tracebackhide__ = True
        begin_ns = 0
        if self._team.is_pinned and not gil_enabled():
            begin_ns = clocks.wall_ns() + _LEAD_NS + threads * _LEAD_EACH_NS
        tasks = [partial(of.timed, calls, begin_ns) for of in self._calls[:threads]]
        return window(self._team.run(tasks))

    def size(self, target_ns: int) -> int:
        """Find how many calls of one thread fill a window."""
        return size_calls(lambda calls: self.window(1, calls).wall_ns, target_ns)

    def once(self) -> list[Any]:
        """Let all do one call; return what each returned."""
        __tracebackhide__ = True
        return self._team.run([of.once for of in self._calls])


class ThreadsAdapter:
    """How a row of `benchmark_threads` is run sample by sample.

    A sample is one window of all threads. What one thread does is a row of its own
    there, ``threads=1``: beside it in the same pair of processes.
    """

    rounds = None

    def __init__(self, benchmark: Any, crowd: Crowd, threads: int) -> None:
        self._benchmark = benchmark
        self._crowd = crowd
        self._threads = threads
        self._timer = SampleTimer()

    def size(self, target_ns: float, most: int) -> dict[str, int]:
        """Find how many calls fill a sample."""
        calls = 1
        if most > 1:
            calls = whole_count(min(most, self._crowd.size(round(target_ns))))
        # As of a kernel's threads, each does them all.
        return {"count": calls, "iterations": 1}

    def run(self, numbers: Mapping[str, int]) -> Sample:
        """Do one window."""
        timer = self._timer
        with undisturbed(is_collector_off=self._benchmark._disable_gc):
            timer.start()
            done = self._crowd.window(self._threads, numbers["count"])
            sample = timer.stop()
        return Sample(
            wall_ns=done.wall_ns,
            cpu_ns=sample.cpu_ns,
            waited_ns=0,  # the timer knows that of the thread which waits for all
            blocked=without_waiting(sample.blocked, self._threads),
        )

    def finish(self) -> list[Any]:
        """Call it once more for the row."""
        return self._crowd.once()


def without_waiting(blocked: int | None, threads: int) -> int | None:
    """Take off what waiting for the threads, and theirs for the start, has added."""
    return None if blocked is None else max(0, blocked - 1 - threads)


class ThreadsFixture:
    """What the fixture `benchmark_threads` is."""

    def __init__(
        self,
        benchmark: Any,
        declared: int | None,
        usable_cpus: int,
        say: Callable[[str], None],
        serve: Callable[..., Any] | None,
    ) -> None:
        self._benchmark = benchmark
        self._declared = declared
        self._usable_cpus = usable_cpus
        self._say = say
        self._serve = serve

    @property
    def extra_info(self) -> dict[str, Any]:
        """What the row says of itself, as that of `benchmark`."""
        info: dict[str, Any] = self._benchmark.extra_info
        return info

    def __call__(
        self,
        function: Callable[..., Any],
        *args: Any,
        threads: int | None = None,
        setup: Setup | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        """Time ``function(*args, **kwargs)`` on so many threads that start together.

        Without `threads` they are as many as the marker ``threads(n)`` says. `setup` is
        called once by each thread, one after the other, and may return ``(args,
        kwargs)`` of its own. Returns what one last call of each thread returned.
        """
        __tracebackhide__ = True
        with used_once(self._benchmark, f"{NAME}(...)"):
            wanted = self._declared if threads is None else threads
            if type(wanted) is not int or wanted < 1:
                raise ValueError(
                    f"{NAME} needs threads, a whole number of at least 1 and not "
                    f"{wanted!r}: say threads=4, or mark the test threads(4)"
                )
            if not callable(function):
                raise TypeError(f"{NAME} calls a function, and {function!r} is none")
            make = partial(made_calls, function, args, kwargs, setup)
            with team_of(wanted) as team:
                return self._measured(team, Crowd(team, make))

    def _measured(self, team: ThreadTeam, crowd: Crowd) -> list[Any]:
        __tracebackhide__ = True
        benchmark, threads = self._benchmark, len(team)
        label_threads(self.extra_info, threads, self._usable_cpus)
        self.extra_info["cpus"] = team.cpus  # null where the system decides
        mark_ours(benchmark, NAME)
        if self._serve is not None:
            adapter = ThreadsAdapter(benchmark, crowd, threads)
            results: list[Any] = self._serve(benchmark, adapter, threads=threads)
            return results
        if benchmark.enabled:
            say_ignored(benchmark, NAME, self._say)
            with undisturbed(is_collector_off=benchmark._disable_gc):
                self._take(team, crowd)
        return crowd.once()

    def _take(self, team: ThreadTeam, crowd: Crowd) -> None:
        __tracebackhide__ = True
        benchmark, threads = self._benchmark, len(team)
        calls = crowd.size(WINDOW_NS)
        windows: list[Window] = []
        turns: list[Turn] = []
        messages: list[float | None] = []
        if threads == 1:
            windows = [*budgeted(benchmark, lambda _: crowd.window(1, calls))]
        else:
            control = Crowd(team, lambda: Calls(control_call(), (), {}))
            take = partial(take_turn, crowd, calls, control, control.size(WINDOW_NS))
            take(threads, 0)  # the threads warm their own code
            messages.append(message_ns(team))
            turns = [*budgeted(benchmark, partial(take, threads))]
            messages.append(message_ns(team))
            windows = [turn.together for turn in turns]
        add_rounds(benchmark, (taken.wall_ns / 1e9 for taken in windows), calls)
        if turns:
            operations = self.extra_info.get("operations", 1)
            is_count = type(operations) is int and operations > 0
            self.extra_info["scaling"] = summarise(
                turns,
                operations=calls * (operations if is_count else 1),
                gil_enabled=gil_enabled(),
                message_ns=[ns for ns in messages if ns is not None],
            )
        # Too few CPUs are told already.
        if turns and not self.extra_info["oversubscribed"]:
            self._tell(disturbance(turns))

    def _tell(self, reason: str) -> None:
        record = self.extra_info["pybench"]
        if reason and isinstance(record, dict):
            record |= {"disturbed": True, "disturbances": [reason]}


def message_ns(team: ThreadTeam) -> float | None:
    """Return what a message between two of the CPUs and back takes; None if unknown.

    What threads share costs by it. Where a hypervisor places the CPUs it may become
    four times as much from one second to the next, in a process that stays as it is.
    """
    message = getattr(extension(), "ordering_message", None)
    if message is None or not team.is_pinned:
        return None
    results: list[KernelResult] = message(_MESSAGES, rounds=_MESSAGE_ROUNDS)
    return statistics.median(result.ns_per_operation for result in results)


@contextmanager
def team_of(threads: int) -> Iterator[ThreadTeam]:
    """Give a team, and end it whatever happens."""
    team = ThreadTeam(cpus_for(threads))
    try:
        yield team
    finally:
        team.dismiss()


def take_turn(
    crowd: Crowd, calls: int, control: Crowd, control_calls: int, threads: int, at: int
) -> Turn:
    """Take a window of one thread and of all, and both of the control.

    Every other time the other way round: what comes second has a warmer machine.
    """
    __tracebackhide__ = True
    taken: dict[tuple[bool, int], Window] = {}
    order = [(True, 1), (True, threads), (False, 1), (False, threads)]
    for is_work, number in order if at % 2 == 0 else reversed(order):
        of, count = (crowd, calls) if is_work else (control, control_calls)
        taken[is_work, number] = of.window(number, count)
    return Turn(*(taken[key] for key in order))


def budgeted(benchmark: Any, take: Callable[[int], T]) -> Iterator[T]:
    """Take rounds until stock's options say that it is enough."""
    __tracebackhide__ = True
    began = monotonic()
    for number in numbers_from():
        if (
            number >= benchmark._min_rounds
            and monotonic() - began > benchmark._max_time
        ):
            return
        yield take(number)
