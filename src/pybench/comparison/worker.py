"""One session of one interpreter under the controller: started, talked to, ended.

The messages are described in `pybench.target.plugin.interleaving`. The controller
sleeps in `receive` while a sample runs, so it takes nothing from the CPU that is
measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar

from pybench import children
from pybench.records.documents import DocumentError
from pybench.records.identity import Identity, parse_identity
from pybench.records.messages import (
    Ended,
    MessageError,
    RowFacts,
    read_counted,
    read_ended,
    read_events,
    read_facts,
    read_numbers,
    read_packages,
    read_rounds,
    read_sample,
    read_strays,
)
from pybench.records.outcomes import ERROR, MEASURED, SKIPPED
from pybench.records.samples import Sample
from pybench.records.texts import encodable

# A session that is silent for so long is stuck. Far above any honest sample, as the
# rows of startup take a second and a half.
PATIENCE_S = 60.0
# All steps of a row in one process take no longer together: with a step at its limit
# each of a first call, a sizing, two samples and a last call can be made.
ROW_S = 300.0
# Collecting a large suite on a slow disk.
START_PATIENCE_S = 180.0
END_PATIENCE_S = 10.0
# So long may what a session started go on after it.
CHILDREN_PATIENCE_S = 2.0

# Why a row has no samples that has not failed.
NEVER_CALLED = "it never called benchmark"
ENDED_EARLY = "it ended in the middle of its samples"
# What a session did that is there and cannot be talked to any more.
CLOSED = "closed its socket to pybench, as a row does that closes all files"

_T = TypeVar("_T")


class WorkerError(Exception):
    """A session that ended, hung or sent something odd; with its last lines.

    `arm` is the session's, and `reason` the message without it.
    """

    def __init__(self, arm: str, reason: str) -> None:
        super().__init__(f"{arm}: {reason}")
        self.arm = arm
        self.reason = reason


class StartError(WorkerError):
    """A session that did not come as far as its first row."""


class RowEndedError(Exception):
    """A row ended before its samples or in the middle of them; `how` says how."""

    def __init__(self, how: Ended) -> None:
        super().__init__(how.reason)
        self.how = how


class Worker:
    """A child process that runs rows when told to.

    `command` is ``python -m pytest ...`` without the option of interleaving, `environ`
    its whole environment; `on_packages` is given the arm's name and the versions of the
    packages that it has imported, `on_strays` the files of modules that were built for
    the arm and come from elsewhere. `row_s` is what this arm may take for one row, all
    together, without the samples of the others.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        folder: Path,
        on_packages: Callable[[str, Mapping[str, str]], None] = lambda arm, known: None,
        on_strays: Callable[[str, Mapping[str, str]], None] = lambda arm, files: None,
        row_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.start_s = self.collection_s = 0.0  # known with its rows
        self._began_s = time.monotonic()
        self._row = ""
        self._row_s = ROW_S if row_s is None else row_s
        self._spent_s = 0.0  # of it
        self._clock = clock
        self._on_packages = on_packages
        self._on_strays = on_strays
        self.rows: dict[str, RowFacts] = {}
        self.uncollected: dict[str, str] = {}  # files, and why
        self.unmatched: dict[str, str] = {}  # what selects none of its rows, and why
        self.own_process: tuple[str, ...] = ()  # files that want one
        self.chosen: tuple[str, ...] = ()
        self.identity: Identity | None = None
        self.gil_enabled: bool | None = None
        self.events: Mapping[str, str] = {}  # why each is not counted, "" if it is
        self.overridden: tuple[str, ...] = ()  # the suite's own options of pytest
        self.root = ""  # the folder that names of rows begin in
        self.configuration = ""  # pytest's file of settings, if it found one
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._reader = ours.makefile("rb")
        try:
            self._child = children.start(
                [*command, f"--pybench-turns={theirs.fileno()}"],
                cwd=folder,
                env=environ,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
            )
        except OSError as error:
            self.hang_up()
            self._log.close()
            raise StartError(name, f"cannot be started: {error}") from None
        finally:
            theirs.close()

    @property
    def ready_s(self) -> float:
        """What it took until its rows were known."""
        return self.start_s + self.collection_s

    def __enter__(self) -> Self:
        """Return it, to be ended at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, whatever happened."""
        self.end()

    def await_hello(self) -> None:
        """Wait until it has collected its rows; `StartError` if it does not."""
        try:
            message = self.receive(START_PATIENCE_S, step="its collection")
        except WorkerError as error:
            raise StartError(self.name, error.reason) from None
        told_s = time.monotonic() - self._began_s
        configured_s = message.get("configured_s")
        # Its clock is ours where the system has one for all processes.
        if isinstance(configured_s, float):
            self.start_s = min(max(configured_s - self._began_s, 0.0), told_s)
        self.collection_s = told_s - self.start_s
        if message.get("say") != "hello":
            self.await_end()  # only then it has said why
            raise StartError(self.name, f"collected nothing{self.last_lines()}")
        rows = message.get("rows")
        if not isinstance(rows, dict):
            raise StartError(self.name, f"sent {rows!r} instead of its rows")
        self.rows = {encodable(row): _facts(row, facts) for row, facts in rows.items()}
        self.uncollected = _texts(message.get("uncollected"))
        self.unmatched = _texts(message.get("unmatched"))
        own_process = message.get("own_process")
        if isinstance(own_process, list):
            self.own_process = (*map(encodable, own_process),)
        self.gil_enabled = message.get("gil_enabled")
        self.root = str(message.get("root") or "")
        self.configuration = str(message.get("configuration") or "")
        self.events = self._read(read_events, message.get("events"))
        options = message.get("overridden")
        if isinstance(options, list):
            self.overridden = (*map(encodable, options),)
        try:
            self.identity = parse_identity(message.get("identity"), "its identity")
        except DocumentError as error:
            raise StartError(self.name, str(error)) from None

    def choose(self, rows: Sequence[str]) -> None:
        """Tell it which rows to run, in which order."""
        self.chosen = tuple(rows)
        self.send(do="rows", rows=[*rows])

    def pin(self, cpu: int | None) -> None:
        """Keep it on one CPU, where the system can do that."""
        if cpu is not None and hasattr(os, "sched_setaffinity"):
            try:
                os.sched_setaffinity(self._child.pid, {cpu})
            except ProcessLookupError:
                raise self._ended() from None
            except OSError as error:
                raise StartError(
                    self.name,
                    f"its CPU {cpu} can no longer be used ({error.strerror}): it was "
                    "taken off line, or from this process",
                ) from None

    def await_row(self, row: str) -> int | None:
        """Wait until a row is ready; returns how many rounds it may do, None for any.

        Raises `RowEndedError` if it ended instead, as one does that never calls
        `benchmark`.
        """
        self._row, self._spent_s = row, 0.0
        message = self._receive_of(row)
        if message.get("say") == "ended":
            raise RowEndedError(_unmeasured(read_ended(message), NEVER_CALLED, SKIPPED))
        return self._read(read_rounds, message)

    def size(self, target_ns: float, most: int | None = None) -> dict[str, int]:
        """Let the waiting row find its count; `RowEndedError` if it ended instead."""
        self.send(do="size", target_ns=target_ns, most=most)
        return self._read(read_numbers, self._answer("sized").get("numbers"))

    def sample(self, numbers: Mapping[str, int]) -> Sample:
        """Let the waiting row run once; `RowEndedError` if it ended instead."""
        self.send(do="sample", numbers=dict(numbers))
        return self._read(read_sample, self._answer("sample").get("sample"))

    def count(
        self, numbers: Mapping[str, int]
    ) -> tuple[dict[str, int], tuple[int, ...], str]:
        """Let the waiting row be counted, in windows that it sizes without `numbers`.

        Returns the numbers of a window and the instructions of each, or the reason why
        there are none; `RowEndedError` if it ended instead.
        """
        self.send(do="count", numbers=dict(numbers))
        message = self._answer("counted")
        if reason := encodable(message.get("reason") or ""):
            return {}, (), reason
        return *self._read(read_counted, message), ""

    def stop_row(self, row: str) -> Ended:
        """End the waiting row; returns how it ended."""
        self.send(do="stop")
        message = self._receive_of(row)
        if message.get("say") != "ended":
            raise self._unexpected(message, "ended")
        return read_ended(message)

    def _receive_of(self, row: str) -> dict[str, Any]:
        while True:
            message = self._receive_step()
            if message.get("row") == row:
                return message
            if message.get("say") == "bye":
                raise self._unexpected(message, row)

    def _answer(self, wanted: str) -> dict[str, Any]:
        message = self._receive_step()
        if message.get("say") == "ended":
            raise RowEndedError(_unmeasured(read_ended(message), ENDED_EARLY, ERROR))
        if message.get("say") != wanted:
            raise self._unexpected(message, wanted)
        return message

    def _receive_step(self) -> dict[str, Any]:
        """Wait for the end of a step, as long as the row's limit allows."""
        left_s = self._row_s - self._spent_s
        limit = f"{self._row} may take in one process, {self._row_s:g} s"
        way_out = "let one call of it do less, or leave the row out with -k"
        if left_s <= 0:
            self._kill()
            raise WorkerError(
                self.name,
                f"ended after {self._spent_s:g} s, more than all steps of {limit}: "
                f"{way_out}",
            )
        began = self._clock()
        try:
            if left_s >= PATIENCE_S:
                return self.receive(PATIENCE_S)
            return self.receive(left_s, step=f"is left of {limit} ({way_out}),")
        finally:
            self._spent_s += self._clock() - began

    def _unexpected(self, message: Mapping[str, Any], wanted: str) -> WorkerError:
        word = message.get("say")
        if word != "bye":
            return WorkerError(self.name, f"sent {word!r} instead of {wanted!r}")
        self.await_end()
        return WorkerError(
            self.name,
            "this row ended its session, as pytest.exit and a KeyboardInterrupt do"
            f"{self.last_lines()}",
        )

    def _read(self, reader: Callable[[Any], _T], value: Any) -> _T:
        try:
            return reader(value)
        except MessageError as error:
            raise WorkerError(self.name, encodable(error)) from None

    def send(self, **message: object) -> None:
        """Send one message."""
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            raise self._ended() from None

    def receive(
        self, patience_s: float, *, step: str = "one step of a row"
    ) -> dict[str, Any]:
        """Wait for one message; `step` says in an error what took too long."""
        self._socket.settimeout(patience_s)
        try:
            line = self._reader.readline()
        except TimeoutError:
            self._kill()
            raise WorkerError(
                self.name,
                f"silent for {patience_s:g} s, the most that {step} may take, and "
                f"ended{self.last_lines()}",
            ) from None
        except OSError:
            raise self._ended() from None
        if not line.endswith(b"\n"):
            raise self._ended()
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            reason = f"sent what is no JSON: {line[:300]!r}"
            raise WorkerError(self.name, reason) from None
        if not isinstance(message, dict):
            raise WorkerError(self.name, f"sent what is no message: {line[:300]!r}")
        if "packages" in message:
            packages = self._read(read_packages, message["packages"])
            self._on_packages(self.name, packages)
        if message.get("strays"):
            self._on_strays(self.name, self._read(read_strays, message["strays"]))
        return message

    def hang_up(self) -> None:
        """Close the socket, at which the session ends by itself."""
        self._reader.close()
        self._socket.close()

    def end(self) -> None:
        """Close the socket, which ends the session, and make sure that it did."""
        self.hang_up()
        self.await_end()
        if self._child.poll() is None:
            self._kill()
        self._await_children()
        self._log.close()

    def _await_children(self) -> None:
        """Let what its rows started end by itself, and end what does not.

        A resource tracker and a fork server end when the session that they served has
        closed its pipes, a moment after it.
        """
        deadline = time.monotonic() + CHILDREN_PATIENCE_S
        while self._child.signal_group(0):
            if time.monotonic() >= deadline:
                self._child.end_group()
                break
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill it, for whoever waits for it to notice; nothing if it has ended."""
        if self._child.poll() is None:
            self._child.end_group()

    def _kill(self) -> None:
        self._child.end_group()
        self._child.wait()

    def was_stopped(self) -> bool:
        """Tell whether it was stopped or continued since this was asked last."""
        if not hasattr(os, "waitid"):
            return False
        states = os.WSTOPPED | os.WCONTINUED | os.WNOHANG
        stopped = False
        # Without WEXITED: how it ends is for `_child` to know.
        with contextlib.suppress(ChildProcessError):
            while os.waitid(os.P_PID, self._child.pid, states) is not None:
                stopped = True
        return stopped

    def await_end(self) -> None:
        """Wait a little for it to end by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(END_PATIENCE_S)

    def _ended(self) -> WorkerError:
        self.await_end()
        status = self._child.poll()
        how = CLOSED if status is None else children.describe_end(status)
        return WorkerError(self.name, f"{how}{self.last_lines()}")

    def last_lines(self) -> str:
        """Return the last lines of its output, for a message."""
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 4000))
        text = self._log.read().decode(errors="replace")
        lines = [line for line in text.splitlines() if line.strip()][-12:]
        return ":\n" + "\n".join(f"    {line}" for line in lines) if lines else ""


def _texts(told: object) -> dict[str, str]:
    """Read texts by name; none if it is something else."""
    known = told if isinstance(told, dict) else {}
    return {encodable(name): encodable(text) for name, text in known.items()}


def _facts(row: str, facts: object) -> RowFacts:
    known = read_facts(facts)
    if encodable(row) != row:
        reason = "its name has characters that no file can hold"
        return replace(known, refused=known.refused or reason)
    return known


def _unmeasured(how: Ended, reason: str, outcome: str) -> Ended:
    """Return how a row ended that claims to be measured, and has not been."""
    if how.outcome != MEASURED:
        return how
    return replace(how, outcome=outcome, reason=reason)
