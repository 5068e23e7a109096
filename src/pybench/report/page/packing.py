"""What a browser unpacks: text that is small in the file, and no markup in it."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any


def packed(text: str) -> str:
    """Return a text deflated, in base64; `DecompressionStream` reads it."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def inert_json(value: Any) -> str:
    """Return JSON that can stand in a script element: nothing ends it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
