"""Texts that a terminal, a picture or a file can hold.

Names of rows, groups and files come from other people's suites and may contain any
character. Both planes use this, and it imports only the standard library.
"""

from collections.abc import Mapping
from typing import Any


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


def encodable(value: object) -> str:
    """Return a value's text, lone surrogates escaped: UTF-8 cannot hold them."""
    return encoded(str(value)).decode()


def encoded(text: str) -> bytes:
    """Return a text in UTF-8, its lone surrogates escaped."""
    return text.encode("utf-8", "backslashreplace")
