"""What is this interpreter?  Asked of the interpreter itself, in a child process.

A file name proves nothing: ``python3.13t`` may be a shim for something else, and a
free-threaded build may run with the GIL.  So each candidate runs one small program
that prints one line of JSON; whatever else may happen is a :class:`ProbeError` that
says in words what did.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pybench.children import last_line, run
from pybench.records.documents import parse_json
from pybench.records.usage import UsageError

# Python 2 and 3 both understand it: an old interpreter shall say its version, not
# SyntaxError.  For the same reason -E -s and the line on sys.path stand for -I: the
# user's PYTHON* variables, packages and working directory have no say.
_QUESTION = r"""
import sys
sys.path[:] = [p for p in sys.path if p]
import json, platform
try:
    import sysconfig
    var = sysconfig.get_config_var
except ImportError:
    var = lambda name: None
try:
    jit = sys._jit.is_enabled()
except AttributeError:
    jit = None
arguments = var("CONFIG_ARGS") or ""
flags = " ".join(str(var(n) or "") for n in ("PY_CFLAGS", "PY_CFLAGS_NODIST"))
print("pybench-probe " + json.dumps({
    "implementation": platform.python_implementation(),
    "version": platform.python_version(),
    "soabi": var("SOABI") or "",
    "prefix": getattr(sys, "base_prefix", sys.prefix),
    "free_threaded": bool(var("Py_GIL_DISABLED")),
    "gil_enabled": getattr(sys, "_is_gil_enabled", lambda: True)(),
    "jit": jit,
    "pgo": "-fprofile-use" in flags or "-fprofile-instr-use" in flags
           or "--enable-optimizations" in arguments,
    "lto": "-flto" in flags or "--with-lto" in arguments,
    "debug": hasattr(sys, "gettotalrefcount"),
}))
"""
_MARK = "pybench-probe "
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("implementation", "version", "soabi", "prefix"), (str,)),
    **dict.fromkeys(("free_threaded", "gil_enabled", "pgo", "lto", "debug"), (bool,)),
    "jit": (bool, type(None)),
}
# A cold start from a slow disk takes a few seconds; a program that waits for
# input or opens a window never answers.
TIMEOUT_S = 20.0

# What a free-threaded build is started with to have the GIL.
GIL_ON = ("-X", "gil=1")


class ProbeError(UsageError):
    """A path that is no working interpreter; the text names the path and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One interpreter as it described itself.

    ``gil_enabled`` is the state after a bare start with its ``switches``, which is what
    it is to be started with; ``jit`` is None where the build has no JIT to ask about;
    ``pgo`` and ``lto`` are read from the build's own configuration and are False where
    that does not say.
    """

    path: Path
    implementation: str
    version: str
    soabi: str
    prefix: Path
    free_threaded: bool
    gil_enabled: bool
    jit: bool | None
    pgo: bool
    lto: bool
    debug: bool
    switches: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Name it as people do: ``3.14``, ``3.13t``, ``3.14t+gil``."""
        major, minor = self.version.split(".")[:2]
        return f"{major}.{minor}{'t' if self.free_threaded else ''}{self._gil}"

    @property
    def label(self) -> str:
        """Name it in full: ``3.13.2t``, ``3.14.0rc1``, ``3.13.1d``, ``3.14.1t+gil``."""
        return self.build + self._gil

    @property
    def _gil(self) -> str:
        return "+gil" if self.switches else ""

    @property
    def build(self) -> str:
        """Name the build in full, however it is started."""
        letters = ("t" if self.free_threaded else "") + ("d" if self.debug else "")
        return self.version + letters

    @property
    def identity(self) -> tuple[str, str, Path]:
        """What two paths to the same build have in common."""
        return (self.version, self.soabi, self.prefix)


def probe(
    path: str | os.PathLike[str],
    *,
    switches: Sequence[str] = (),
    timeout_s: float = TIMEOUT_S,
) -> Interpreter:
    """Ask one interpreter what it is when it is started with these switches.

    Raises
    ------
    ProbeError
        If the path is missing, is not an executable file, is not Python, does not
        answer in time, or answers something else.
    """
    # Not resolved: to follow a virtual environment's link is to leave it.
    executable = Path(path).absolute()
    for problem, is_fine in (
        ("no such file", executable.exists()),
        ("not a file", executable.is_file()),
        ("not executable", os.access(executable, os.X_OK)),
    ):
        if not is_fine:
            raise ProbeError(f"{executable}: {problem}")
    command = [str(executable), *switches, "-E", "-s", "-c", _QUESTION]
    answer = run(command, timeout_s=timeout_s)
    if answer.problem:
        # With the last line of a Python that failed; what cannot run printed nothing.
        reason = f": {answer.last_line}" if answer.status else ""
        raise ProbeError(f"{executable} {answer.problem}{reason}")
    return replace(_parse(executable, answer.stdout), switches=(*switches,))


def _parse(executable: Path, output: str) -> Interpreter:
    """Read the answer; a site hook may have printed before or after it."""
    for line in output.splitlines():
        if line.startswith(_MARK):
            break
    else:
        printed = last_line(output) or "nothing"
        raise ProbeError(f"{executable}: not Python: it printed {printed!r}")
    try:
        facts = parse_json(line.removeprefix(_MARK))
    except ValueError:
        raise ProbeError(
            f"{executable}: its answer is cut off: {line[:200]!r}"
        ) from None
    if not isinstance(facts, dict):
        raise ProbeError(f"{executable}: its answer is no description: {line[:200]!r}")
    for name, types in _TYPES.items():
        if name not in facts or not isinstance(facts[name], types):
            raise ProbeError(f"{executable}: its answer has no usable {name!r}")
    version = facts["version"].split(".")
    if len(version) < 2 or not (version[0].isdigit() and version[1].isdigit()):
        raise ProbeError(f"{executable}: its version is {facts['version']!r}")
    known = {name: facts[name] for name in _TYPES}
    return Interpreter(path=executable, **known | {"prefix": Path(facts["prefix"])})
