"""``--pybench-processes``: the session again, in fresh processes, one after another.

Two processes of one interpreter differ by more than the rounds inside either: hash
seed, where things lie in memory. A baseline of one process does not know by how much.
"""

import argparse
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pybench.plugin.session import Session
from pybench.plugin.turns import quieten
from pybench.results import (
    ResultsError,
    differences,
    identity_document,
    parse_identity,
)

OPTION = "--pybench-processes"

# For the processes of ours alone: the file for what they measured.
REPETITION_OPTION = "--pybench-repetition"

# A child that is interrupted may tear down its fixtures; then it is killed.
END_PATIENCE_S = 5

# PYTHONHASHSEED takes 32 bits.
_HASH_SEEDS = 2**32

# What else a repetition leaves to the user's own session, by destination.
_LEFT_OUT = {
    "pybench_counts": None,
    "pybench_memory": None,
    "pybench_resume": False,
}


def process_count(text: str) -> int:
    """Read the value of ``--pybench-processes``.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is not a whole number from 1.
    """
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of processes: say a whole number from 2, "
            "such as 8, or 1 for this one alone"
        )
    return count


class RepetitionError(Exception):
    """A process that gave nothing, or not what was asked for; says why."""


class Processes:
    """Repeats the session after its own last row, before anything is saved.

    Parameters
    ----------
    session : Session
        Whose rows are repeated, and which gets the medians of each process.
    wanted : int
        Processes in all, this one included.
    """

    def __init__(self, session: Session, wanted: int) -> None:
        self._session = session
        self._config = session.config
        self._wanted = wanted
        self._ended = 1

    # Around everything that other plugins do to the loop: their work is done then.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Repeat what was measured; an interrupt keeps what is there."""
        try:
            result = yield
            if self._has_measured():
                self._repeat()
            return result
        finally:
            if self._has_measured():
                self._session.say(
                    f"{self._ended} of {self._wanted} processes measured; the table "
                    "is of the first, the medians of each are in what is saved"
                )

    def _has_measured(self) -> bool:
        # A resumed session has rows of the journal also if it only collects.
        is_run = not self._config.getoption("collectonly")
        return is_run and bool(self._session.measured_medians())

    def _repeat(self) -> None:
        own = self._session.measured_medians()
        medians = self._session.process_medians
        medians.update((name, (median,)) for name, median in own.items())
        for number in range(2, self._wanted + 1):
            name = f"process {number} of {self._wanted}"
            self._show(f"pybench: {name}")
            try:
                found = self._run(name)
            except RepetitionError as error:
                self._session.say_problem(str(error))
                continue
            self._ended += 1
            for row in medians.keys() & found.keys():
                medians[row] += (found[row],)

    def _show(self, text: str) -> None:
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and reporter.verbosity >= 0:
            reporter.ensure_newline()
            reporter.write_line(text)

    def _run(self, name: str) -> dict[str, float]:
        """Run one process and return the median of each of its rows, in seconds."""
        with tempfile.TemporaryDirectory(
            prefix="pybench-", ignore_cleanup_errors=True
        ) as folder:
            results, said = Path(folder, "results.json"), Path(folder, "said")
            try:
                status = self._wait(results, said)
                found = self._read(results)
            except OSError as error:
                raise RepetitionError(
                    f"{name} cannot be run: {error.strerror or error}"
                ) from error
            if found is None:
                ended = f"{name} gave no results, it {_status(status)}"
                raise RepetitionError(ended + _last_line(said))
            if status != 0:
                # Rows that it measured count: one failing test does not undo them.
                self._session.say_problem(f"{name} {_status(status)}{_last_line(said)}")
        try:
            identity = parse_identity(found["identity"], name)
        except ResultsError as error:
            raise RepetitionError(str(error)) from error
        unlike = differences(self._session.identity, identity)
        if unlike:
            raise RepetitionError(
                f"{name} was not like this one and is left out: {'; '.join(unlike)}"
            )
        medians: dict[str, float] = found["medians"]
        return medians

    def _wait(self, results: Path, said: Path) -> int:
        with said.open("wb") as output:
            child = subprocess.Popen(
                self._command(results),
                cwd=self._config.invocation_params.dir,
                env=os.environ
                | {"PYTHONHASHSEED": str(secrets.randbelow(_HASH_SEEDS))},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that all it starts can be ended with it
            )
            try:
                return child.wait()
            except BaseException:
                _end(child)
                raise

    def _command(self, results: Path) -> list[str]:
        # As multiprocessing does: -X gil=0 is half of an interpreter's identity.
        flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        folder = os.fspath(self._config.invocation_params.dir)
        if not {"", folder} & {*sys.path}:
            # `python -m pytest` would add it, and `pytest` alone had not.
            flags = [*flags, "-P"]
        words = [os.fspath(word) for word in self._config.invocation_params.args]
        mine = [f"{REPETITION_OPTION}={results}", "--quiet"]
        # In front: what follows a "--" of the user is no option.
        return [sys.executable, *flags, "-m", "pytest", *mine, *words]

    @staticmethod
    def _read(results: Path) -> dict[str, Any] | None:
        try:
            found = json.loads(results.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None  # it died before it wrote, or while it did
        return found if isinstance(found, dict) else None


class Repetition:
    """The other end: a session that saves nothing but its medians.

    Parameters
    ----------
    session : Session
        Whose rows are told.
    results : Path
        Where to.
    """

    def __init__(self, session: Session, results: Path) -> None:
        self._session = session
        self._results = results

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Let the user's own session alone remember which tests failed.

        Without pytest's cache plugin, its options and settings would be errors.
        """
        cache: Any = getattr(session.config, "cache", None)
        if cache is not None:
            cache.set = lambda key, value: None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Write what was measured."""
        document = {
            "identity": identity_document(self._session.identity),
            "medians": self._session.measured_medians(),
        }
        self._results.write_text(json.dumps(document), encoding="utf-8")


def keep_apart(config: pytest.Config, results: Path) -> None:
    """Turn off all that would touch files of the user; before any session is set up."""
    quieten(config)
    for name, value in _LEFT_OUT.items():
        setattr(config.option, name, value)
    if hasattr(config.option, "benchmark_storage"):
        config.option.benchmark_storage = f"file://{results.parent / 'storage'}"


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
    try:
        child.wait(END_PATIENCE_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _status(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _last_line(said: Path) -> str:
    lines = said.read_text(encoding="utf-8", errors="replace").split("\n")
    written = [line.strip() for line in lines if line.strip()]
    return f": {written[-1]}" if written else ""
