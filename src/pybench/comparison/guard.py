"""A process between ``pybench run`` and its pytest: it ends pytest if pybench goes.

    python -IS guard.py PIPE PYBENCH FOLDER OUTPUT command...

It runs the command in a process group of its own, so that what a terminal sends to all
reaches pybench alone, which decides. PIPE is inherited: a byte in it interrupts the
command, which may then save what it has; its end before that, as when pybench was
killed, interrupts it too, and its end afterwards ends it at once. Where PYBENCH, a
process, is no longer there, what is in FOLDER is put in order and FOLDER is removed.

It sleeps while the command runs, and ends as the command did. Standard library alone:
it is run as a file.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

# After Ctrl-C pytest saves what it has; a row of C may take a moment to notice.
SAVING_S = 10.0

# The word that interrupts the command; behind it the end of the pipe kills it.
INTERRUPT = b"i"
OLDER = "older.json"
# Where the command itself cannot be started, as a shell says it.
CANNOT_RUN = 126


def keep_older(output: Path, folder: Path) -> None:
    """Put the older result back unless a whole new one was saved."""
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


def _watch(
    pipe: int, child: "subprocess.Popen[bytes]", is_over: threading.Event
) -> None:
    """Interrupt the child at a word or at the end of pybench; kill it if need be."""
    is_asked = os.read(pipe, 1) != b""
    _signal(child, signal.SIGINT)
    if is_asked:
        # The end of the pipe is the second Ctrl-C: no more waiting.
        threading.Thread(target=_kill_at_end, args=(pipe, child), daemon=True).start()
    if not is_over.wait(SAVING_S):
        _signal(child, signal.SIGKILL)


def _kill_at_end(pipe: int, child: "subprocess.Popen[bytes]") -> None:
    if os.read(pipe, 1) == b"":
        _signal(child, signal.SIGKILL)


def _signal(child: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Signal the child; with what it started, if nothing is to be left of it."""
    with contextlib.suppress(ProcessLookupError):
        if number == signal.SIGKILL:
            os.killpg(child.pid, number)
        else:
            child.send_signal(number)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Take no notice; a handler rather than SIG_IGN, which a child would inherit."""


def main(words: list[str]) -> int:
    """Run the command; return its status."""
    pipe, pybench, folder, output, *command = words
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ignore)
    try:
        child = subprocess.Popen(command, process_group=0)
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
    if os.getppid() != int(pybench):
        _signal(child, signal.SIGKILL)  # what it left behind
        if output:
            keep_older(Path(output), Path(folder))
        shutil.rmtree(folder, ignore_errors=True)
    return status


def end_like(status: int) -> None:
    """End as a child did that a signal has ended."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    if status < 0:
        end_like(status)
    sys.exit(status)
