"""Tell which interpreters somebody means.

A word is a path, a name on PATH (``python3.13``), a kind (``3.13t``) or a version
(``3.13.2``) of an interpreter found on this machine.  Whatever it is, the interpreter
is asked: one that turns out to be of another kind than its name says is an error.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence

from pybench.runner.find import find, is_supported
from pybench.runner.probe import Interpreter, ProbeError, probe

_KIND = re.compile(r"\d+\.\d+t?")
_NAMED_KIND = re.compile(r"python(\d+\.\d+t?)")


class ChoiceError(Exception):
    """A word that means no usable interpreter; the text says what would."""


def choose(
    words: Sequence[str], environ: Mapping[str, str] | None = None
) -> list[Interpreter]:
    """Return the interpreters that the words mean, in their order.

    Parameters
    ----------
    words : sequence of str
        What somebody typed.
    environ : mapping of str to str, optional
        Stands in for ``os.environ``, as for `find`.

    Raises
    ------
    ChoiceError
        If a word means none, or one that pybench does not support.
    """
    return [_choose_one(word, environ) for word in words]


def _choose_one(word: str, environ: Mapping[str, str] | None) -> Interpreter:
    interpreter = _by_path(word, environ) or _by_version(word, environ)
    if not is_supported(interpreter):
        raise ChoiceError(
            f"{interpreter.path} is {interpreter.implementation} {interpreter.label}, "
            "which pybench does not support"
        )
    return interpreter


def _by_path(word: str, environ: Mapping[str, str] | None) -> Interpreter | None:
    """Probe a path or a name on PATH; None if the word is neither."""
    folders = (os.environ if environ is None else environ).get("PATH")
    path = word if os.sep in word else shutil.which(word, path=folders)
    if path is None:
        return None
    try:
        interpreter = probe(path)
    except ProbeError as error:
        raise ChoiceError(str(error)) from error
    said = _NAMED_KIND.fullmatch(word)
    if said is not None and said[1] != interpreter.kind:
        raise ChoiceError(
            f"{word} on PATH is {interpreter.path}, which is {interpreter.label}: "
            f"say {interpreter.kind} if that is meant, else the path of the other"
        )
    return interpreter


def _by_version(word: str, environ: Mapping[str, str] | None) -> Interpreter:
    """Find a kind or a version among the interpreters of this machine."""
    found = find(environ).interpreters
    if _KIND.fullmatch(word):
        fitting = [one for one in found if one.kind == word]
    else:
        fitting = [one for one in found if one.label == word]
    if not fitting:
        labels = ", ".join(one.label for one in found) or "none"
        raise ChoiceError(
            f"there is no interpreter {word!r} here: it is no path and no name on "
            f"PATH, and of the versions found ({labels}) none is called that"
        )
    return fitting[-1]  # sorted by version: the newest of its kind
