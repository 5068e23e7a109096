"""How the rows of a suite are shared out among machines.

Schema history
--------------
1. What is asked for, the words of the interpreters, the rows of each shard.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pybench.records.documents import DocumentError, read_document
from pybench.records.run import RunHeader
from pybench.records.run_file import check_header

SCHEMA = 1
MOST_SHARDS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPlan:
    """A plan: each row is of one shard, and all its arms are measured there.

    `header` is what every shard asks for, `arms` name the interpreters. `everywhere`
    are rows that each shard measures as well: those that show the machine. `costs_s`
    are what the shards were expected to take, in seconds of the machine that planned.
    """

    pybench: str = "plan"
    schema: int = SCHEMA
    header: RunHeader
    arms: tuple[str, ...]
    shards: tuple[tuple[str, ...], ...]
    everywhere: tuple[str, ...] = ()
    costs_s: tuple[float, ...] = ()

    @property
    def digest(self) -> str:
        """What tells two plans apart."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def wants(self, shard: int) -> Callable[[str], bool]:
        """Return what tells the rows of a shard, counted from 1.

        A row that was not there when the plan was made is of one shard all the same:
        its name says of which.
        """
        planned = {row: n for n, rows in enumerate(self.shards, 1) for row in rows}
        everywhere = {*self.everywhere}

        def is_wanted(row: str) -> bool:
            if row in everywhere:
                return True
            if row not in planned:
                name = hashlib.sha256(row.encode("utf-8", "surrogatepass")).digest()
                planned[row] = int.from_bytes(name[:8]) % len(self.shards) + 1
            return planned[row] == shard

        return is_wanted


def read_plan(path: Path) -> ShardPlan:
    """Read a plan; `DocumentError` if it is none, or shares a row out twice."""
    return read_document(
        path, ShardPlan, remedy="make it again with pybench plan", check=_check
    )


def _check(plan: ShardPlan) -> None:
    check_header(plan.header)
    if not plan.arms:
        raise DocumentError("it names no interpreter")
    if not 1 <= len(plan.shards) <= MOST_SHARDS or not all(plan.shards):
        raise DocumentError("a plan has shards, and each of them rows")
    rows = Counter(row for shard in plan.shards for row in shard)
    rows.update({*plan.everywhere})
    twice = next((row for row, times in rows.items() if times > 1), None)
    if twice is not None:
        raise DocumentError(f"two shards have the row {twice!r}")


def read_shard(text: str, plan: ShardPlan) -> int:
    """Return the number of a shard, such as "3/8"; `DocumentError` if it has none."""
    whole = len(plan.shards)
    match = re.fullmatch(r"0*(\d{1,9})/0*(\d{1,9})", text.strip())
    if match is None or not 1 <= int(match[1]) <= whole or int(match[2]) != whole:
        raise DocumentError(
            f"--shard {text}: the plan has {whole} shards: 1/{whole} to {whole}/{whole}"
        )
    return int(match[1])
