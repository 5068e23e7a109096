"""``pybench profile``: where time, memory and pauses go."""

from __future__ import annotations

from typing import Any

from pybench.cli.profile_gc import add_gc
from pybench.cli.profile_imports import add_imports
from pybench.cli.profile_memory import add_memory
from pybench.cli.profile_run import add_bottleneck, add_options, profile_workloads


def add_profile(subcommands: Any) -> None:
    """Add ``pybench profile`` and its kinds; without one, three small programs run."""
    parser = subcommands.add_parser(
        "profile",
        help="say where time, memory and pauses go",
        description="Profile one thing in processes of its own; without a kind, three "
        "small programs whose answers are known.",
    )
    add_options(parser)
    parser.set_defaults(command=profile_workloads)
    kinds = parser.add_subparsers(title="kinds")
    for add in (add_bottleneck, add_gc, add_memory, add_imports):
        add(kinds)
