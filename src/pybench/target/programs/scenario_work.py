"""What a worker of a scenario does, in a thread, a process or an interpreter.

Little is imported: each process and each interpreter pays for it in memory. A worker
gets commands, (kind, argument), and answers each with (kind, value); through a
connection they go pickled, between threads as they are.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

WORK, EMPTY, STOP = "work", "empty", "stop"
READY, DONE, FAILED = "ready", "done", "failed"

Step = Callable[[Any], Any]
# (kind, argument) or (kind, value).
Message = tuple[str, Any]

# The shared dict: its keys, and one write in so many steps.
KEYS = 4096
WRITE_EVERY = 1000

# Items that each producer makes in a round; a consumer does the work of each.
ITEMS = 20

# A request of the server: its number, of which -1 ends a run, and its steps.
REQUEST = struct.Struct("<qQ")


class Job(NamedTuple):
    """What a worker is told at its start."""

    scenario: str  # a name of `SCENARIOS`
    place: int  # which one it is, from 0 on
    workers: int
    work_iters: int  # steps of a round
    imports: tuple[str, ...] = ()
    shares_memory: bool = False  # the others see the same objects, as threads do
    fault: str = ""  # ``kind:round`` or ``kind:round:seconds``, for tests


def serve(
    job: Job,
    shared: Any,
    receive: Callable[[], Message],
    reply: Callable[[Message], None],
) -> None:
    """Do what comes until told to stop; whoever fails says so and ends."""
    # A call of exit() is a failure like others: the rest goes on without this one.
    try:
        for name in job.imports:
            import_module(name)
        step = SCENARIOS[job.scenario](job, shared)
        if job.scenario != "server":  # whose rounds are requests
            step = _with_fault(step, job.fault)
        reply((READY, None))
        while True:
            kind, argument = receive()
            if kind == STOP:
                return
            value = step(argument) if kind == WORK else None
            reply((DONE, value))
            # `value` stays until the next command: memory is sampled in between.
    except BaseException as error:
        reply((FAILED, described(error)))


def described(error: BaseException) -> str:
    """Put an exception in one line."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def spin(steps: int) -> int:
    """Do steps of arithmetic that no interpreter can leave out."""
    value = 1
    for _ in range(steps):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
    return value


def _cpu(job: Job, _shared: Any) -> Step:
    """Arithmetic, and nothing shared."""
    return lambda _argument: spin(job.work_iters)


def _shared_dict(job: Job, shared: Any) -> Step:
    """Read a dict, write to it now and then.

    Those without common memory have a copy each: the answer to a round is what was
    written, the next command is what the others wrote.
    """
    table: dict[int, int] = shared if job.shares_memory else new_table()

    def step(argument: dict[int, int] | None) -> dict[int, int] | None:
        if argument:
            table.update(argument)
        written: dict[int, int] = {}
        total = 0
        key = job.place
        for number in range(job.work_iters):
            key = (key + 31) % KEYS
            total += table[key]
            if number % WRITE_EVERY == job.place % WRITE_EVERY:
                table[key] = written[key] = total & 0xFFFF
        return None if job.shares_memory else written

    return step


def new_table() -> dict[int, int]:
    """Return the dict as it is at the start."""
    return dict.fromkeys(range(KEYS), 1)


def _queue(job: Job, shared: Any) -> Step:
    """Put items, or get some and do their work: the first half produces."""
    producers = job.workers // 2
    consumers = job.workers - producers
    if job.place < producers:

        def produce(_argument: Any) -> int:
            for _ in range(ITEMS):
                shared.put(job.work_iters // ITEMS)
            return 0

        return produce
    seat, items = job.place - producers, ITEMS * producers
    quota = items * (seat + 1) // consumers - items * seat // consumers

    def consume(_argument: Any) -> int:
        for _ in range(quota):
            spin(shared.get())
        return quota

    return consume


def _map(job: Job, shared: Any) -> Step:
    """Apply a function to a part of a list, and give the results back."""

    def step(argument: Any) -> list[int]:
        if job.shares_memory:
            first, beyond = argument
            return [squared(shared[at]) for at in range(first, beyond)]
        return [squared(value) for value in argument]

    return step


def squared(value: int) -> int:
    """Return what the map makes of an element."""
    return value * value % 1009


def _sum(job: Job, _shared: Any) -> Step:
    """Add up the part of the data that this worker holds."""
    first = job.place * job.work_iters
    part = [float(first + at) for at in range(job.work_iters)]

    def step(_argument: Any) -> float:
        total = 0.0
        for value in part:
            total += value
        return total

    return step


def _server(job: Job, shared: Any) -> Step:
    """Answer requests, or keep a CPU busy beside those who do."""

    def step(argument: float | None) -> int:
        if argument is not None:
            until = time.monotonic() + argument
            while time.monotonic() < until:
                spin(2000)
            return 0
        file = shared[job.place] if isinstance(shared, dict) else shared.fileno()
        answer = _with_fault(lambda steps: spin(steps), job.fault)
        answered = 0
        while request := read_exactly(file, REQUEST.size):
            number, steps = REQUEST.unpack(request)
            if number < 0:
                break
            if steps:
                answer(steps)
            os.write(file, request)
            answered += 1
        return answered

    return step


SCENARIOS: dict[str, Callable[[Job, Any], Step]] = {
    "cpu": _cpu,
    "shared": _shared_dict,
    "queue": _queue,
    "map": _map,
    "sum": _sum,
    "server": _server,
}


def _with_fault(step: Step, fault: str) -> Step:
    """Make a step fail in one round, warm-up included, counted from 1."""
    if not fault:
        return step
    kind, _, rest = fault.partition(":")
    number, _, length = rest.partition(":")
    rounds = 0

    def faulty(argument: Any) -> Any:
        nonlocal rounds
        rounds += 1
        if rounds == int(number):
            if kind == "raise":
                raise RuntimeError(f"injected in round {rounds}")
            if kind == "exit":
                raise SystemExit(3)
            if kind == "die":
                os.kill(os.getpid(), 9)
            time.sleep(float(length or 3600))  # hang and stall
        return step(argument)

    return faulty


def read_exactly(file: int, size: int) -> bytes:
    """Read so many bytes; none at the end of the file or of a connection."""
    parts = b""
    while len(parts) < size:
        try:
            part = os.read(file, size - len(parts))
        except ConnectionError:
            part = b""
        if not part:
            return b""
        parts += part
    return parts


def serve_file(job: Job, shared: Any, file: int) -> None:
    """Serve with commands and replies through a connection, as pickles."""
    # The connection may end at any time: then nobody is there to be told.
    with (
        contextlib.suppress(OSError),
        open(file, "rb", closefd=False) as commands,
        open(file, "wb", closefd=False) as replies,
    ):

        def receive() -> Message:
            try:
                message: Message = pickle.load(commands)
            except EOFError:
                return (STOP, None)
            return message

        def reply(message: Message) -> None:
            pickle.dump(message, replies, protocol=5)
            replies.flush()

        serve(job, shared, receive, reply)


def process_main(
    job: Job, shared: Any, connection: Any, not_ours: tuple[Any, ...]
) -> None:
    """Serve in a process of its own."""
    import signal

    # Ctrl-C is for the one who has the results.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # After a fork: the ends that others shall see closed when the parent is gone.
    for other in not_ours:
        other.close()
    if job.scenario == "queue":
        # What was put and will not be taken shall not keep this process.
        shared.cancel_join_thread()
    serve_file(job, shared, connection.fileno())
