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
    path.write_text(f"#!/bin/sh\necho 'pybench-probe {json.dumps(answer)}'\n")
    path.chmod(0o755)
    return path
