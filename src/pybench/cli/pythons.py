"""``pybench pythons``: which interpreters are here, and what each of them is."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

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
            {**asdict(one), "path": str(one.path), "prefix": str(one.prefix)}
            for one in search.interpreters
        ]
        print(json.dumps(facts, indent=1))
        return OK
    if not search.interpreters:
        print(f"no CPython that pybench supports; looked in {places(search.looked_in)}")
    for interpreter in search.interpreters:
        print(describe(interpreter))
    for interpreter in search.unsupported:
        print(f"{interpreter.label:<12} not supported: {interpreter.path}")
    for warning in unlike(search.interpreters):
        print(f"warning: {warning}")
    return OK


def places(looked_in: Sequence[str]) -> str:
    """Join the places."""
    return ", ".join(looked_in)


def describe(interpreter: "Interpreter") -> str:
    """Put one interpreter in one line."""
    build = "free-threaded" if interpreter.free_threaded else "GIL"
    gil = "GIL on" if interpreter.gil_enabled else "GIL off"
    build += f", {gil}" if interpreter.free_threaded else ""
    flags = " ".join(flags_of(interpreter)) or "-"
    return (
        f"{interpreter.label:<10} {build:<22} {flags:<8} "
        f"{interpreter.soabi:<30} {interpreter.path}"
    )


def flags_of(interpreter: "Interpreter") -> list[str]:
    """Name what was special about its build."""
    names = {
        "PGO": interpreter.pgo,
        "LTO": interpreter.lto,
        "debug": interpreter.debug,
        "JIT": bool(interpreter.jit),
    }
    return [name for name, there in names.items() if there]
