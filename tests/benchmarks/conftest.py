"""Rows of the suite: by name, and as functions with a stand-in for what times them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SUITE = Path(__file__).parents[2] / "benchmarks"


def collected(*arguments: str) -> list[str]:
    """Collect the suite as a user would, and return the ids of its rows."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "benchmarks", "--collect-only", "-q"),
            *("--import-mode=importlib", "-p", "no:cacheprovider", *arguments),
        ],
        cwd=SUITE.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


@pytest.fixture(scope="session")
def row_ids() -> list[str]:
    """Return the ids of all rows."""
    return collected()


def load_rows(path: str) -> ModuleType:
    """Load a file of rows anew, so that what is injected there is in no others."""
    spec = importlib.util.spec_from_file_location("rows", SUITE / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Timed:
    """Calls what a row times, so often; `around` is called before and after each."""

    def __init__(
        self, calls: int = 2, around: Callable[..., object] = lambda *_: None
    ) -> None:
        self.extra_info: dict[str, Any] = {}
        self._calls = calls
        self._around = around

    def __call__(self, function: Callable[[], object]) -> None:
        """Be the fixture where a row calls it."""
        self.pedantic(function)

    def pedantic(
        self,
        function: Callable[..., object],
        setup: Callable[[], Any] = lambda: ((), {}),
        rounds: int = 0,
    ) -> None:
        """Be the fixture where a row prepares each call, and wants so many."""
        del rounds
        for _ in range(self._calls):
            positional, named = setup()
            self._around(*positional)
            function(*positional, **named)
            self._around(*positional)
