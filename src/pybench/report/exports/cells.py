"""Texts in the cells of a CSV: no spreadsheet computes them, and none is lost.

A spreadsheet takes a cell that begins with one of a few characters for a formula, and a
terminal obeys escape codes. Both come with the names of other people's tests.
"""

from __future__ import annotations

import re

# What begins a formula; the apostrophe is what marks a text that is none.
_BEGINS = ("=", "+", "-", "@", "\t", "\r", "'")


def cell(value: object) -> object:
    """Return what is written for a value: numbers as they are, texts as texts.

    A text that would begin a formula, or holds characters that are not printable and
    end no line, begins with an apostrophe; its backslashes and all characters that are
    not printable are written as Python's escapes. All other texts are written as they
    are: a reader of CSV takes a line's end in quotes for a part of the cell.
    """
    if not isinstance(value, str) or not _is_odd(value):
        return value
    escaped = "".join(
        char
        if char.isprintable() and char != "\\"
        else char.encode("unicode_escape").decode()
        for char in value
    )
    return f"'{escaped}"


def text_of(written: str) -> str:
    """Return the text that a cell was written from: the inverse of `cell`."""
    if not written.startswith("'"):
        return written
    return re.sub(
        r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([\\ntr]))",
        _unescaped,
        written[1:],
    )


def _is_odd(text: str) -> bool:
    return text.startswith(_BEGINS) or not text.replace("\n", "").isprintable()


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    if code:
        return chr(int(code, 16))
    return {"\\": "\\", "n": "\n", "t": "\t", "r": "\r"}[escape[4]]
