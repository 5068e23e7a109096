"""The session once more in a fresh process: the same words, and no file of the user's.

An option of ours in front of the words says what the process is for and names a
folder: `GIVEN` in it is what the process needs to know, `FOUND` what it found.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pybench import children
from pybench.records.documents import parse_json
from pybench.target.plugin.overriding import CacheKept, quieten

GIVEN = "given.json"
FOUND = "found.json"

# A child that is interrupted may tear down its fixtures; then it is killed.
END_PATIENCE_S = 5

# What else is left to the user's own session, by destination.
_LEFT_OUT = {"pybench_counts": None, "pybench_memory_to": None, "pybench_resume": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """A process that has ended, in words too, and what it found.

    `status` is None if it could not be run, `found` None if it did not come to that.
    """

    status: int | None
    ended: str
    found: dict[str, Any] | None


def run_again(
    config: pytest.Config,
    option: str,
    given: object = None,
    *,
    switches: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    under: Sequence[str] = (),
) -> Rerun:
    """Run the session in a fresh process, to its end or ours.

    `given` is for it to read, `switches` are more switches of the interpreter,
    `environ` more of its environment, `under` what its command is started under.
    """
    try:
        with tempfile.TemporaryDirectory(
            prefix="pybench-", ignore_cleanup_errors=True
        ) as name:
            folder = Path(name)
            (folder / GIVEN).write_text(json.dumps(given), encoding="utf-8")
            output = folder / "output"
            with output.open("wb") as file:
                child = children.start(
                    [*under, *_command(config, f"{option}={folder}", switches)],
                    cwd=config.invocation_params.dir,
                    env=os.environ | dict(environ or {}),
                    stdout=file,
                    stderr=file,
                )
                try:
                    status = child.wait()
                except BaseException:
                    _end(child)
                    raise
            text = output.read_text(encoding="utf-8", errors="replace")
            last = children.last_line(text)
            ended = children.describe_end(status) + (f": {last}" if last else "")
            return Rerun(status=status, ended=ended, found=_read(folder / FOUND))
    except OSError as error:
        ended = f"cannot be run: {error.strerror or error}"
        return Rerun(status=None, ended=ended, found=None)


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


def _end(child: children.Child) -> None:
    """End a process and all that it started."""
    child.signal_group(signal.SIGINT)
    try:
        child.wait(END_PATIENCE_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        pass
    finally:
        child.end_group()
        child.wait()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def show(config: pytest.Config, text: str) -> None:
    """Print on a line of its own, unless the user wants quiet."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.verbosity >= 0:
        reporter.ensure_newline()
        reporter.write_line(text)


def isolate(config: pytest.Config, folder: Path) -> None:
    """In such a process, before a session is set up: touch no file of the user.

    `folder` takes what has to be stored somewhere.
    """
    quieten(config)
    for name, value in _LEFT_OUT.items():
        setattr(config.option, name, value)
    if hasattr(config.option, "benchmark_storage"):
        config.option.benchmark_storage = f"file://{folder / 'storage'}"
    if not config.pluginmanager.has_plugin("pybench-cache-kept"):
        config.pluginmanager.register(CacheKept(), "pybench-cache-kept")
