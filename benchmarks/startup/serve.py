"""A child that does one thing each time its parent asks; run with the thing's name.

For each byte on stdin it does the thing once and answers with a byte on stdout.
The end of its input is its end, and an error is a traceback and a bad exit code.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from collections.abc import Callable


def nothing() -> None:
    """Do nothing, in a process or an interpreter of its own."""


def process_starter(method: str) -> Callable[[], None]:
    """Return a function that starts a process, the given way, and joins it."""
    context = multiprocessing.get_context(method)

    def start() -> None:
        # Every context has this; the class it is declared in does not say so.
        process = context.Process(target=nothing)  # type: ignore[attr-defined]
        process.start()
        process.join()
        if process.exitcode:
            raise RuntimeError(f"exit code {process.exitcode} of a process")

    return start


def interpreter_maker(code: str | None) -> Callable[[], None]:
    """Return a function that makes an interpreter, runs code in it, and ends it.

    3.12 and 3.13 have no public module for this; theirs differ in name and in how
    they ask for a GIL of the interpreter's own, which is the default of all three.
    """
    if sys.version_info >= (3, 14):
        public = importlib.import_module("concurrent.interpreters")

        def make() -> None:
            interpreter = public.create()
            if code is not None:
                interpreter.exec(code)
            interpreter.close()

        return make
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    private = importlib.import_module(name)

    def make_privately() -> None:
        interpreter = private.create()
        if code is not None:
            failure = private.run_string(interpreter, code)
            if failure is not None:
                raise RuntimeError(failure)
        private.destroy(interpreter)

    return make_privately


THINGS: dict[str, Callable[[], Callable[[], None]]] = {
    "echo": lambda: nothing,
    "fork": lambda: process_starter("fork"),
    "spawn": lambda: process_starter("spawn"),
    "forkserver": lambda: process_starter("forkserver"),
    "interpreter": lambda: interpreter_maker(None),
    "interpreter-exec": lambda: interpreter_maker("x = 1"),
}


def main() -> None:
    """Serve until the parent closes our input."""
    do = THINGS[sys.argv[1]]()
    while os.read(0, 1):
        do()
        os.write(1, b"!")


# Processes started by `spawn` and `forkserver` import this file once more.
if __name__ == "__main__":
    main()
