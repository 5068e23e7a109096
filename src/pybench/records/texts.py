"""Texts that a terminal, a picture or a file can hold.

Names of rows, groups and files come from other people's suites and may contain any
character. Both planes use this, and it imports only the standard library.
"""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_UNITS_S = {"s": 1, "m": 60, "h": 3600}

# More milliseconds than 32 bits hold cannot be waited for by `select.poll`.
_LONGEST_S = 2e6

# Each 1024 of the one before.
_SIZES = ("B", "KiB", "MiB", "GiB")
# Nanoseconds of each unit that a time is written in.
_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def duration(ns: float | None) -> str:
    """Return a time in three digits with its unit."""
    if ns is None:
        return ""
    ns = float(f"{ns:.3g}")  # first, so that 999.9 is 1 µs and not 1e+03 ns
    for size, unit in _UNITS:
        if abs(ns) >= size or unit == "ns":
            # Above three digits there are only seconds: 4210 s is no 4.21e+03 s.
            number = ns / size
            return f"{number:.3g} {unit}" if number < 1e3 else f"{number:.0f} {unit}"
    raise AssertionError("the last unit takes all")


def size_text(size: float) -> str:
    """Write a size with the unit in which it has one to four digits."""
    unit = 0
    while abs(size) >= 1024 and unit + 1 < len(_SIZES):
        size, unit = size / 1024, unit + 1
    digits = 0 if float(size).is_integer() else 1
    return f"{size:.{digits}f} {_SIZES[unit]}"


def duration_s(text: str) -> float:
    """Read an option: ``90s``, ``10m``, ``1.5h``, or a number of seconds above 0."""
    unit_s = _UNITS_S.get(text[-1:])
    try:
        value = float(text[:-1] if unit_s else text) * (unit_s or 1)
    except ValueError:
        value = 0.0
    if not 0 < value < _LONGEST_S:  # and nan is neither
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: say 90s, 10m or 1h, below 23 days"
        )
    return value


def share(text: str) -> float:
    """Read an option: ``3%`` or ``0.03``."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: say 3% or 0.03")
    return value


def moment(text: str) -> datetime | None:
    """Read a time of ISO 8601, in UTC where it names no zone; None if it is none."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def age(then: str, now: datetime) -> str:
    """Say how old something is that was made `then`; empty where that says no time."""
    made = moment(then)
    if made is None:
        return ""
    if made > now + timedelta(hours=1):
        return "from the future, so a clock was wrong"
    days = max(0, (now - made).days)
    return f"{days} day{'s' * (days > 1)} old" if days else "less than a day old"


def printable(text: str, keep: str = "") -> str:
    """Escape the characters that move a cursor or change colours.

    Parameters
    ----------
    text : str
        Any text.
    keep : str
        Characters that stay as they are, such as a line's end.
    """
    return "".join(
        character
        if character.isprintable() or character in keep
        else character.encode("unicode_escape").decode()
        for character in text
    )


def with_printable_texts(value: Any) -> Any:
    """Return a document in which all texts, the keys too, are printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {
            with_printable_texts(key): with_printable_texts(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [with_printable_texts(inner) for inner in value]
    return value


def short(value: object) -> str:
    """Return how Python writes a value, of at most 80 characters, for a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def encodable(value: object) -> str:
    """Return a value's text, lone surrogates escaped: UTF-8 cannot hold them."""
    return encoded(str(value)).decode()


def encoded(text: str) -> bytes:
    """Return a text in UTF-8, its lone surrogates escaped."""
    return text.encode("utf-8", "backslashreplace")
