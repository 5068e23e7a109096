"""The file of the iterations that kernel rows do on one machine.

Schema history
--------------
1. Per row a count, for windows of `window_ns`.
"""

from collections.abc import Mapping
from typing import Any

from pybench.records.documents import parse_json

SCHEMA = 1
_KIND = "iterations"

# A window of the cheapest operation (0.1 ns) stays below a tenth of a second.
MOST = 1_000_000_000


def iterations_document(counts: Mapping[str, int], window_ns: int) -> dict[str, Any]:
    """Return what the file holds."""
    return {
        "pybench": _KIND,
        "schema": SCHEMA,
        "window_ns": window_ns,
        "counts": dict(sorted(counts.items())),
    }


def parse_counts(text: str, window_ns: int) -> dict[str, int] | None:
    """Read the file's text; None if it is not ours in every entry."""
    try:
        document = parse_json(text)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    kind = (document.get("pybench"), document.get("schema"), document.get("window_ns"))
    counts = document.get("counts")
    if kind != (_KIND, SCHEMA, window_ns) or not isinstance(counts, dict):
        return None
    is_sound = all(type(n) is int and 1 <= n <= MOST for n in counts.values())
    return counts if is_sound else None
