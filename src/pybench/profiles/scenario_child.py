"""A scenario in a fresh process of an interpreter, started from the host."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# What a child runs: a file would put its folder, with modules of its own names, first.
_LAUNCH = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from pybench.target.programs.scenario import main; main()"
)
_SOURCE = str(Path(__file__).parents[2])


def ended(status: int) -> str:
    """Say how a process ended."""
    return f"ended by signal {-status}" if status < 0 else f"exit status {status}"


def run_child(
    python: Path,
    words: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> tuple[int, str]:
    """Run `pybench.target.programs.scenario.main` in a fresh process of an interpreter.

    Ctrl-C ends it as it would there: it prints and saves what it has.

    Parameters
    ----------
    python : Path
        The interpreter.
    words : sequence of str
        The command line of the scenario.
    environ : mapping of str to str, optional
        Instead of ours.
    quiet : bool
        Whether what it prints is kept from the terminal.

    Returns
    -------
    (int, str)
        Its status, negative for a signal, and the last line of its stderr if quiet.

    Raises
    ------
    KeyboardInterrupt
        After its end, if it is quiet; else its status tells.
    """
    command = [str(python), "-P", "-c", _LAUNCH, _SOURCE, *words]
    interrupted = False
    sys.stdout.flush()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else None,
        stderr=subprocess.PIPE if quiet else None,
        env=environ,
        # Signals reach it through us, once: a second one would cut off its saving.
        process_group=0,
    ) as child:
        errors = b""
        while True:
            try:
                _, errors = child.communicate()
                break
            except KeyboardInterrupt:
                if interrupted:
                    child.kill()
                interrupted = True
                child.send_signal(signal.SIGINT)
    if interrupted and quiet:
        raise KeyboardInterrupt
    lines = (errors or b"").decode(errors="replace").splitlines()
    return child.returncode, ["no message", *filter(str.strip, lines)][-1]
