"""The session once more in a fresh process: the same words, and no file of the user's.

What such a process is for is said by an option of ours in front of the words; what it
finds comes back in a file.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pybench.records.documents import parse_json
from pybench.target.plugin.overriding import CacheKept, quieten

# A child that is interrupted may tear down its fixtures; then it is killed.
END_PATIENCE_S = 5

# What else is left to the user's own session, by destination.
_LEFT_OUT = {
    "pybench_counts": None,
    "pybench_memory_to": None,
    "pybench_resume": False,
}


def run_again(
    config: pytest.Config,
    option: str,
    said: Path,
    *,
    switches: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> int:
    """Run the session in a fresh process, to its end or ours.

    Parameters
    ----------
    config : pytest.Config
        Of the session.
    option : str
        What the process is for.
    said : Path
        Where what it prints goes.
    switches : sequence of str
        More switches of the interpreter.
    environ : mapping of str to str, optional
        More of the environment.

    Returns
    -------
    int
        Its exit status, negative for a signal.
    """
    with said.open("wb") as output:
        child = subprocess.Popen(
            _command(config, option, switches),
            cwd=config.invocation_params.dir,
            env=os.environ | dict(environ or {}),
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


def _command(config: pytest.Config, option: str, switches: Sequence[str]) -> list[str]:
    # As multiprocessing does: -X gil=0 is half of an interpreter's identity.
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    folder = os.fspath(config.invocation_params.dir)
    if not {"", folder} & {*sys.path}:
        # `python -m pytest` would add it, and `pytest` alone had not.
        flags = [*flags, "-P"]
    words = [os.fspath(word) for word in config.invocation_params.args]
    # In front: what follows a "--" of the user is no option.
    return [
        *(sys.executable, *flags, *switches, "-m", "pytest", option, "--quiet"),
        *words,
    ]


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


def how_ended(status: int) -> str:
    """Say how a process ended."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def last_line(said: Path) -> str:
    """Return the last that a process printed, behind a colon; empty for nothing."""
    lines = said.read_text(encoding="utf-8", errors="replace").split("\n")
    written = [line.strip() for line in lines if line.strip()]
    return f": {written[-1]}" if written else ""


def read_found(path: Path) -> dict[str, Any] | None:
    """Read what a process found; None if it died before all of it was written."""
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def show(config: pytest.Config, text: str) -> None:
    """Print on a line of its own, unless the user wants quiet."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.verbosity >= 0:
        reporter.ensure_newline()
        reporter.write_line(text)


def keep_apart(config: pytest.Config, folder: Path) -> None:
    """In such a process: turn off all that would touch files of the user.

    Parameters
    ----------
    config : pytest.Config
        Before any session is set up.
    folder : Path
        Takes what has to be stored somewhere.
    """
    quieten(config)
    for name, value in _LEFT_OUT.items():
        setattr(config.option, name, value)
    if hasattr(config.option, "benchmark_storage"):
        config.option.benchmark_storage = f"file://{folder / 'storage'}"
    config.pluginmanager.register(CacheKept(), "pybench-cache-kept")
