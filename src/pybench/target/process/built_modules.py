"""Whether a session imports what was built for its arm, and not another copy of it.

The tree that a suite comes from has a copy of the package as well. A session that takes
that one measures the same code on all arms.
"""

import json
import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from pybench.records.messages import BUILT


class BuiltModules:
    """The modules that were built for this arm; none if nothing was."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        text = (os.environ if environ is None else environ).get(BUILT, "")
        document: dict[str, Any] = json.loads(text or "{}")
        self._names: list[str] = document.get("modules", [])
        self._folder: str = document.get("folder", "")

    def strays(self, modules: Mapping[str, ModuleType] | None = None) -> dict[str, str]:
        """Return the files of those that were imported from elsewhere, by name."""
        modules = sys.modules if modules is None else modules
        places = {n: _places(modules[n]) for n in self._names if n in modules}
        return {
            name: files[0]
            for name, files in places.items()
            if files and not any(map(self._has, files))
        }

    def _has(self, file: str) -> bool:
        # A package may be a link to where an installer keeps it.
        ways = (os.path.abspath, os.path.realpath)
        return any(way(file).startswith(way(self._folder) + os.sep) for way in ways)


def _places(module: ModuleType) -> list[str]:
    """Return a module's file, or the folders of a namespace."""
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return [file]
    return [*map(str, getattr(module, "__path__", ()))]
