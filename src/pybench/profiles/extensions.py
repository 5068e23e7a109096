"""Which file holds the extension for an interpreter: its own, this checkout's, or none.

Measured children load it by its path. The target's interpreter need not have pybench.
"""

import json
from pathlib import Path

from pybench.children import run
from pybench.interpreters import Interpreter
from pybench.interpreters.prepare import PrepareError, prepare
from pybench.interpreters.wheels import source_folder

_TIMEOUT_S = 60.0

# With the folder of the program out of the way (-P): it may hold a file of this name.
_ASK = """import importlib.util, json, sysconfig
spec = importlib.util.find_spec("_pybench")
print(json.dumps([spec.origin if spec else None,
                  sysconfig.get_config_var("EXT_SUFFIX")]))"""


class ExtensionMissingError(Exception):
    """No extension for an interpreter; the text says why."""


def extension_of(interpreter: Interpreter, *, build: bool = False) -> Path:
    """Return the file of the extension that fits an interpreter.

    With ``build`` an environment is made where there is none yet, as a comparison does.
    Raises `ExtensionMissingError` where there is none, or none can be built.
    """
    own, suffix = _asked(interpreter.path)
    if own:
        return Path(own)
    root = source_folder()
    built = root / "src" / f"_pybench{suffix}" if root else None
    if built is not None and built.is_file():
        return built
    if not build:
        raise ExtensionMissingError(
            f"the extension is not built for {interpreter.label}"
        )
    try:
        made = prepare(interpreter)
    except PrepareError as error:
        raise ExtensionMissingError(
            f"the extension cannot be built for {interpreter.label}: {error}"
        ) from None
    own, _ = _asked(made.python)
    if not own:
        raise ExtensionMissingError(made.lacks or f"{made.python} has no extension")
    return Path(own)


def _asked(python: Path) -> tuple[str | None, str]:
    """Ask an interpreter for its extension, and for how such files end."""
    answer = run([python, "-P", "-c", _ASK], timeout_s=_TIMEOUT_S)
    try:
        own, suffix = json.loads(answer.stdout)
    except ValueError as error:
        reason = answer.problem or error
        raise ExtensionMissingError(f"{python} did not answer: {reason}") from None
    return own, str(suffix)
