"""Rows of the suite as functions, and what stands in for the fixture that times."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

SUITE = Path(__file__).parents[2] / "benchmarks"


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
