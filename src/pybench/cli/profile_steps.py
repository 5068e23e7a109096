"""What the profiles share: options, and results that are shown as they come."""

import argparse
from collections.abc import Callable, Iterable
from typing import TextIO, TypeVar

from pybench.cli.options import add_timeout, whole
from pybench.cli.output import add_json, print_lines
from pybench.cli.status import INTERRUPTED, OK
from pybench.progress import Meter

Result = TypeVar("Result")


def add_options(parser: argparse.ArgumentParser, timeout_s: float) -> None:
    """Add ``--python``, ``--repeats``, ``--timeout`` and ``--json``."""
    parser.add_argument(
        "--python", metavar="PY", help="as for pybench compare (default: this one)"
    )
    parser.add_argument(
        "--repeats", metavar="N", type=whole(1, 1000), default=3,
        help="fresh processes for each number (default 3)",
    )  # fmt: skip
    add_timeout(parser, timeout_s)
    add_json(parser)


def collect(
    steps: Iterable[Result],
    results: list[Result],
    whole: int,
    meter: Meter,
    *,
    stage: str,
    before: int = 0,
    show: Callable[[Result], list[str]] = lambda _: [],
    out: TextIO | None = None,
) -> int:
    """Append what each step gives, and show it and the time that is left.

    Of the `whole` so many steps were done before.

    Returns
    -------
    int
        `OK`, or `INTERRUPTED`: then the results are those until Ctrl-C.
    """
    with meter:
        try:
            for result in steps:
                results.append(result)
                lines = show(result)
                if lines:
                    meter.close()
                    print_lines(lines, out)
                meter.update(stage, before + len(results), whole)
        except KeyboardInterrupt:
            return INTERRUPTED
    return OK
