"""What rows say beside their times, listed after the table: sizes and scaling.

A row says it in ``extra_info``: ``bytes`` is a mapping of what was weighed to its
size, ``scaling`` one with ``threads``, ``speedup`` and the interval ``low`` to
``high``. Anything else in it is listed behind.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from pybench.results import JournalRow

WIDTH = 110

_UNITS = ("B", "KiB", "MiB", "GiB")
_COLUMNS = ("threads", "speedup", "low", "high")


def size_lines(rows: Iterable[JournalRow]) -> list[str]:
    """List the sizes, a line per row, or more where they do not fit."""
    found = list(_rows_with(rows, "bytes"))
    width = max((len(name) for name, _ in found), default=0)
    lines = []
    for name, sizes in found:
        pairs = [f"{what} {size_text(size)}" for what, size in sizes.items()]
        lines += _wrapped(name, width, pairs)
    return lines


def scaling_lines(rows: Iterable[JournalRow]) -> list[str]:
    """List the speedups in columns, under a head."""
    found = list(_rows_with(rows, "scaling"))
    if not found:
        return []
    width = max(len(name) for name, _ in found)
    lines = ["".join([" " * width, *(f"{what:>9}" for what in _COLUMNS)])]
    for name, facts in found:
        numbers = [_number_text(facts.get(what)) for what in _COLUMNS]
        head = "".join([f"{name:<{width}}", *(f"{number:>9}" for number in numbers)])
        rest = [
            f"{what} {_number_text(value)}"
            for what, value in facts.items()
            if what not in _COLUMNS
        ]
        lines += _wrapped(head, len(head), rest)
    return lines


def size_text(size: float) -> str:
    """Write a size with the unit in which it has one to four digits."""
    unit = 0
    while abs(size) >= 1024 and unit + 1 < len(_UNITS):
        size, unit = size / 1024, unit + 1
    digits = 0 if float(size).is_integer() else 1
    return f"{size:.{digits}f} {_UNITS[unit]}"


def _number_text(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def _rows_with(
    rows: Iterable[JournalRow], key: str
) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Yield name and numbers of the rows that have them, in the order of names."""
    for row in sorted(rows, key=lambda row: row.name):
        # Only rows of a suite that asks for our record: elsewhere the same word may
        # mean another thing.
        is_ours = isinstance(row.extra_info.get("pybench"), dict)
        facts = row.extra_info.get(key)
        if not is_ours or not isinstance(facts, dict):
            continue
        numbers = {
            str(what): value
            for what, value in facts.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }
        if numbers:
            yield row.name.removeprefix("test_"), numbers


def _wrapped(head: str, width: int, pairs: list[str]) -> list[str]:
    """Put the pairs behind the head, and below each other where they do not fit."""
    # A pair is not torn apart: its space only looks like one.
    text = "  ".join(pair.replace(" ", "\0") for pair in pairs)
    lines = textwrap.wrap(
        text,
        width=WIDTH,
        initial_indent=f"{head:<{width}}  ",
        subsequent_indent=" " * (width + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines] or [head]
