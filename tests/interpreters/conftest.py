"""Programs that answer a probe as interpreters do."""

import json
from pathlib import Path


def fake(path: Path, version: str = "3.13.2", **changes: object) -> Path:
    """Write a program that answers a probe."""
    answer = {
        "implementation": "CPython",
        "version": version,
        "soabi": "cpython",
        "prefix": str(path.parent.parent),
        "free_threaded": False,
        "gil_enabled": True,
        "jit": None,
        "pgo": False,
        "lto": False,
        "debug": False,
    } | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    given = json.dumps(answer), json.dumps(answer | {"gil_enabled": True})
    lines = [f"echo 'pybench-probe {each}'" for each in given]
    path.write_text(
        f"#!/bin/sh\ncase $* in *gil=1*) {lines[1]};; *) {lines[0]};; esac\n"
    )
    path.chmod(0o755)
    return path
