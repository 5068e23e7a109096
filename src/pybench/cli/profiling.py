"""``pybench profile``: where time, memory and pauses go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybench.cli.memory import add_memory
from pybench.cli.pauses import add_gc

# Each adds the parser of one kind.
KINDS: tuple[Callable[[Any], None], ...] = (add_gc, add_memory)


def add_profile(subcommands: Any) -> None:
    """Add ``pybench profile`` and its kinds."""
    parser = subcommands.add_parser(
        "profile",
        help="say where time, memory and pauses go",
        description="Profile one thing in processes of its own.",
    )
    kinds = parser.add_subparsers(title="kinds", required=True)
    for add in KINDS:
        add(kinds)
