"""Workers that outlive the rounds: threads, processes, or interpreters in threads.

Not the pools of `concurrent.futures`: those take one dead worker for the end of all,
and their bookkeeping costs more than a round of small work. Here each worker has its
own way in, and one that dies, raises or does not answer is lost by name.
"""

from __future__ import annotations

import os
import queue
import select
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pybench.target.programs.scenario_interpreters import (
    InterpretersAPI,
    interpreters_api,
)
from pybench.target.programs.scenario_work import (
    EMPTY,
    FAILED,
    READY,
    STOP,
    WORK,
    Job,
    ScenarioError,
    described,
    frame,
    new_table,
    process_main,
    serve,
    take_frame,
)

MODES = ("threads", "processes", "interpreters")
START_METHODS = ("forkserver", "spawn", "fork")

# How long a worker that was told to stop may take.
_STOP_S = 1.0

# What every interpreter runs; the folder of the package is not on its path yet.
_SCRIPT = """
import sys
sys.path[:] = {path!r}
from pybench.target.programs import scenario_work
shared = globals().get("shared", {shared!r})
scenario_work.serve_files(
    scenario_work.Job(*{job!r}), shared, {commands}, {replies})
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of one round.

    Parameters
    ----------
    wall_s : float
        From the first command to the last answer.
    values : dict of int to object
        The answers, by worker.
    lost : dict of int to str
        Those who were lost in it, and why.
    """

    wall_s: float
    values: dict[int, Any]
    lost: dict[int, str]


class Pool:
    """What the three kinds have in common; use it as a context.

    Attributes
    ----------
    alive : dict of int to str
        The workers that still take part, and their names.
    abandoned : bool
        Whether a worker could not be ended: the process then has to leave by
        `os._exit`, or it would wait for it.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = [*names]
        self.alive = dict(enumerate(names))
        self.abandoned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self, timeout_s: float) -> dict[int, str]:
        """Wait until every worker is ready; return those that are not, and why."""
        return self._gather({*self.alive}, {}, time.perf_counter() + timeout_s)

    def round(
        self,
        timeout_s: float,
        arguments: Mapping[int, Any] | None = None,
        *,
        empty: bool = False,
        lost_at_once: Callable[[int], None] = lambda _index: None,
    ) -> Round:
        """Give each worker a command and wait for all answers.

        Parameters
        ----------
        timeout_s : float
            Seconds after which those that have not answered are lost.
        arguments : mapping of int to object, optional
            What goes with the command, by worker.
        empty : bool
            A round without work: what is left is the cost of the round itself.
        lost_at_once : callable
            Gets the index of a worker when it is lost, before the others are done.
        """
        arguments = arguments or {}
        values: dict[int, Any] = {}
        lost: dict[int, str] = {}
        kind = EMPTY if empty else WORK
        begin = time.perf_counter()
        waiting = {*self.alive}
        for index in [*self.alive]:
            why = self._send(index, (kind, arguments.get(index)), begin + timeout_s)
            if why:
                lost[index] = why
                self._lose(index)
                waiting.discard(index)
                lost_at_once(index)
        lost |= self._gather(waiting, values, begin + timeout_s, lost_at_once)
        return Round(wall_s=time.perf_counter() - begin, values=values, lost=lost)

    def _gather(
        self,
        waiting: set[int],
        values: dict[int, Any],
        deadline: float,
        lost_at_once: Callable[[int], None] = lambda _index: None,
    ) -> dict[int, str]:
        """Wait for the answers of some workers; return who was lost, and why."""
        begin = time.perf_counter()
        lost: dict[int, str] = {}
        while waiting:
            left = deadline - time.perf_counter()
            event = self._receive(max(0.0, left))
            if event is None:
                for index in sorted(waiting):
                    why = f"no answer within {deadline - begin:.3g} s (--timeout)"
                    lost[index] = why + self._lose(index, hangs=True)
                break
            index, (kind, value) = event
            if index not in waiting:
                continue  # the late answer of one that is lost
            waiting.discard(index)
            if kind == FAILED:
                lost[index] = str(value)
                self._lose(index)
                lost_at_once(index)
            elif kind != READY:
                values[index] = value
        return lost

    def _lose(self, index: int, *, hangs: bool = False) -> str:
        """Take a worker out; return what is to be said of its end besides."""
        self.alive.pop(index, None)
        return ""

    def _send(self, index: int, message: tuple[str, Any], deadline: float) -> str:
        """Give a command; return why it could not be given, or nothing."""
        raise NotImplementedError

    def _receive(self, timeout_s: float) -> tuple[int, tuple[str, Any]] | None:
        """Return the next answer and whose it is; None when time is up."""
        raise NotImplementedError

    def stop(self) -> None:
        """End all workers."""
        raise NotImplementedError


class ThreadPool(Pool):
    """Threads, which get commands and objects as they are."""

    def __init__(self, jobs: Sequence[Job], shared: Any, names: Sequence[str]) -> None:
        super().__init__(names)
        # SimpleQueue is C: a Queue would cost a round more than the switch itself.
        self._answers: queue.SimpleQueue[tuple[int, tuple[str, Any]]]
        self._answers = queue.SimpleQueue()
        self._commands: list[queue.SimpleQueue[tuple[str, Any]]] = []
        self._threads: list[threading.Thread] = []
        for job, name in zip(jobs, names, strict=True):
            commands: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
            self._commands.append(commands)
            own = shared[job.place] if isinstance(shared, tuple) else shared
            thread = threading.Thread(
                target=serve,
                args=(job, own, commands.get, self._reply_of(job.place)),
                name=name,
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()

    def _reply_of(self, index: int) -> Callable[[tuple[str, Any]], None]:
        put = self._answers.put
        return lambda message: put((index, message))

    def _lose(self, index: int, *, hangs: bool = False) -> str:
        super()._lose(index)
        if not hangs:
            return ""
        self.abandoned = True
        return "; a thread cannot be ended, it may go on using a CPU"

    def _send(self, index: int, message: tuple[str, Any], deadline: float) -> str:
        self._commands[index].put(message)
        return ""

    def _receive(self, timeout_s: float) -> tuple[int, tuple[str, Any]] | None:
        try:
            return self._answers.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def stop(self) -> None:
        """Tell all to stop; those in the middle of something are left."""
        for commands in self._commands:
            commands.put((STOP, None))
        deadline = time.monotonic() + _STOP_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            self.abandoned |= thread.is_alive()


class PipePool(Pool):
    """Workers behind pipes; `_in` and `_out` are the parent's ends, by worker."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._in: list[int] = []
        self._out: list[int] = []
        self._poll = select.poll()
        self._whose: dict[int, int] = {}
        self._buffers = [bytearray() for _ in names]
        self._events: list[tuple[int, tuple[str, Any]]] = []

    def _watch(self, commands: int, replies: int) -> None:
        """Take the parent's ends of one more worker."""
        self._in.append(commands)
        self._out.append(replies)
        os.set_blocking(commands, False)
        self._whose[replies] = len(self._out) - 1
        self._poll.register(replies, select.POLLIN)

    def _lose(self, index: int, *, hangs: bool = False) -> str:
        super()._lose(index)
        if self._whose.pop(self._out[index], None) is not None:
            self._poll.unregister(self._out[index])
        return ""

    def _send(self, index: int, message: tuple[str, Any], deadline: float) -> str:
        rest = memoryview(frame(message))
        while rest:
            try:
                rest = rest[os.write(self._in[index], rest) :]
            except BlockingIOError:
                left = deadline - time.perf_counter()
                room = select.poll()
                room.register(self._in[index], select.POLLOUT)
                if left <= 0 or not room.poll(left * 1000):
                    return "it does not take its command" + self._lose(
                        index, hangs=True
                    )
            except BrokenPipeError:
                return self._ended(index)
        return ""

    def _receive(self, timeout_s: float) -> tuple[int, tuple[str, Any]] | None:
        deadline = time.perf_counter() + timeout_s
        while not self._events:
            left = deadline - time.perf_counter()
            ready = self._poll.poll(max(0.0, left) * 1000)
            if not ready and left <= 0:
                return None
            for file, _flags in ready:
                self._read(self._whose[file])
        return self._events.pop(0)

    def _read(self, index: int) -> None:
        """Take what a worker wrote; the end of its pipe is the end of the worker."""
        try:
            came = os.read(self._out[index], 1 << 16)
        except OSError:
            came = b""
        if not came:
            self._poll.unregister(self._out[index])
            del self._whose[self._out[index]]
            self._events.append((index, (FAILED, self._ended(index))))
            return
        buffer = self._buffers[index]
        buffer += came
        while (message := take_frame(buffer)) is not None:
            self._events.append((index, message))

    def _ended(self, index: int) -> str:
        """Say how a worker ended that closed its pipe."""
        raise NotImplementedError

    def _tell_stop(self) -> None:
        for index in self.alive:
            self._send(index, (STOP, None), time.perf_counter())


class ProcessPool(PipePool):
    """Processes, by the start method that was asked for."""

    def __init__(
        self, jobs: Sequence[Job], shared: Any, names: Sequence[str], method: str
    ) -> None:
        from multiprocessing import get_context

        super().__init__(names)
        if method == "fork":
            refuse_threads()
        context: Any = get_context(method)
        if shared is None and jobs[0].scenario == "queue":
            shared = context.Queue(64)
        self._shared = shared
        self._processes: list[Any] = []
        self._kept: list[Any] = []  # the connections own the files
        for job in jobs:
            their_in, our_in = context.Pipe(duplex=False)
            our_out, their_out = context.Pipe(duplex=False)
            self._kept += [our_in, our_out]
            self._watch(our_in.fileno(), our_out.fileno())
            # After a fork, a sibling that holds our ends would keep both pipes open.
            not_ours = (*self._in, *self._out) if method == "fork" else ()
            own = shared[job.place] if isinstance(shared, tuple) else shared
            process = context.Process(
                target=process_main,
                args=(job, own, their_in, their_out, not_ours),
                name=names[job.place],
                daemon=True,
            )
            self._processes.append(process)
            process.start()
            self.names[job.place] = f"{names[job.place]} (pid {process.pid})"
            self.alive[job.place] = self.names[job.place]
            their_in.close()
            their_out.close()

    def _lose(self, index: int, *, hangs: bool = False) -> str:
        super()._lose(index)
        process = self._processes[index]
        if hangs and process.is_alive():
            process.kill()
            process.join(_STOP_S)
            return "; it was killed"
        return ""

    def _ended(self, index: int) -> str:
        process = self._processes[index]
        process.join(_STOP_S)
        code = process.exitcode
        if code is None:
            return "it closed its pipe and goes on"
        return f"ended by signal {-code}" if code < 0 else f"exit status {code}"

    def stop(self) -> None:
        """Tell all to stop, and kill who does not."""
        self._tell_stop()
        deadline = time.monotonic() + _STOP_S
        for process in self._processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        for connection in self._kept:
            connection.close()
        if hasattr(self._shared, "cancel_join_thread"):
            self._shared.close()


class InterpreterPool(PipePool):
    """Interpreters of this process, each in a thread of its own."""

    def __init__(self, jobs: Sequence[Job], shared: Any, names: Sequence[str]) -> None:
        super().__init__(names)
        api = interpreters_api()
        queue_ = None
        if jobs[0].scenario == "queue":
            queue_ = api.create_queue(64)
        self._threads: list[threading.Thread] = []
        self._reasons: dict[int, str] = {}
        for job in jobs:
            their_in, our_in = os.pipe()
            our_out, their_out = os.pipe()
            self._watch(our_in, our_out)
            socket = shared[job.place] if isinstance(shared, tuple) else None
            own = None if socket is None else socket.fileno()
            script = _SCRIPT.format(
                path=sys.path,
                shared=None if own is None else {job.place: own},
                job=tuple(job),
                commands=their_in,
                replies=their_out,
            )
            thread = threading.Thread(
                target=self._run,
                args=(api, job.place, script, queue_, (their_in, their_out)),
                name=names[job.place],
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()

    def _run(
        self,
        api: InterpretersAPI,
        index: int,
        script: str,
        queue_: Any,
        theirs: tuple[int, int],
    ) -> None:
        """Make an interpreter, run the script in it, and remove it again."""
        try:
            api.run(script, queue_)
        except Exception as error:
            self._reasons[index] = described(error)
        finally:
            for file in theirs:
                os.close(file)

    def _lose(self, index: int, *, hangs: bool = False) -> str:
        super()._lose(index)
        if not hangs:
            return ""
        self.abandoned = True
        return "; an interpreter cannot be ended, it may go on using a CPU"

    def _ended(self, index: int) -> str:
        return self._reasons.get(index, "the interpreter ended")

    def stop(self) -> None:
        """Tell all to stop; those in the middle of something are left."""
        self._tell_stop()
        deadline = time.monotonic() + _STOP_S
        for thread, file in zip(self._threads, self._in, strict=True):
            thread.join(max(0.0, deadline - time.monotonic()))
            self.abandoned |= thread.is_alive()
            os.close(file)
        for file in self._out:
            os.close(file)
        # 3.12 frees what it does not own when it ends after such interpreters.
        self.abandoned |= sys.hexversion < 0x030D0000


def refuse_threads() -> None:
    """Raise unless a fork copies all threads that there are, which is one.

    Raises
    ------
    ScenarioError
        With the names of the others.
    """
    others = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    try:
        running = len([*Path("/proc/self/task").iterdir()])
    except OSError:
        running = 1 + len(others)
    if running <= 1 and not others:
        return
    names = f" ({', '.join(others)})" if others else ""
    raise ScenarioError(
        f"--start-method fork: this process runs {max(running, 1 + len(others))} "
        f"threads{names}, and a fork copies only the one that calls it: a lock that "
        "another holds would stay locked in the child. Choose forkserver or spawn"
    )


def make_pool(
    mode: str,
    method: str,
    jobs: Sequence[Job],
    shared: Any = None,
    names: Sequence[str] = (),
) -> Pool:
    """Start the workers of a mode; `Pool.start` waits for them.

    Parameters
    ----------
    mode, method : str
        Of `MODES` and `START_METHODS`; the method counts for processes alone.
    jobs : sequence of Job
        One per worker, in the order of their index.
    shared : object, optional
        What all of them get; of a tuple each gets its own element.
    names : sequence of str, optional
        ``thread-1`` and so on unless given.

    Raises
    ------
    ScenarioError
        If that mode cannot run here.
    """
    word = {"threads": "thread", "processes": "process", "interpreters": "interpreter"}
    names = names or [f"{word[mode]}-{job.place + 1}" for job in jobs]
    if mode == "processes":
        return ProcessPool(jobs, shared, names, method)
    if mode == "interpreters":
        return InterpreterPool(jobs, shared, names)
    return ThreadPool(jobs, shared, names)


def shared_object(scenario: str, mode: str, elements: Sequence[int]) -> Any:
    """Return what the workers of a scenario have in common, None if nothing.

    The queue of processes and interpreters is made by their pool.
    """
    if mode != "threads":
        return None
    if scenario == "shared":
        return new_table()
    if scenario == "queue":
        return queue.Queue(64)
    return elements if scenario == "map" else None
