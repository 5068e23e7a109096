"""The steps of a profile: results one by one, shown as they come, until Ctrl-C."""

from collections.abc import Callable, Iterable
from typing import TextIO, TypeVar

from pybench.cli.output import print_lines
from pybench.cli.status import INTERRUPTED, OK
from pybench.progress import Meter

Result = TypeVar("Result")


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
