"""Run a suite once on one interpreter: pytest in a child process.

The child is that interpreter with the plugin installed in it; nothing of it is
imported here.  It writes pytest-benchmark's JSON, and the counts of what it did.
"""

import shlex
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pybench.results import parse_json
from pybench.runner.probe import Interpreter
from pybench.streams import outlet

# Importing pytest from a cold disk takes a few seconds.
_READY_TIMEOUT_S = 60.0

# After Ctrl-C pytest saves what it has; a row of C may take a moment to notice.
_SAVING_S = 5.0

_NEEDED = "import pytest_benchmark, pybench.plugin, _pybench; _pybench.BUILD"


class NotReadyError(Exception):
    """An interpreter that lacks what the suite needs; the text says how to add it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of one run.

    ``status`` is pytest's; negative if a signal ended it.  ``counts`` is empty if it
    did not come to its end, ``document`` if it saved nothing.
    """

    status: int
    interrupted: bool = False
    counts: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)


def check_ready(interpreter: Interpreter) -> None:
    """Raise `NotReadyError` unless the interpreter has pybench and its needs."""
    command = [str(interpreter.path), "-c", _NEEDED]
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_READY_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        reason = [f"exit {error.returncode}", *error.stderr.strip().splitlines()][-1]
    except subprocess.TimeoutExpired:
        reason = f"no answer within {_READY_TIMEOUT_S:g} seconds"
    else:
        return
    path = shlex.quote(str(interpreter.path))
    raise NotReadyError(
        f"{interpreter.label} at {interpreter.path} cannot run the suite ({reason}). "
        f"In a checkout, `make setup PYTHON={path}` prepares an environment of it and "
        "prints the Python to give here; elsewhere install pybench for it: "
        f"{path} -m pip install -e '.[dev]'"
    )


def measure(
    interpreter: Interpreter, suite: Path, words: Sequence[str], output: Path | None
) -> Measured:
    """Run the suite once; its report goes to this process's terminal.

    Parameters
    ----------
    interpreter : Interpreter
        What runs it.
    suite : Path
        The folder, or a file of it.
    words : sequence of str
        Further options of pytest.
    output : Path or None
        Where the JSON goes; an older file there stays until a run has saved one.
    """
    folder = output.parent if output else None
    with tempfile.TemporaryDirectory(prefix=".pybench-", dir=folder) as name:
        counts, older = Path(name) / "counts.json", Path(name) / "older.json"
        command = [str(interpreter.path), "-m", "pytest", str(suite)]
        command += ["--benchmark-only", "--pybench-measured"]
        command += [f"--pybench-counts={counts}", *words]
        if output is not None:
            # An older one must not pass for this run's if it ends without saving.
            if output.exists():
                output.replace(older)
            command.append(f"--benchmark-json={output}")
        status, interrupted = _run(command)
        document = _read(output) if output else {}
        # A hook of the suite may have given the file another shape: it is theirs.
        if output is not None and not document and not _is_json(output):
            output.unlink(missing_ok=True)
            if older.exists():
                older.replace(output)
        return Measured(
            status=status,
            interrupted=interrupted,
            counts=_read(counts),
            document=document,
        )


def _run(command: Sequence[str]) -> tuple[int, bool]:
    """Run a command to its end; return its status and whether Ctrl-C came."""
    with outlet(1) as out, outlet(2) as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors
        )
        try:
            return child.wait(), False
        except KeyboardInterrupt:
            return _let_save(child), True
        finally:
            # Whatever else came, a second Ctrl-C for one: leave nothing running.
            if child.poll() is None:
                child.kill()
                child.wait()


def _let_save(child: subprocess.Popen[bytes]) -> int:
    """Give an interrupted child the time to save what it has."""
    try:
        return child.wait(_SAVING_S)
    except subprocess.TimeoutExpired:
        # A terminal interrupts the child as well; whoever signals us alone does not.
        child.send_signal(signal.SIGINT)
    try:
        return child.wait(_SAVING_S)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL


def _is_json(path: Path) -> bool:
    try:
        parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _read(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty if there is none, since the child may have died."""
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
