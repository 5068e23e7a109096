"""The record of ``pybench run --profile detailed``: functions and memory of rows.

Schema history
--------------
1. Functions, and sizes before and at the peak.
"""

from dataclasses import dataclass

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function of a row's profile; seconds are those of one profiled call."""

    name: str
    calls: str = ""
    own_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailedRow:
    """What is known of one row; ``problems`` says what is not, and why.

    A native kernel has no functions: it is C, and the profiler would see Python; it
    has the name of the `kernel` and that of its `loop`, a function of C.
    Sizes are None where they could not be had; "before" is the process with pytest
    and the suite imported, just before the row's set-up.
    """

    fullname: str
    is_native: bool = False
    functions: tuple[Function, ...] = ()
    kernel: str = ""
    loop: str = ""
    rss_before_bytes: int | None = None
    rss_peak_bytes: int | None = None
    traced_before_bytes: int | None = None
    traced_peak_bytes: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailedRows:
    """The rows of one interpreter, which is named by its label."""

    interpreter: str
    rows: tuple[DetailedRow, ...]
    pybench: str = "profile"
    schema: int = SCHEMA
