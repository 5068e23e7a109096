"""Run a suite once on one interpreter: pytest in a child process.

The child is that interpreter with the plugin installed in it; nothing of it is
imported here.  It writes pytest-benchmark's JSON, and the counts of what it did.
"""

import contextlib
import os
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pybench import children
from pybench.children import INTERRUPT, OLDER, guarded, keep_older
from pybench.comparison.suites import Suite
from pybench.interpreters.prepare import START
from pybench.interpreters.probe import Interpreter
from pybench.records.documents import parse_json
from pybench.records.usage import UsageError
from pybench.streams import outlet

# Importing pytest from a cold disk takes a few seconds.
_READY_TIMEOUT_S = 60.0

_NEEDED = (
    "import pytest_benchmark, pybench.target.plugin, _pybench; "
    "import pybench.target.programs.start_pytest; "
    "_pybench.BUILD"
)


class NotReadyError(UsageError):
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
    command = [str(interpreter.path), "-P", "-c", _NEEDED]
    child = children.run(command, timeout_s=_READY_TIMEOUT_S)
    if not child.problem:
        return
    reason = child.last_line if child.stderr.strip() else child.problem
    path = shlex.quote(str(interpreter.path))
    raise NotReadyError(
        f"{interpreter.label} at {interpreter.path} cannot run the suite ({reason}). "
        f"In a checkout, `make setup PYTHON={path}` prepares an environment of it and "
        "prints the Python to give here; elsewhere install pybench for it: "
        f"{path} -m pip install pybench-native"
    )


def measure(
    interpreter: Interpreter,
    suite: Suite,
    words: Sequence[str],
    output: Path | None,
    *,
    start: Sequence[str] = START,
    held: Sequence[int] = (),
    environ: Mapping[str, str] | None = None,
    is_read: bool = False,
) -> Measured:
    """Run the suite once; its report goes to this process's terminal.

    Parameters
    ----------
    words : sequence of str
        Further options of pytest.
    output : Path or None
        Where the JSON goes; an older file there stays until a run has saved one.
    start : sequence of str
        What follows the interpreter to start a session; of an `Environment`.
    held : sequence of int
        Descriptors of locks, which are kept as long as pytest runs.
    environ : mapping of str to str, optional
        Variables for pytest besides those of this process.
    is_read : bool
        Whether the document is wanted also without an output.
    """
    folder = output.parent if output else None
    with tempfile.TemporaryDirectory(prefix=".pybench-", dir=folder) as name:
        scratch = Path(name)
        counts = scratch / "counts.json"
        command = [str(interpreter.path), *start, *suite.words]
        command += ["--benchmark-only", "--pybench-measured"]
        command += [f"--pybench-counts={counts}", *words]
        if output is None and is_read:
            output = scratch / "document.json"
        if output is not None:
            # An older one must not pass for this run's if it ends without saving.
            if output.exists():
                output.replace(scratch / OLDER)
            command.append(f"--benchmark-json={output}")
        status, interrupted = _run(command, scratch, output, held, environ)
        document = _read(output) if output else {}
        if output is not None:
            keep_older(output, scratch)
        return Measured(
            status=status,
            interrupted=interrupted,
            counts=_read(counts),
            document=document,
        )


def _run(
    command: Sequence[str],
    scratch: Path,
    output: Path | None,
    held: Sequence[int],
    environ: Mapping[str, str] | None,
) -> tuple[int, bool]:
    """Run a command under a guard; return its status and whether Ctrl-C came."""
    env = {**os.environ, **environ} if environ else None
    with (
        outlet(1) as out,
        outlet(2) as errors,
        guarded(
            command, scratch, output, stdout=out, stderr=errors, held=held, env=env
        ) as (child, pipe),
    ):  # fmt: skip
        try:
            return child.wait(), False
        except KeyboardInterrupt:
            with contextlib.suppress(BrokenPipeError):  # it has just ended
                os.write(pipe, INTERRUPT)
            return child.wait(), True


def _read(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty if there is none, since the child may have died."""
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
