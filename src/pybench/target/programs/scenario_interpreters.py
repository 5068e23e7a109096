"""Interpreters of one process, by whatever module this version has for them."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from pybench.records.scenario import ScenarioError


class Interpreters:
    """The module that makes interpreters, whose name changed with each version.

    Raises `ScenarioError` before 3.12, where all interpreters share one GIL, and where
    no module for them was built in.
    """

    def __init__(self) -> None:
        version = sys.version.split()[0]
        # Not sys.version_info, at which a type checker stops reading.
        if sys.hexversion < 0x030C0000:
            raise ScenarioError(
                f"--mode interpreters needs 3.12 or later: in {version} all "
                "interpreters of a process share one GIL; choose --mode threads or "
                "processes"
            )
        reasons = []
        for name in ("concurrent.interpreters", "_interpreters", "_xxsubinterpreters"):
            try:
                self._module: Any = importlib.import_module(name)
            except ImportError as error:
                reasons.append(str(error))
                continue
            if hasattr(self._module, "create"):
                return
        raise ScenarioError(
            f"--mode interpreters: this build of {version} has no module for them "
            f"({'; '.join(reasons)}); choose --mode threads or processes"
        )

    def run(self, script: str, shared: Any) -> None:
        """Run a script in a new interpreter with a GIL of its own.

        What is raised in there comes as an exception of the module, with its text.
        """
        module = self._module
        if module.__name__ == "concurrent.interpreters":
            interpreter = module.create()
            try:
                if shared is not None:
                    interpreter.prepare_main(shared=shared)
                interpreter.exec(script)
            finally:
                interpreter.close()
            return
        is_new = module.__name__ == "_interpreters"
        number = module.create("isolated") if is_new else module.create(isolated=True)
        try:
            failure = (module.exec if is_new else module.run_string)(number, script)
            if failure is not None:
                raise RuntimeError(failure.formatted)
        finally:
            module.destroy(number)

    def create_queue(self, size: int) -> Any:
        """Return a queue between interpreters; `ScenarioError` before 3.14."""
        if not hasattr(self._module, "create_queue"):
            raise ScenarioError(
                "scenario queue in interpreters needs the queues of "
                f"concurrent.interpreters (3.14 or later), and this is "
                f"{sys.version.split()[0]}: choose --mode threads or processes"
            )
        return self._module.create_queue(size)
