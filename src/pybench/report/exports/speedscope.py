"""The import tree as a flame graph that speedscope opens."""

from __future__ import annotations

import json
from typing import Any

from pybench.records.imports import ImportsProfile, Module
from pybench.report.exports import ExportError

_FORMAT = "https://www.speedscope.app/file-format-schema.json"

# The two trees of a record, and what they are called.
_TREES = {"warm": "all .pyc there", "cold": "no .pyc there"}


def speedscope_json(profile: ImportsProfile) -> str:
    """Return a record of ``pybench profile imports`` as speedscope's JSON.

    Two profiles, with bytecode there and without. Modules lie one after the other in
    the order of the tree; a module's own time comes after what it imported.

    Raises
    ------
    ExportError
        If the record has no tree.
    """
    frames: dict[str, int] = {}
    profiles = []
    for kind, says in _TREES.items():
        events, end = _events(profile, kind, frames)
        if events:
            profiles.append(
                {
                    "type": "evented",
                    "name": f"import {profile.module}: {says}",
                    "unit": "nanoseconds",
                    "startValue": 0,
                    "endValue": end,
                    "events": events,
                }
            )
    if not profiles:
        raise ExportError(f"the record of {profile.module} has no tree of imports")
    written = {
        "$schema": _FORMAT,
        "name": f"import {profile.module}",
        "exporter": "pybench",
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": name} for name in frames]},
        "profiles": profiles,
    }
    return json.dumps(written, allow_nan=False) + "\n"


def _events(
    profile: ImportsProfile, kind: str, frames: dict[str, int]
) -> tuple[list[dict[str, Any]], float]:
    """Return where each module begins and ends, and where the last one does."""
    events = []
    at = 0.0
    # Not by recursion: a chain of imports may be deeper than Python's stack.
    to_visit: list[tuple[Module, bool]] = [(of, False) for of in profile.tree[::-1]]
    while to_visit:
        module, is_done = to_visit.pop()
        cost = module.warm if kind == "warm" else module.cold
        inner = [(child, False) for child in module.children[::-1]]
        if cost is None:
            to_visit += inner
            continue
        frame = frames.setdefault(module.name, len(frames))
        if is_done:
            at += max(cost.own.mean_ns, 0)
        else:
            to_visit += [(module, True), *inner]
        events.append({"type": "C" if is_done else "O", "frame": frame, "at": at})
    return events, at
