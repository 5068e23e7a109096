"""The instructions of a row in a saved file of pytest-benchmark, and who may compare.

A count moves with the build, the C library and the routines that it chooses by the
CPU's features. It does not move with the machine otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pybench.records.documents import DocumentError, as_mapping
from pybench.records.identity import Identity, differences, parse_identity

# Where they are in a row's extra_info.
KEY = "pybench_instructions"

# What of an identity moves times alone.
_OF_TIMES = ("cpu_model", "affinity", "quota")
# What stock says of the interpreter beside the identity.
_OF_STOCK = ("python_build", "python_compiler")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowInstructions:
    """Instructions per iteration in each process; without any, `reason` says why."""

    counter: str
    processes: tuple[float, ...] = ()
    reason: str = ""


def instructions_document(known: RowInstructions) -> dict[str, Any]:
    """Return what goes into the row's extra_info."""
    return {**asdict(known), "processes": [*known.processes]}


def read_instructions(extra_info: object, source: str) -> RowInstructions | None:
    """Read them back, None if there are none; `DocumentError` if they cannot be."""
    document = extra_info.get(KEY) if isinstance(extra_info, dict) else None
    if document is None:
        return None
    known = as_mapping(document, source)
    processes = known.get("processes")
    if not isinstance(processes, list) or not all(map(_is_count, processes)):
        raise DocumentError(f"{source}: {processes!r} are no counts of instructions")
    return RowInstructions(
        counter=str(known.get("counter", "")),
        processes=tuple(map(float, processes)),
        reason=str(known.get("reason", "")),
    )


def _is_count(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value < math.inf  # type: ignore[operator]


def count_differences(
    identity: Identity, ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> list[str]:
    """Say why counts of this process cannot be compared with those of a saved file.

    `ours` and `theirs` are what stock says of the machines. Returns one sentence per
    difference.
    """
    if "pybench" not in theirs:
        return ["it was written without pybench: its build and its libc are unknown"]
    try:
        other = parse_identity(theirs["pybench"], "its identity")
    except DocumentError as error:
        return [str(error)]
    unknown = [
        f"its {name} is unknown"
        for name in ("libc", "cpu_features")
        if not getattr(other, name)
    ]
    unlike = differences(identity, other)
    return [
        *unknown,
        *(text for text in unlike if not text.startswith(_OF_TIMES)),
        *(
            f"{name}: {ours.get(name)!r} here, {theirs.get(name)!r} there"
            for name in _OF_STOCK
            # A tuple here, a list out of a file.
            if [*(ours.get(name) or ())] != [*(theirs.get(name) or ())]
        ),
    ]
