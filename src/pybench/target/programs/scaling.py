"""What runs inside a child of ``pybench scaling``: one target, on some threads.

`start_program` starts it in any CPython from 3.11 on, so it imports the standard
library alone besides files of pybench that do the same. A child of threads measures
them in turns with one thread, and answers once. A child of a group of processes says
when it is ready, and runs windows of one thread each time it is told to.
"""

import gc
import importlib
import importlib.util
import inspect
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial, reduce
from itertools import repeat
from pathlib import Path
from types import ModuleType
from typing import Any

from pybench.records.scaling import (
    RUN,
    Contended,
    Kind,
    ScalingOrder,
    ScalingReport,
    ScalingWindow,
    Suspect,
    Work,
)
from pybench.records.speed_ups import of_turns
from pybench.target.process.gil import GilWatch, watch_for_process
from pybench.target.process.identity import gil_enabled
from pybench.target.process.iterations import size_calls
from pybench.target.process.speed_up import Stamps, window
from pybench.target.process.thread_calls import (
    control_call,
    made_by_each,
    own_function,
)
from pybench.target.process.thread_team import TeamError, ThreadTeam, cpus_for
from pybench.target.programs.profile_observers import queued_ns
from pybench.target.programs.scaling_names import contended
from pybench.target.programs.scaling_rows import rows_of, use_row
from pybench.target.programs.scaling_suspects import (
    classes,
    headers_problem,
    kind_of,
    make_immortal,
    observe,
    reachable,
)
from pybench.target.programs.target_calls import TargetError, function, script

Call = Callable[[], object]

TURNS_LEAST, TURNS_MOST = 3, 25
NOTHING_COUNTED = "no count of references that threads share changes"
# So long before a window threads are let go: they begin together.
LEAD_NS = 100_000


@dataclass(frozen=True, slots=True)
class Subject:
    """What makes the call of a thread, and what copies it uses; why there are none.

    `roots` are the objects with their names from which all it uses can be reached;
    without any those of the call.
    """

    make: Callable[[], Call]
    private: Callable[[int], Call] | None = None
    why: str = ""
    roots: Sequence[tuple[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a thread read around its calls; as in a `ScalingWindow`, of one thread."""

    start_ns: int
    end_ns: int
    cpu_ns: int
    waited_ns: int | None  # None where nobody counts
    system_ns: int
    faults: int


def main() -> None:
    """Do as ordered; the answer alone is written where standard output went."""
    order = ScalingOrder(**json.loads(sys.argv[1]))
    # What the target prints is no answer, and pytest puts both elsewhere.
    answers, orders = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(0))
    os.dup2(2, 1)
    sys.argv[1:] = []
    watch = watch_for_process()
    watch.start()

    def use(subject: Subject) -> None:
        is_function = order.kind == Kind.FUNCTION
        make = partial(warmed, subject.make, answers, is_function=is_function)
        subject = replace(subject, make=make)
        try:
            if order.threads:
                answer(answers, measure(order, subject, watch))
            else:
                serve(order, subject, orders, answers)
        except Exception as error:
            answer(answers, ScalingReport(problem=problem_of(error)))

    try:
        if order.kind == Kind.ROWS:
            answer(answers, ScalingReport(rows=rows_of(order)))
        elif order.kind == Kind.ROW:
            why = "a row may make its function anywhere"
            use_row(order, lambda make: use(Subject(make, why=why)))
        elif order.kind == Kind.SCRIPT:
            call = script(order.target, ())
            use(Subject(lambda: call, why="each run of a script has its own"))
        else:
            use(function_subject(order.target))
    except Exception as error:
        answer(answers, ScalingReport(problem=problem_of(error)))
    # Threads that hang in the target shall not keep the process.
    os._exit(0)


def answer(answers: Any, report: ScalingReport) -> None:
    """Write one line."""
    answers.write(json.dumps(asdict(report)) + "\n")
    answers.flush()


def problem_of(error: Exception) -> str:
    """Return what an error says; its type as well, where it is the target's."""
    if isinstance(error, TeamError | TargetError):
        return str(error)
    return f"it raised {type(error).__name__}: {error}"


def measure(order: ScalingOrder, subject: Subject, watch: GilWatch) -> ScalingReport:
    """Measure all works on all numbers of threads, in turns."""
    team = ThreadTeam(cpus_for(max(order.threads)))
    works, unavailable = works_of(subject, team)
    calls, turns = run_turns(order, team, works)
    try:
        named = run_names(order, team, works, calls, subject, turns)
    except TeamError:  # some shared and some not: the target may not stand it
        named, team = (), ThreadTeam(team.cpus)
    suspects, immortal = run_immortal(
        order, team, works[Work.SHARED], calls, subject, unavailable
    )
    for turn, taken in zip(turns, immortal, strict=False):
        turn |= taken
    team.dismiss()
    return ScalingReport(
        gil_enabled=gil_enabled(),
        culprit=watch.culprit() if watch.is_broken else "",
        calls=calls,
        turns=tuple(turns),
        unavailable=unavailable,
        suspects=tuple(suspects),
        contended=named,
    )


def function_subject(target: str) -> Subject:
    """Return a function that takes no arguments, and copies of its module."""
    call, _ = function(target, 1)
    # What is nested is counted at each call, so each thread has one.
    _, stem, path = parted(target)
    roots = [(path, attribute(sys.modules[stem], path))]
    make = partial(own_function, call)
    return Subject(make, partial(private_call, target), roots=roots)


def warmed(make: Callable[[], Call], answers: Any, *, is_function: bool) -> Call:
    """Make a thread's call and do it once: what cannot be measured is told by that."""
    call = make()
    process = os.getpid()
    result = call()
    if os.getpid() != process:
        # Before this copy of us does all calls once more, and each of its copies.
        problem = "it forks, and the child returns: end the child with os._exit()"
        answer(answers, ScalingReport(problem=problem))
        os._exit(0)
    if is_function and (inspect.isawaitable(result) or inspect.isgenerator(result)):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError(
            f"a call makes {type(result).__name__} and runs nothing: name a function "
            "that does its work when it is called"
        )
    return call


def works_of(
    subject: Subject, team: ThreadTeam
) -> tuple[dict[Work, list[Call]], dict[str, str]]:
    """Return what each thread calls, by work; and why a work is not there."""
    shared = made_by_each(team, subject.make)
    works = {Work.SHARED: shared, Work.GC_OFF: shared}
    unavailable: dict[str, str] = {}
    try:
        if subject.private is None:
            raise ValueError(subject.why)
        private = [subject.private(number) for number in range(len(team))]
        for each in private:
            each()
        works[Work.PRIVATE] = private
    except Exception as error:
        unavailable[Work.PRIVATE] = subject.why or f"{type(error).__name__}: {error}"
    works[Work.CONTROL] = [control_call() for _ in range(len(team))]
    return works, unavailable


def private_call(target: str, number: int) -> Call:
    """Execute the function's module once more, and return the function of that one.

    All that the module makes is another then: functions, classes, globals, constants.
    What it imports is the same.
    """
    name, stem, path = parted(target)
    origin = getattr(sys.modules.get(stem), "__file__", None)
    if origin is None or not str(origin).endswith(".py"):
        raise ImportError(f"{name} is not written in Python")
    spec = importlib.util.spec_from_file_location(f"{stem}__{number}", origin)
    if spec is None or spec.loader is None:
        raise ImportError(f"{origin} cannot be executed again")
    module: Any = importlib.util.module_from_spec(spec)
    if isinstance(sys.modules.get(stem), ModuleType):
        module.__package__ = sys.modules[stem].__package__
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    called = attribute(module, path)
    takes = "threads" in inspect.signature(called).parameters
    return partial(called, threads=1) if takes else called


def parted(target: str) -> tuple[str, str, str]:
    """Return a target's module or file, the name of its module, and the function."""
    name, _, path = target.rpartition(":")
    return name, Path(name).stem if name.endswith(".py") else name, path


def attribute(module: ModuleType, path: str) -> Any:
    """Return what a dotted path names in a module."""
    return reduce(getattr, path.split("."), module)


def run_turns(
    order: ScalingOrder, team: ThreadTeam, works: Mapping[Work, Sequence[Call]]
) -> tuple[int, list[dict[str, dict[str, ScalingWindow]]]]:
    """Size a window, then take turns of all works and numbers of threads."""
    calls = size(order, team, works[Work.SHARED])
    of_work = dict.fromkeys(works, calls)
    of_work[Work.CONTROL] = size(order, team, works[Work.CONTROL])
    return calls, take_turns(order, team, works, of_work)


def take_turns(
    order: ScalingOrder,
    team: ThreadTeam,
    works: Mapping[Work, Sequence[Call]],
    of_work: Mapping[Work, int],
) -> list[dict[str, dict[str, ScalingWindow]]]:
    """Take turns of works and numbers of threads; drop the first one."""
    turns: list[dict[str, dict[str, ScalingWindow]]] = []
    until_ns = time.perf_counter_ns() + order.budget_ns
    # One more at the beginning: the threads warm their own code.
    while len(turns) <= TURNS_MOST:
        taken: dict[str, dict[str, ScalingWindow]] = {}
        for work, each in works.items():
            counts = order.threads if len(turns) % 2 == 0 else order.threads[::-1]
            taken[work] = {
                str(threads): one_window(team, each[:threads], of_work[work], work)
                for threads in counts
            }
        turns.append(taken)
        if len(turns) > TURNS_LEAST and time.perf_counter_ns() > until_ns:
            break
    return turns[1:]


def run_names(
    order: ScalingOrder,
    team: ThreadTeam,
    works: Mapping[Work, Sequence[Call]],
    calls: int,
    subject: Subject,
    turns: Sequence[Mapping[str, Mapping[str, ScalingWindow]]],
) -> tuple[Contended, ...]:
    """Find which objects of the module cost what the copies of it gain."""
    private = works.get(Work.PRIVATE)
    most = max(order.threads)
    if private is None or most < 2 or gil_enabled():
        return ()
    short = replace(order, budget_ns=0, threads=(1, most))

    def gain() -> float:
        mine = {Work.PRIVATE: private}
        taken = take_turns(short, team, mine, {Work.PRIVATE: calls})
        return of_turns(taken, Work.PRIVATE, most)

    ((_, original),) = subject.roots
    return contended(
        original,
        private,
        gain,
        shared=of_turns(turns, Work.SHARED, most),
        private=of_turns(turns, Work.PRIVATE, most),
    )


def run_immortal(
    order: ScalingOrder,
    team: ThreadTeam,
    shared: Sequence[Call],
    calls: int,
    subject: Subject,
    unavailable: dict[str, str],
) -> tuple[list[Suspect], list[dict[str, dict[str, ScalingWindow]]]]:
    """Look which objects the threads write to; take turns again without their counts.

    This comes last: what is immortal stays so until the process ends.
    """
    if problem := headers_problem():
        unavailable[Work.IMMORTAL] = problem
        return [], []
    reached = {
        id(value): (label, value)
        for name, root in subject.roots or roots_of(shared[0])
        for label, value in reachable(root, name)
    }
    others = [each for each in classes() if id(each[1]) not in reached]
    objects = [*reached.values(), *others]
    suspects = observe(team, shared, [*reached.values()])
    # By themselves: they are so many that each is read less often.
    suspects += observe(team, shared, others)
    counted = {(each.name, each.kind) for each in suspects if each.count_changes}
    for name, value in objects:
        if (name, kind_of(value)) in counted:
            make_immortal(value)
    if not counted:
        unavailable[Work.IMMORTAL] = NOTHING_COUNTED
        return suspects, []
    works = {Work.IMMORTAL: shared}
    return suspects, take_turns(order, team, works, {Work.IMMORTAL: calls})


def roots_of(call: Call) -> list[tuple[str, Any]]:
    """Return the function of a row, and its arguments."""
    if not isinstance(call, partial):
        return []
    arguments = [(f"argument {at}", of) for at, of in enumerate(call.args, start=1)]
    name = getattr(call.func, "__qualname__", "the function")
    return [(name, call.func), *arguments, *call.keywords.items()]


def size(order: ScalingOrder, team: ThreadTeam, calls: Sequence[Call]) -> int:
    """Find how many calls of one thread fill a window."""
    return size_calls(
        lambda count: one_window(team, calls[:1], count, Work.SHARED).ends_ns[0],
        order.window_ns,
    )


def one_window(
    team: ThreadTeam, each: Sequence[Call], calls: int, work: Work
) -> ScalingWindow:
    """Let threads do so many calls each, together."""
    with without_collector() if work == Work.GC_OFF else nullcontext():
        begin_ns = 0 if gil_enabled() else time.perf_counter_ns() + LEAD_NS * len(each)
        readings = team.run([partial(timed, call, calls, begin_ns) for call in each])
    return made_window(readings)


@contextmanager
def without_collector() -> Iterator[None]:
    """Let nothing be collected, not even where the target asks for it."""
    was_enabled, collect = gc.isenabled(), gc.collect
    gc.disable()
    gc.collect = lambda generation=2: 0
    try:
        yield
    finally:
        gc.collect = collect
        if was_enabled:
            gc.enable()


def made_window(readings: Sequence[Reading]) -> ScalingWindow:
    """Make a window of what each thread has read."""
    waits = [each.waited_ns for each in readings]
    known = [waited for waited in waits if waited is not None]
    began_ns = [each.start_ns for each in readings]
    return ScalingWindow(
        ends_ns=window(
            [Stamps(each.start_ns, each.end_ns) for each in readings]
        ).ends_ns,
        late_ns=sum(began_ns) - len(began_ns) * min(began_ns),
        cpu_ns=sum(each.cpu_ns for each in readings),
        waited_ns=sum(known) if len(known) == len(waits) else None,
        system_ns=sum(each.system_ns for each in readings),
        faults=sum(each.faults for each in readings),
    )


def timed(call: Call, calls: int, begin_ns: int) -> Reading:
    """Call it so often from that moment on."""
    clock = time.perf_counter_ns
    give_way: Callable[[], object] = getattr(os, "sched_yield", int)
    while clock() < begin_ns:
        give_way()
    waited_ns = queued_ns()
    system_ns, faults = system_use()
    cpu_ns = time.thread_time_ns()
    start_ns = clock()
    for _ in repeat(None, calls):
        call()
    end_ns = clock()
    cpu_ns = time.thread_time_ns() - cpu_ns
    after_system_ns, after_faults = system_use()
    after_ns = queued_ns()
    known = waited_ns is not None and after_ns is not None
    return Reading(
        start_ns=start_ns,
        end_ns=end_ns,
        cpu_ns=cpu_ns,
        waited_ns=(after_ns or 0) - (waited_ns or 0) if known else None,
        system_ns=after_system_ns - system_ns,
        faults=after_faults - faults,
    )


def system_use() -> tuple[int, int]:
    """Return the calling thread's time in the system in ns, and its page faults.

    Zeros where the system has no counts of a thread.
    """
    who = getattr(resource, "RUSAGE_THREAD", None)
    if who is None:
        return 0, 0
    used = resource.getrusage(who)
    return round(used.ru_stime * 1e9), used.ru_minflt + used.ru_majflt


def serve(order: ScalingOrder, subject: Subject, orders: Any, answers: Any) -> None:
    """Take part in a group of processes: run windows each time a line comes."""
    if order.cpu is not None and hasattr(os, "sched_setaffinity"):
        with suppress(OSError):  # a CPU may have been taken away
            os.sched_setaffinity(0, {order.cpu})
    team = ThreadTeam([order.cpu])
    shared = made_by_each(team, subject.make)
    answer(answers, ScalingReport(calls=size(order, team, shared)))
    for line in orders:
        word, windows, count = line.split()
        if word != RUN:
            return
        turns: list[dict[str, dict[str, ScalingWindow]]] = [
            {Work.SHARED: {"1": one_window(team, shared, int(count), Work.SHARED)}}
            for _ in range(int(windows))
        ]
        answer(answers, ScalingReport(calls=int(count), turns=tuple(turns)))
