"""What a worker of a scenario does, in a thread, a process or an interpreter.

Little is imported: each process and each interpreter pays for it in memory. A worker
gets commands, (kind, argument), and answers each with (kind, value); through pipes
they go pickled behind their length, between threads as they are.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

WORK, EMPTY, STOP = "work", "empty", "stop"
READY, DONE, FAILED = "ready", "done", "failed"

Step = Callable[[Any], Any]

# The shared dict: its keys, and one write in so many steps.
KEYS = 4096
WRITE_EVERY = 1000

# Items that each producer makes in a round; a consumer does the work of each.
ITEMS = 20

# A request of the server: its number and its steps, eight bytes each.
REQUEST_BYTES = 16

_LENGTH_BYTES = 4


class ScenarioError(Exception):
    """What was asked for cannot run here; the text says why and what can."""


class Job(NamedTuple):
    """What a worker is told at its start.

    Parameters
    ----------
    scenario : str
        A name of `SCENARIOS`.
    place, workers : int
        Which one it is, from 0 on, and how many there are.
    work_iters : int
        Steps of a round.
    imports : tuple of str
        Modules that it imports first.
    shares_memory : bool
        Whether the others see the same objects, as threads do.
    fault : str
        ``kind:round`` or ``kind:round:seconds``, for tests; or empty.
    """

    scenario: str
    place: int
    workers: int
    work_iters: int
    imports: tuple[str, ...] = ()
    shares_memory: bool = False
    fault: str = ""


def serve(
    job: Job,
    shared: Any,
    receive: Callable[[], tuple[str, Any]],
    reply: Callable[[tuple[str, Any]], None],
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
        while request := read_exactly(file, REQUEST_BYTES):
            number, steps = number_and_steps(request)
            if number < 0:
                break
            if steps:
                answer(steps)
            os.write(file, request)
            answered += 1
        return answered

    return step


def number_and_steps(request: bytes) -> tuple[int, int]:
    """Take a request of the server apart; the number -1 ends a run."""
    return (
        int.from_bytes(request[:8], "little", signed=True),
        int.from_bytes(request[8:], "little"),
    )


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
                raise RuntimeError(f"planted in round {rounds}")
            if kind == "exit":
                raise SystemExit(3)
            if kind == "die":
                os.kill(os.getpid(), 9)
            time.sleep(float(length or 3600))  # hang and stall
        return step(argument)

    return faulty


def frame(message: tuple[str, Any]) -> bytes:
    """Return a message as it goes through a pipe."""
    body = pickle.dumps(message, protocol=5)
    return len(body).to_bytes(_LENGTH_BYTES, "little") + body


def take_frame(buffer: bytearray) -> tuple[str, Any] | None:
    """Take the first whole message off a buffer, None if there is none."""
    end = _LENGTH_BYTES + int.from_bytes(buffer[:_LENGTH_BYTES], "little")
    if len(buffer) < max(end, _LENGTH_BYTES):
        return None
    message: tuple[str, Any] = pickle.loads(buffer[_LENGTH_BYTES:end])
    del buffer[:end]
    return message


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


def serve_files(job: Job, shared: Any, commands: int, replies: int) -> None:
    """Serve with commands and replies through pipes."""

    def receive() -> tuple[str, Any]:
        head = read_exactly(commands, _LENGTH_BYTES)
        body = read_exactly(commands, int.from_bytes(head, "little")) if head else b""
        if not body:  # whoever gave commands has gone
            return (STOP, None)
        message: tuple[str, Any] = pickle.loads(body)
        return message

    def reply(message: tuple[str, Any]) -> None:
        rest = memoryview(frame(message))
        while rest:
            rest = rest[os.write(replies, rest) :]

    with contextlib.suppress(OSError):  # nobody is there to be told
        serve(job, shared, receive, reply)


def process_main(
    job: Job, shared: Any, commands: Any, replies: Any, not_ours: tuple[int, ...]
) -> None:
    """Serve in a process of its own; the ends of pipes are connections."""
    import signal

    # Ctrl-C is for the one who has the results.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # After a fork: the ends that others shall see closed when the parent is gone.
    for file in not_ours:
        os.close(file)
    if job.scenario == "queue":
        # What was put and will not be taken shall not keep this process.
        shared.cancel_join_thread()
    serve_files(job, shared, commands.fileno(), replies.fileno())
