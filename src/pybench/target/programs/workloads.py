"""The three programs of ``pybench profile`` without a target.

As a script this is the third of them: what it imports. What is expected of each stands
in `pybench.profiles.hypotheses`.
"""

import gc


def tight_loop() -> int:
    """Compute with small integers, which exist once for all."""
    low = 0
    for _ in range(8_000):
        for _ in range(250):
            low = (low ^ 21) & 63
    return low


class Node:
    """A node that refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.me = self


def collect_cycles() -> int:
    """Make cyclic garbage beside a heap, which collections walk through."""
    heap = [[[number]] for number in range(40_000)]
    for _ in range(6):
        for _ in range(8_000):
            Node()
        gc.collect()
    return len(heap)


if __name__ == "__main__":
    import asyncio
    import concurrent.futures
    import email.message
    import http.server
    import unittest.mock
    import xml.dom.minidom

    MODULES = (asyncio, concurrent.futures, email.message, http.server)
    MORE_MODULES = (unittest.mock, xml.dom.minidom)
