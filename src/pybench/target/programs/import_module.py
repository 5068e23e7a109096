"""A child that imports one module, and reports what that took.

Run as a file by the interpreter under test, 3.11 to 3.15::

    python import_module.py REPORT LOG MARK MODULE KIND

What is imported here would be no part of the import that is measured, so it imports
`sys`, `os` and `time` alone, which every start has or which are built in. REPORT is
written with `repr`. A KIND with "tree" runs under ``-X importtime``, whose lines
CPython writes to descriptor 2: lines with MARK stand around those of the import, and
Python's own standard error goes to LOG, as does that of whatever the module forks.
"""

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Taken now: the module may replace them.
write, getpid, end_now, dup2 = os.write, os.getpid, os._exit, os.dup2
clock, cpu_clock = time.perf_counter_ns, time.process_time_ns


def main(report: str, log: str, mark: str, name: str, kind: str) -> None:
    """Import the module, and write the report."""
    pid = getpid()
    forks: list[int] = []
    divert_errors(log, forks)
    imported: dict[str, int] = {}

    def count_import(event: str, arguments: "Any") -> None:
        if event == "import":
            imported[arguments[0]] = imported.get(arguments[0], 0) + 1

    is_traced = "tree" in kind
    if is_traced:
        sys.addaudithook(count_import)
    set_lazy = getattr(sys, "set_lazy_imports", None) if kind == "lazy" else None
    before = set(sys.modules)
    if set_lazy:
        set_lazy("all")
    if is_traced:
        write_mark(mark, "begin")
    error = None
    cpu_start, start = cpu_clock(), clock()
    try:
        __import__(name)
    except BaseException as caught:
        stop, cpu_stop = clock(), cpu_clock()
        missing = isinstance(caught, ModuleNotFoundError) and caught.name
        error = (type(caught).__name__, str(caught)[:500], missing or "")
    else:
        stop, cpu_stop = clock(), cpu_clock()
    if getpid() != pid:
        end_now(0)  # the module forked, and the fork came back
    if is_traced:
        write_mark(mark, "end")
    if set_lazy:
        set_lazy("normal")
    loaded = [module for module in list(sys.modules) if module not in before]
    facts = {
        "ns": stop - start,
        "cpu_ns": cpu_stop - cpu_start,
        "error": error,
        "was_loaded": name in before,
        "forks": len(forks),
        "loaded": len(loaded),
        "imported": {str(key): count for key, count in imported.items()},
        "can_lazy": hasattr(sys, "set_lazy_imports"),
        "annotations": evaluate(deferred(loaded)) if kind == "warm" else None,
    }
    with open(report, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123
        file.write(repr(facts))


def divert_errors(path: str, forks: "list[int]") -> None:
    """Let Python's standard error, and all of forked processes, go to a file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    sys.stderr = open(descriptor, "w", 1, encoding="utf-8", errors="backslashreplace")  # noqa: PTH123, SIM115
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lambda: forks.append(1), after_in_child=lambda: dup2(descriptor, 2)
        )


def write_mark(mark: str, where: str) -> None:
    """Write a line of its own between those of ``-X importtime``."""
    try:  # noqa: SIM105 - contextlib is not to be imported
        write(2, f"\n{mark} {where}\n".encode())
    except OSError:
        pass  # closed by the module: the parent sees that the mark is missing


def deferred(modules: "list[str]") -> "list[Any] | None":
    """Return what evaluates annotations that the import left, as far as names lead.

    None before 3.14, which evaluates them at import.
    """
    if not hasattr(deferred, "__annotate__"):
        return None
    function = type(deferred)
    seen: set[int] = set()
    evaluators: list[Any] = []

    def look(thing: "Any", home: str) -> None:
        if isinstance(thing, (staticmethod, classmethod)):
            thing = thing.__func__
        if isinstance(thing, property):
            for part in (thing.fget, thing.fset, thing.fdel):
                look(part, home)
            return
        if not isinstance(thing, (type, function)) or id(thing) in seen:
            return
        seen.add(id(thing))
        if thing.__module__ != home:
            return
        inside = {}
        if isinstance(thing, type):
            inside = type.__dict__["__dict__"].__get__(thing)
        # A decorator such as dataclass has evaluated them already.
        if "__annotations_cache__" not in inside:
            take(thing)
        for part in list(inside.values()):
            look(part, home)

    def take(thing: "Any") -> None:
        try:
            annotate = thing.__annotate__
        except Exception:
            return
        if isinstance(annotate, function):
            evaluators.append(annotate)

    for home in modules:
        module = sys.modules.get(home)
        if type(module) is not type(sys):
            continue
        take(module)
        for thing in list(vars(module).values()):
            try:  # noqa: SIM105
                look(thing, home)
            except Exception:
                pass
    return evaluators


def evaluate(evaluators: "list[Any] | None") -> "dict[str, int] | None":
    """Return what evaluating annotations takes, and how many cannot be."""
    if evaluators is None:
        return None
    failed = 0
    cpu_start, start = cpu_clock(), clock()
    for annotate in evaluators:
        try:
            annotate(1)
        except BaseException:
            failed += 1
    stop, cpu_stop = clock(), cpu_clock()
    return {
        "ns": stop - start,
        "cpu_ns": cpu_stop - cpu_start,
        "count": len(evaluators),
        "failed": failed,
    }


if __name__ == "__main__":
    words = sys.argv[1:]
    # As under -c: the module finds what lies in the working directory, no words of
    # ours, and nothing of this folder.
    sys.argv[:] = ["-c"]
    if not sys.flags.safe_path:
        sys.path[0] = ""
    main(*words)
