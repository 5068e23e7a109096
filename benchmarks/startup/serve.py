"""A child that does one thing each time its parent asks; run with the thing's name.

Arguments of the thing may follow.

For each byte on stdin it does the thing once and answers with a byte on stdout.
The end of its input is its end, and an error is a traceback and a bad exit code.
"""

import gc
import importlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from itertools import repeat


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


def pool_starter(method: str) -> Callable[[], None]:
    """Return a function that has a pool of two processes, for one task."""
    context = multiprocessing.get_context(method)

    def start() -> None:
        with context.Pool(2) as pool:
            pool.apply(nothing)
            pool.close()
            pool.join()

    return start


def executor_starter(method: str) -> Callable[[], None]:
    """Return a function that has an executor of one process, for one task."""
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context(method)

    def start() -> None:
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            executor.submit(nothing).result()

    return start


def pool_task(times: str) -> Callable[[], None]:
    """Return a function that gives a pool of one process so many tasks in turn."""
    # The cheapest way to start it, where there is one: that is not measured.
    methods = multiprocessing.get_all_start_methods()
    method = "fork" if "fork" in methods else "spawn"
    pool = multiprocessing.get_context(method).Pool(1)

    def apply() -> None:
        for _ in repeat(None, int(times)):
            pool.apply(nothing)

    return apply


def forker() -> Callable[[], None]:
    """Return a function that forks, lets the child leave, and waits for that."""

    def fork() -> None:
        pid = os.fork()
        if not pid:
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if status:
            raise RuntimeError(f"status {status} of a child that did nothing")

    return fork


def importer(folder: str, name: str, times: str) -> Callable[[], None]:
    """Return a function that imports a module as if for the first time.

    The collector is off and the modules are kept, so nothing is destroyed.
    """
    sys.path.insert(0, folder)
    gc.disable()
    kept: list[object] = []

    def import_again() -> None:
        for _ in repeat(None, int(times)):
            kept.append(sys.modules.pop(name, None))
            __import__(name)

    return import_again


def reloader(folder: str, name: str, times: str) -> Callable[[], None]:
    """Return a function that reloads a module."""
    sys.path.insert(0, folder)
    gc.disable()
    module = importlib.import_module(name)

    def reload() -> None:
        for _ in repeat(None, int(times)):
            importlib.reload(module)

    return reload


def misser(folder: str, name: str, times: str) -> Callable[[], None]:
    """Return a function that imports a module which is nowhere."""
    sys.path.insert(0, folder)

    def miss() -> None:
        for _ in repeat(None, int(times)):
            try:
                __import__(name)
            except ModuleNotFoundError:
                continue
            raise RuntimeError(f"there is a module {name}")

    return miss


def threads_beside(module: str, gil: str, times: str) -> Callable[[], None]:
    """Return a function that runs a loop in two threads at once.

    That is after an extension has been imported, which left the GIL on ("1") or off.
    """
    sys.path.insert(0, os.path.dirname(module))  # noqa: PTH120 - less to import
    importlib.import_module("extension")
    if sys._is_gil_enabled() != (gil == "1"):  # type: ignore[attr-defined]
        raise RuntimeError(f"the GIL is {'off' if gil == '1' else 'on'}")

    def loop() -> None:
        for _ in repeat(None, int(times)):
            pass

    def run() -> None:
        threads = [threading.Thread(target=loop) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run


THINGS: dict[str, Callable[..., Callable[[], None]]] = {
    "echo": lambda: nothing,
    "fork": lambda: process_starter("fork"),
    "spawn": lambda: process_starter("spawn"),
    "forkserver": lambda: process_starter("forkserver"),
    "pool": pool_starter,
    "executor": executor_starter,
    "pool-task": pool_task,
    "fork-alone": forker,
    "import": importer,
    "reload": reloader,
    "import-missing": misser,
    "interpreter": lambda: interpreter_maker(None),
    "threads-beside": threads_beside,
    "interpreter-exec": lambda: interpreter_maker("x = 1"),
}


def main() -> None:
    """Serve until the parent closes our input."""
    do = THINGS[sys.argv[1]](*sys.argv[2:])
    while os.read(0, 1):
        do()
        os.write(1, b"!")


# Processes started by `spawn` and `forkserver` import this file once more.
if __name__ == "__main__":
    main()
