"""Workers that outlive the rounds: threads, processes, or interpreters in threads.

Not the pools of `concurrent.futures`: those take one dead worker for the end of all.
One executor for each worker would not, but a round without work then takes ten times
as long in processes (2 ms instead of 0.2 for eight), and its threads run during a fork.
Here a worker that dies, raises or does not answer is lost by name.
"""

from __future__ import annotations

import pickle
import queue
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pybench.children import describe_end
from pybench.records.scenario import ScenarioError
from pybench.target.programs.scenario_interpreters import Interpreters
from pybench.target.programs.scenario_work import (
    EMPTY,
    FAILED,
    READY,
    STOP,
    WORK,
    Job,
    Message,
    described,
    new_table,
    process_main,
    serve,
)

# How long a worker that was told to stop may take.
_STOP_S = 1.0

# Items that wait between producers and consumers.
_QUEUE_SIZE = 64

# What every interpreter runs; the folder of the package is not on its path yet.
_SCRIPT = """
import sys
sys.path[:] = {path!r}
from pybench.target.programs import scenario_work
shared = globals().get("shared", {shared!r})
scenario_work.serve_file(scenario_work.Job(*{job!r}), shared, {file})
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of one round: by worker its answer, or why it was lost."""

    wall_s: float  # from the first command to the last answer
    values: dict[int, Any]
    lost: dict[int, str]


class Pool:
    """What the three kinds have in common; use it as a context.

    ``alive`` has the workers that still take part, with their names. ``abandoned`` is
    whether a worker could not be ended: the process then has to leave by `os._exit`.
    """

    # What is said of a worker that does not answer.
    _HANGS = ""

    def __init__(self, word: str, jobs: Sequence[Job]) -> None:
        self.names = [
            f"{word}-{job.place + 1}"
            if job.place < job.workers
            else f"load-{job.place - job.workers + 1}"
            for job in jobs
        ]
        self.alive = dict(enumerate(self.names))
        self.abandoned = False
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self, timeout_s: float) -> dict[int, str]:
        """Wait until every worker is ready; return those that are not, and why."""
        lost: dict[int, str] = {}
        self._gather({*self.alive}, {}, timeout_s, lost.__setitem__)
        return lost

    def round(
        self,
        timeout_s: float,
        arguments: Mapping[int, Any] | None = None,
        *,
        empty: bool = False,
        on_lost: Callable[[int], None] = lambda _index: None,
    ) -> Round:
        """Give each worker a command and wait for all answers, or the time-out.

        Parameters
        ----------
        arguments : mapping of int to object, optional
            What goes with the command, by worker.
        empty : bool
            A round without work: what is left is the cost of the round itself.
        on_lost : callable
            Gets the index of a worker when it is lost, before the others are done.
        """
        values: dict[int, Any] = {}
        lost: dict[int, str] = {}

        def lose(index: int, why: str) -> None:
            lost[index] = why
            on_lost(index)

        begin = time.perf_counter()
        for index in [*self.alive]:
            argument = arguments.get(index) if arguments else None
            why = self._send(index, (EMPTY if empty else WORK, argument))
            if why:
                self._lose(index)
                lose(index, why)
        self._gather({*self.alive}, values, timeout_s, lose)
        return Round(wall_s=time.perf_counter() - begin, values=values, lost=lost)

    def _gather(
        self,
        waiting: set[int],
        values: dict[int, Any],
        timeout_s: float,
        lose: Callable[[int, str], None],
    ) -> None:
        """Wait for the answers of some workers, and say who is lost, and why."""
        deadline = time.perf_counter() + timeout_s
        while waiting:
            event = self._receive(max(0.0, deadline - time.perf_counter()))
            if event is None:
                for index in sorted(waiting):
                    self._lose(index, hangs=True)
                    why = f"no answer within {timeout_s:.3g} s (--timeout)"
                    lose(index, why + self._HANGS)
                return
            index, (kind, value) = event
            if index not in waiting:
                continue  # the late answer of one that is lost
            waiting.discard(index)
            if kind == FAILED:
                self._lose(index)
                lose(index, str(value))
            elif kind != READY:
                values[index] = value

    def _lose(self, index: int, *, hangs: bool = False) -> None:
        """Take a worker out, and end it if it hangs."""
        self.alive.pop(index, None)
        self.abandoned |= hangs

    def _send(self, index: int, message: Message) -> str:
        """Give a command; return why it could not be given, or nothing."""
        raise NotImplementedError

    def _receive(self, timeout_s: float) -> tuple[int, Message] | None:
        """Return the next answer and whose it is; None when time is up."""
        raise NotImplementedError

    def _start_thread(self, index: int, target: Callable[..., None], *of: Any) -> None:
        thread = threading.Thread(
            target=target, args=of, name=self.names[index], daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Tell all to stop; those in the middle of something are left."""
        for index in [*self.alive]:
            self._send(index, (STOP, None))
        deadline = time.monotonic() + _STOP_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            self.abandoned |= thread.is_alive()


class ThreadPool(Pool):
    """Threads, which get commands and objects as they are."""

    _HANGS = "; a thread cannot be ended, it may go on using a CPU"

    def __init__(self, jobs: Sequence[Job], shared: Any) -> None:
        super().__init__("thread", jobs)
        # SimpleQueue is C: a Queue would cost a round more than the switch itself.
        self._answers: queue.SimpleQueue[tuple[int, Message]] = queue.SimpleQueue()
        self._commands: list[queue.SimpleQueue[Message]] = []
        for job in jobs:
            commands: queue.SimpleQueue[Message] = queue.SimpleQueue()
            self._commands.append(commands)
            reply = self._reply_of(job.place)
            own = _own(shared, job)
            self._start_thread(job.place, serve, job, own, commands.get, reply)

    def _reply_of(self, index: int) -> Callable[[Message], None]:
        put = self._answers.put
        return lambda message: put((index, message))

    def _send(self, index: int, message: Message) -> str:
        self._commands[index].put(message)
        return ""

    def _receive(self, timeout_s: float) -> tuple[int, Message] | None:
        try:
            return self._answers.get(timeout=timeout_s)
        except queue.Empty:
            return None


class SocketPool(Pool):
    """Workers behind sockets; commands and answers are pickles."""

    def __init__(self, word: str, jobs: Sequence[Job]) -> None:
        super().__init__(word, jobs)
        self._poll = select.poll()
        self._ours: list[socket.socket] = []
        self._answers: list[Any] = []
        self._whose: dict[int, int] = {}

    def _connect(self) -> socket.socket:
        """Return the end of one more worker."""
        ours, theirs = socket.socketpair()
        self._whose[ours.fileno()] = len(self._ours)
        self._poll.register(ours, select.POLLIN)
        self._ours.append(ours)
        self._answers.append(ours.makefile("rb"))
        return theirs

    def start(self, timeout_s: float) -> dict[int, str]:
        """Wait until every worker is ready; return those that are not, and why."""
        for ours in self._ours:
            # For one that is stopped in the middle of a message.
            ours.settimeout(timeout_s)
        return super().start(timeout_s)

    def _lose(self, index: int, *, hangs: bool = False) -> None:
        super()._lose(index, hangs=hangs)
        if self._whose.pop(self._ours[index].fileno(), None) is not None:
            self._poll.unregister(self._ours[index])

    def _send(self, index: int, message: Message) -> str:
        try:
            self._ours[index].sendall(pickle.dumps(message, protocol=5))
        except (TimeoutError, BlockingIOError):
            self._lose(index, hangs=True)
            return f"it does not take its command{self._HANGS}"
        except OSError:
            return self._ended(index)
        return ""

    def _receive(self, timeout_s: float) -> tuple[int, Message] | None:
        ready = self._poll.poll(timeout_s * 1000)
        if not ready:
            return None
        index = self._whose[ready[0][0]]
        try:
            return index, pickle.load(self._answers[index])
        except TimeoutError:
            self._lose(index, hangs=True)
            why = f"it stopped in the middle of its answer{self._HANGS}"
            return index, (FAILED, why)
        except (OSError, EOFError, pickle.UnpicklingError):
            # The end of the connection is that of the worker, and stays readable.
            self._poll.unregister(self._ours[index])
            del self._whose[self._ours[index].fileno()]
            return index, (FAILED, self._ended(index))

    def _ended(self, index: int) -> str:
        """Say how a worker ended that closed its connection."""
        raise NotImplementedError

    def stop(self) -> None:
        """Tell all to stop, and close the connections."""
        for ours in self._ours:
            ours.setblocking(False)
        super().stop()
        for end in (*self._answers, *self._ours):
            end.close()


class ProcessPool(SocketPool):
    """Processes, by the start method that was asked for."""

    _HANGS = "; it was killed"

    def __init__(self, jobs: Sequence[Job], shared: Any, method: str) -> None:
        from multiprocessing import get_context

        super().__init__("process", jobs)
        if method == "fork":
            refuse_threads()
        context: Any = get_context(method)
        if shared is None and jobs[0].scenario == "queue":
            shared = context.Queue(_QUEUE_SIZE)
        self._shared = shared
        self._processes: list[Any] = []
        for job in jobs:
            theirs = self._connect()
            # After a fork, a sibling that holds our ends would keep them all open.
            not_theirs = (*self._ours,) if method == "fork" else ()
            process = context.Process(
                target=process_main,
                args=(job, _own(shared, job), theirs, not_theirs),
                name=self.names[job.place],
                daemon=True,
            )
            self._processes.append(process)
            process.start()
            theirs.close()
            self.names[job.place] += f" (pid {process.pid})"
            self.alive[job.place] = self.names[job.place]

    def _lose(self, index: int, *, hangs: bool = False) -> None:
        super()._lose(index)
        if hangs:
            self._end(self._processes[index], 0.0)

    def _ended(self, index: int) -> str:
        process = self._processes[index]
        process.join(_STOP_S)
        if process.exitcode is None:
            return "it closed its connection and goes on"
        return describe_end(process.exitcode).removeprefix("was ")

    def _end(self, process: Any, timeout_s: float) -> None:
        process.join(timeout_s)
        if process.is_alive():
            process.kill()
            process.join()

    def stop(self) -> None:
        """Tell all to stop, and kill those that do not."""
        super().stop()
        deadline = time.monotonic() + _STOP_S
        for process in self._processes:
            self._end(process, max(0.0, deadline - time.monotonic()))
        if hasattr(self._shared, "cancel_join_thread"):
            self._shared.close()


class InterpreterPool(SocketPool):
    """Interpreters of this process, each in a thread of its own."""

    _HANGS = "; an interpreter cannot be ended, it may go on using a CPU"

    def __init__(self, jobs: Sequence[Job], shared: Any) -> None:
        super().__init__("interpreter", jobs)
        interpreters = Interpreters()
        items = None
        if jobs[0].scenario == "queue":
            items = interpreters.create_queue(_QUEUE_SIZE)
        self._reasons: dict[int, str] = {}
        for job in jobs:
            theirs = self._connect()
            own = _own(shared, job)
            script = _SCRIPT.format(
                path=sys.path,
                shared=None if own is None else {job.place: own.fileno()},
                job=tuple(job),
                file=theirs.fileno(),
            )
            self._start_thread(
                job.place, self._run, interpreters, job.place, script, items, theirs
            )

    def _run(
        self,
        interpreters: Interpreters,
        index: int,
        script: str,
        items: Any,
        theirs: socket.socket,
    ) -> None:
        """Make an interpreter, run the script in it, and remove it again."""
        try:
            interpreters.run(script, items)
        except Exception as error:
            self._reasons[index] = described(error)
        finally:
            theirs.close()

    def _ended(self, index: int) -> str:
        return self._reasons.get(index, "the interpreter ended")

    def stop(self) -> None:
        """Tell all to stop; those in the middle of something are left."""
        super().stop()
        # 3.12 frees what it does not own when it ends after such interpreters.
        self.abandoned |= sys.hexversion < 0x030D0000


def _own(shared: Any, job: Job) -> Any:
    """Return what a worker gets: of a tuple its own element."""
    return shared[job.place] if isinstance(shared, tuple) else shared


def refuse_threads() -> None:
    """Raise `ScenarioError` unless a fork copies all threads that there are."""
    others = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    running = max(1 + len(others), len([*Path("/proc/self/task").glob("*")]))
    if running == 1:
        return
    names = f" ({', '.join(others)})" if others else ""
    raise ScenarioError(
        f"--start-method fork: this process runs {running} threads{names}, and a fork "
        "copies only the one that calls it: a lock that another holds would stay "
        "locked in the child. Choose forkserver or spawn"
    )


def make_pool(
    mode: str, method: str, jobs: Sequence[Job], shared: Any = None
) -> ThreadPool | ProcessPool | InterpreterPool:
    """Start the workers of a mode; `Pool.start` waits for them.

    All get what is ``shared``, of a tuple each its own element. Raises `ScenarioError`
    if that mode cannot run here.
    """
    if mode == "processes":
        return ProcessPool(jobs, shared, method)
    if mode == "interpreters":
        return InterpreterPool(jobs, shared)
    return ThreadPool(jobs, shared)


def shared_object(scenario: str, mode: str, elements: Sequence[int]) -> Any:
    """Return what the workers of a scenario have in common, None if nothing.

    The queue of processes and interpreters is made by their pool.
    """
    if mode != "threads":
        return None
    if scenario == "shared":
        return new_table()
    if scenario == "queue":
        return queue.Queue(_QUEUE_SIZE)
    return elements if scenario == "map" else None
