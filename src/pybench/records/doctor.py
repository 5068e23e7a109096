"""The record of ``pybench doctor``: what a machine's state costs measurements.

Schema history
--------------
1. The first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA = 1

State = Literal["fine", "costs", "unfit", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    state : str
        What it means for measurements; a `State`.
    now : str
        How it is; for "unknown" why that cannot be told.
    cost : str
        What it does to measurements; empty if nothing.
    advice : str
        What to do; empty if nothing.
    """

    name: str
    state: str
    now: str
    cost: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """The findings, and what was read; ``fit`` is None where nobody has judged."""

    pybench: str = "doctor"
    schema: int = SCHEMA
    fit: bool | None = None
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
