"""Start, wait for, end and explain a child process: the only place that starts one.

`run` waits for a child and says what came of it; `start` leaves it running; `guarded`
starts it under a process that ends it if this one is killed. A child has a session of
its own, so that Ctrl-C reaches it through us alone, and all that it has started is
ended with it.

Both planes use this, and it imports only the standard library. As a file it is the
guard::

    python -IS children.py PIPE PARENT FOLDER OUTPUT command...
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import IO, Any

_Stream = int | IO[Any] | None

# After Ctrl-C pytest saves what it has; a row of C may take a moment to notice.
SAVING_S = 10.0

# The guard's status where the command cannot be started, as a shell says it.
CANNOT_RUN = 126

# What tells a process under callgrind how the names of callgrind's files begin.
CALLGRIND_FILES = "PYBENCH_CALLGRIND"
# The oldest valgrind that counts as we ask it to, and how long it may take to say what
# it is.
CALLGRIND_LEAST = (3, 15)
CALLGRIND_S = 30.0
# So many variables more does each process have than the one before.
CALLGRIND_LAYOUT = 13

# The message that interrupts the command; after it the end of the pipe kills it.
INTERRUPT = b"i"
OLDER = "older.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildResult:
    """What came of a child.

    ``status`` is its exit status, negative for a signal, None if it could not be
    started or was ended at the time-out; ``problem`` is empty after exit status 0.
    """

    status: int | None
    stdout: str
    stderr: str
    problem: str

    @property
    def last_line(self) -> str:
        """The last line of its errors, else of its output, else "no message"."""
        return last_line(self.stderr) or last_line(self.stdout) or "no message"


class Child(subprocess.Popen[bytes]):
    """A running child."""

    def reap(self, options: int = 0) -> tuple[int, int] | None:
        """Take its status and its CPU time in ns; None if it runs, under `WNOHANG`."""
        # wait4 tells the CPU time of this child; others tell the sum over all.
        pid, status, usage = os.wait4(self.pid, options)
        if pid == 0:
            return None
        self.returncode = os.waitstatus_to_exitcode(status)  # so that Popen knows too
        return self.returncode, round((usage.ru_utime + usage.ru_stime) * 1e9)

    def signal_group(self, number: int) -> bool:
        """Signal the child and all in its group; return whether there was anything."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
            return True
        return False

    def end_group(self) -> bool:
        """Kill the child and all in its group; return whether there was anything."""
        return self.signal_group(signal.SIGKILL)


def start(
    command: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: _Stream = subprocess.DEVNULL,
    stdout: _Stream = None,
    stderr: _Stream = None,
    pass_fds: Sequence[int] = (),
    new_session: bool = True,
) -> Child:
    """Start a child; raises OSError if it cannot be started.

    A child that writes to a terminal takes only a process group of its own
    (``new_session=False``), so that it stays on this terminal.
    """
    return Child(
        command,
        cwd=cwd,
        env=env,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=pass_fds,
        start_new_session=new_session,
        process_group=None if new_session else 0,
    )


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    timeout_s: float | None = None,
    text: str = "",
    merged: bool = False,
    errors: str = "replace",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> ChildResult:
    """Run a child to its end, or to the time-out.

    Parameters
    ----------
    timeout_s : float, optional
        Then it is ended, with all that it has started.
    text : str
        Its standard input.
    merged : bool
        Whether its errors come in ``stdout``, where they were written.
    errors : str
        How bytes that are no text are decoded.
    """
    try:
        child = start(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            pass_fds=pass_fds,
        )
    except OSError as error:
        why = " (built for another machine?)" * (error.errno == errno.ENOEXEC)
        problem = f"cannot be started: {error.strerror or error}{why}"
        return ChildResult(status=None, stdout="", stderr="", problem=problem)
    status: int | None
    try:
        output = child.communicate(text.encode(), timeout_s)
        status = child.returncode
        problem = "" if status == 0 else describe_end(status)
    except subprocess.TimeoutExpired:
        child.end_group()
        output = child.communicate()
        status, problem = None, f"did not end within {timeout_s:g} s"
    except BaseException:
        child.end_group()
        child.communicate()
        raise
    stdout, stderr = ((part or b"").decode(errors=errors) for part in output)
    return ChildResult(status=status, stdout=stdout, stderr=stderr, problem=problem)


def spawn(command: list[str], errors: int) -> int:
    """Start a child, wait for its end and return its status, negative for a signal.

    For rows that time a child, as `start` adds 0.3 ms of Python to it: the child has
    this process's environment and group, no input, and `errors` alone for what it
    writes. Raises OSError if it cannot be started, also where there is no posix_spawn.
    """
    pid = os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, errors, 2),
        ],
    )
    try:
        _, status = os.waitpid(pid, 0)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    return os.waitstatus_to_exitcode(status)


class CallgrindError(Exception):
    """Instructions cannot be counted on this machine; says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callgrind:
    """What a command is started under so that callgrind counts its windows.

    `command` stands before it, `environ` has what it has to be told.
    """

    version: str
    command: tuple[str, ...]
    environ: Mapping[str, str]

    def of_process(self, number: int) -> Callgrind:
        """Return the same for a process of that number, counted from 1.

        Each has more variables, so that all it makes from its start on lies elsewhere:
        a count that depends on where is no property of a build.
        """
        more = range(CALLGRIND_LAYOUT * (number - 1))
        layout = {f"{CALLGRIND_FILES}_{size}": "x" * size for size in more}
        return replace(self, environ={**self.environ, **layout})


def find_callgrind(folder: Path) -> Callgrind:
    """Return how to count, with callgrind's files in `folder`; or `CallgrindError`."""
    program = shutil.which("valgrind")
    if program is None:
        raise CallgrindError(
            "instructions are counted by valgrind, which is not installed: "
            "`apt install valgrind`, or the like of your system"
        )
    answer = run([program, "--version"], timeout_s=CALLGRIND_S)
    version = answer.last_line if answer.stdout.strip() else ""
    numbers = [*map(int, re.findall(r"\d+", version)[:2])]
    if answer.problem or len(numbers) < 2:
        why = answer.problem or f"its version is {version!r}"
        raise CallgrindError(f"{program} --version: {why}: install valgrind again")
    if (*numbers,) < CALLGRIND_LEAST:
        least = ".".join(map(str, CALLGRIND_LEAST))
        raise CallgrindError(
            f"{program} is {version}, too old to count: {least} is the least"
        )
    files = folder / "count"
    return Callgrind(
        version=version,
        command=(
            # Settings of the user's own would count something else.
            *(program, "--command-line-only=yes", "--quiet", "--tool=callgrind"),
            *("--instr-atstart=no", "--collect-atstart=no"),
            f"--callgrind-out-file={files}",
        ),
        environ={CALLGRIND_FILES: str(files)},
    )


def describe_end(status: int) -> str:
    """Say how a process ended, after its name: "was ended by SIGKILL"."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def last_line(text: str) -> str:
    """Return the last line that is not blank, at most 200 characters of it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def group_runs(group: int) -> bool:
    """Tell whether anything of a process group runs.

    A process that has ended and that nobody has waited for yet, as some containers
    leave them for ever, does not.
    """
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    if not Path("/proc/self/stat").exists():
        return True
    states = map(_group_and_state, Path("/proc").glob("[0-9]*/stat"))
    return any(of == group and state not in "ZX" for of, state in states)


@contextlib.contextmanager
def guarded(
    command: Sequence[str],
    scratch: Path,
    output: Path | None = None,
    *,
    stdout: _Stream,
    stderr: _Stream,
    held: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[tuple[Child, int]]:
    """Start a command under a guard, which outlives us and ends it if we are killed.

    Yields the guard, which ends as the command does, and a pipe that takes `INTERRUPT`.
    At the end nothing of it is left running.

    Parameters
    ----------
    scratch : Path
        A folder that the guard removes if we are gone.
    output : Path, optional
        What the command writes; see `keep_older`.
    held : sequence of int
        Descriptors of locks, which are kept as long as the command runs.
    env : mapping of str to str, optional
        Stands in for this process's environment.
    """
    reading, writing = os.pipe()
    line = [sys.executable, "-IS", __file__, str(reading), str(os.getpid())]
    try:
        # It stays in our group: what a terminal sends to all, it ignores.
        child = Child(
            [*line, str(scratch), str(output or ""), *command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=[reading, *held],
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    try:
        yield child, writing
    finally:
        # Whatever else came, a second Ctrl-C for one: leave nothing running.
        os.close(writing)
        child.wait()


def keep_older(output: Path, folder: Path) -> None:
    """Put the older result in `folder` back unless a whole new one was saved."""
    older = folder / OLDER
    try:
        # A hook of the suite may have given it any shape: it is theirs.
        json.loads(output.read_text(encoding="utf-8"))
        is_saved = True
    except (OSError, ValueError, RecursionError):
        is_saved = False
    if not is_saved:
        with contextlib.suppress(OSError):
            output.unlink(missing_ok=True)
        if older.exists():
            older.replace(output)


def _group_and_state(stat: Path) -> tuple[int, str]:
    try:
        # The name of the program stands in parentheses, with whatever is in it.
        words = stat.read_text(errors="replace").rpartition(")")[2].split()
        return int(words[2]), words[0]
    except (OSError, ValueError, IndexError):
        return -1, "X"  # it has just ended


def _watch(pipe: int, child: Child, is_over: threading.Event) -> None:
    """Interrupt the child at a message or at the end of our parent; kill it if need be.

    The end of the pipe after a message is a second Ctrl-C: no more waiting.
    """
    is_asked = os.read(pipe, 1) != b""
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(signal.SIGINT)
    if is_asked:
        threading.Thread(target=_kill_at_end, args=(pipe, child), daemon=True).start()
    if not is_over.wait(SAVING_S):
        child.end_group()


def _kill_at_end(pipe: int, child: Child) -> None:
    if os.read(pipe, 1) == b"":
        child.end_group()


def _ignore(number: int, frame: FrameType | None) -> None:
    """Take no notice; a handler rather than SIG_IGN, which a child would inherit."""


def _guard(arguments: list[str]) -> int:
    """Run the command in a group of its own; return its status."""
    pipe, parent, folder, output, *command = arguments
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ignore)
    try:
        child = start(command, stdin=None, new_session=False)
    except OSError as error:
        sys.stderr.write(f"pybench: {command[0]}: {error.strerror or error}\n")
        return CANNOT_RUN
    is_over = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(int(pipe), child, is_over), daemon=True
    )
    watcher.start()
    status = child.wait()
    is_over.set()
    if os.getppid() != int(parent):
        child.end_group()  # what it left behind
        if output:
            keep_older(Path(output), Path(folder))
        shutil.rmtree(folder, ignore_errors=True)
    return status


def _end_like(status: int) -> None:
    """End as a child did that a signal has ended."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)


if __name__ == "__main__":
    exit_status = _guard(sys.argv[1:])
    if exit_status < 0:
        _end_like(exit_status)
    sys.exit(exit_status)
