"""HTML from templates: what is put into one is escaped, or else packed or inert."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pybench.records.texts import printable


def templates_in(folder: Path) -> Environment:
    """Return the templates of a folder; using a name that was not given is an error.

    What is put in has no control characters: a page is read in terminals as well.
    """
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: object) -> object:
    # What is marked as safe is of another type: it is ours, such as the style sheet.
    if type(value) is not str:
        return value
    return printable(value, keep="\n\t")


def packed(text: str) -> str:
    """Return a text deflated, in base64; `DecompressionStream` reads it."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def inert_json(value: Any) -> str:
    """Return JSON that can stand in a script element: nothing ends it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
