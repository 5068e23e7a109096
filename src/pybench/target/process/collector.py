"""The cyclic collector is kept out of windows that do not measure it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_off() -> Iterator[bool]:
    """Collect, then keep the collector off; yields whether it was on."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield was_on
    finally:
        if was_on:
            gc.enable()
