"""Who runs when: drawn from one seed that is printed, so that a run can be repeated.

Pure functions of their arguments; the processes are in `pairs`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

# Rows that share a pair of processes. Starting and ending the sessions of a batch costs
# about as much as eight rows; above some forty there is little left to save, and rows
# of one process share its layout.
ROWS_PER_PROCESS = 40

# Share of rows whose baseline is measured a second time, as if it were a contender.
CONTROL_SHARE = 0.1
CONTROL_LEAST = 12


def generator(seed: int, *of: object) -> random.Random:
    """Return a source of chance of its own for each thing that is drawn.

    One stream for all would let a lost pair shift every draw after it.
    """
    return random.Random("/".join(map(str, (seed, *of))))


def sample_order(
    seed: int, row: str, pair: int, arms: Sequence[str]
) -> tuple[str, ...]:
    """Return who takes the first turn, the second and so on.

    Pairs come in blocks of two of opposite orders. Each row has its own coin, since one
    for all rows would be one bias for all rows.
    """
    block = (pair - 1) // 2
    order = [*arms]
    generator(seed, "order", row, block).shuffle(order)
    return tuple(order if pair % 2 else reversed(order))


def shuffled(seed: int, pair: int, rows: Sequence[str]) -> list[str]:
    """Return the rows in the order of one round."""
    order = sorted(rows)
    generator(seed, "rows", pair).shuffle(order)
    return order


def chunks(rows: Sequence[str], size: int = ROWS_PER_PROCESS) -> list[list[str]]:
    """Cut rows into batches of nearly equal size, none above `size`."""
    count = -(-len(rows) // size)
    return [[*rows[index::count]] for index in range(count)]


def control_rows(seed: int, rows: Sequence[str]) -> frozenset[str]:
    """Draw the rows that get a copy of the baseline: a tenth, and at least twelve."""
    count = min(len(rows), max(CONTROL_LEAST, round(len(rows) * CONTROL_SHARE)))
    return frozenset(generator(seed, "twins").sample(sorted(rows), count))


def hash_seed(seed: int, pair: int, batch: int) -> int:
    """Draw the PYTHONHASHSEED that all processes of one batch share."""
    return generator(seed, "hash", pair, batch).randrange(1, 2**32)


def start_order(seed: int, pair: int, batch: int, arms: Sequence[str]) -> list[str]:
    """Draw in which order the processes of a batch are started."""
    order = [*arms]
    generator(seed, "start", pair // 2, batch).shuffle(order)
    return order if pair % 2 else order[::-1]


def cpu(seed: int, pair: int, batch: int, usable: Sequence[int]) -> int | None:
    """Draw the CPU that a batch takes turns on, None if there is no choice to make."""
    return generator(seed, "cpu", pair, batch).choice(usable) if usable else None
