"""The import tree as a flame graph that speedscope opens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pybench.report.exports.errors import ExportError

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"

# The two trees of a record, and what they are called.
_KINDS = {"warm": "all .pyc there", "cold": "no .pyc there"}


def speedscope_json(document: Mapping[str, Any]) -> str:
    """Return a record of ``pybench profile imports`` as speedscope's JSON.

    Two profiles, with bytecode there and without. Modules lie one after the other in
    the order of the tree; a module's own time comes after what it imported.

    Raises
    ------
    ExportError
        If the record has no tree.
    """
    module = document["module"]
    frames: dict[str, int] = {}
    profiles = []
    for kind, says in _KINDS.items():
        events: list[dict[str, Any]] = []
        end = _lay(document["tree"], kind, 0.0, frames, events)
        if events:
            profiles.append(
                {
                    "type": "evented",
                    "name": f"import {module}: {says}",
                    "unit": "nanoseconds",
                    "startValue": 0,
                    "endValue": end,
                    "events": events,
                }
            )
    if not profiles:
        raise ExportError(f"the record of {module} has no tree of imports")
    written = {
        "$schema": _SCHEMA,
        "name": f"import {module}",
        "exporter": "pybench",
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": name} for name in frames]},
        "profiles": profiles,
    }
    return json.dumps(written, allow_nan=False) + "\n"


def _lay(
    modules: Sequence[Mapping[str, Any]],
    kind: str,
    at: float,
    frames: dict[str, int],
    events: list[dict[str, Any]],
) -> float:
    """Lay modules one after the other from a time on; return where the last ends."""
    # Not by recursion: a chain of imports may be deeper than Python's stack.
    left: list[tuple[Mapping[str, Any], bool]] = [(one, False) for one in modules[::-1]]
    while left:
        module, is_done = left.pop()
        cost = module[kind]
        if cost is None:
            left += [(one, False) for one in module["children"][::-1]]
            continue
        frame = frames.setdefault(module["name"], len(frames))
        if is_done:
            at += max(cost["own"]["mean_ns"], 0)
        else:
            left.append((module, True))
            left += [(one, False) for one in module["children"][::-1]]
        events.append({"type": "C" if is_done else "O", "frame": frame, "at": at})
    return at
