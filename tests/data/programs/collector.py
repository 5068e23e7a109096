"""The collector: garbage in cycles, above a heap that it has to walk through."""

import gc


class Node:
    """A node that refers to itself."""

    def __init__(self) -> None:
        self.me = self
        self.rest: list[object] = []


def run() -> int:
    """Fill a heap with lists, then make garbage."""
    heap = [[[]] for _ in range(60_000)]  # type: ignore[var-annotated]
    for _ in range(60_000):
        Node()
    for _ in range(12):
        gc.collect()
    return len(heap)


if __name__ == "__main__":
    run()
