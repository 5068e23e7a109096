"""``pybench pythons``: which interpreters are here, and what each of them is."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pybench.cli.output import write_record
from pybench.cli.status import OK

if TYPE_CHECKING:
    from pybench.interpreters import Interpreter


def add_pythons(subcommands: Any) -> None:
    """Add ``pybench pythons``."""
    parser = subcommands.add_parser(
        "pythons",
        help="list the interpreters of this machine",
        description="Look in PATH, pyenv, uv, asdf and the like, ask each what it is, "
        "and list every build once.",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, with all facts")
    parser.set_defaults(command=pythons)


def pythons(options: argparse.Namespace) -> int:
    """List them."""
    from pybench.interpreters import find
    from pybench.interpreters.find import unlike

    search = find()
    if options.json:
        facts = [
            {**asdict(python), "path": str(python.path), "prefix": str(python.prefix)}
            for python in search.interpreters
        ]
        return write_record(facts, "-")
    if not search.interpreters:
        places = ", ".join(search.looked_in)
        print(f"no CPython that pybench supports; looked in {places}")
    for interpreter in search.interpreters:
        print(describe(interpreter))
    for interpreter in search.unsupported:
        print(f"{interpreter.label:<12} not supported: {interpreter.path}")
    for warning in unlike(search.interpreters):
        print(f"warning: {warning}")
    return OK


def describe(interpreter: Interpreter) -> str:
    """Put one interpreter in one line."""
    build = "GIL"
    if interpreter.free_threaded:
        gil = "GIL on" if interpreter.gil_enabled else "GIL off"
        build = f"free-threaded, {gil}"
    special = {
        "PGO": interpreter.pgo,
        "LTO": interpreter.lto,
        "debug": interpreter.debug,
        "JIT": interpreter.jit,
    }
    flags = " ".join(name for name, there in special.items() if there) or "-"
    return (
        f"{interpreter.label:<10} {build:<22} {flags:<8} "
        f"{interpreter.soabi:<30} {interpreter.path}"
    )
