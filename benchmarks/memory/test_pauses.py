"""What it costs to record the collector's pauses.

A native row of the recorder that `pybench profile gc` puts into `gc.callbacks`. What a
callback in Python costs is `memory_collector_callback`.
"""

from __future__ import annotations

from pybench.target.plugin import Kernel


def test_benchmark_memory_pauses_record(kernel: Kernel) -> None:
    """Note the beginning and the end of one collection, without collecting.

    One operation is both calls of the recorder, with a dict that exists: the dict that
    the collector makes for each collection is not in it, and the keys are the
    recorder's own. Expect 120 to 250 ns: three readings of the clock, three lookups in
    the dict, and two calls. A young collection takes 10 to 100 us.
    """
    kernel("pauses_record")
