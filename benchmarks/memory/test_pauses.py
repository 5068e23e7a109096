"""What it costs to record the collector's pauses, and to stop the world.

Native rows. `record` is of the recorder that `pybench profile gc` puts into
`gc.callbacks`; what a callback in Python costs is `memory_collector_callback`. The rows
of `stop` and `trigger` are n/a with a GIL, which needs no such stops: their time is the
requester's, and `gap_p50_ns` to `gap_max_ns` of the detail is what another thread lost.
Stops are spaced by the progress of the others. The hardware's part is
`memory_ordering_message`.
"""

import pytest

from pybench.target.plugin import Kernel

STOPS = 10  # of a round: between two of them, others have to get on


def test_benchmark_memory_pauses_record(kernel: Kernel) -> None:
    """Note the beginning and the end of one collection, without collecting.

    One operation is both calls of the recorder, with a dict that exists: the dict that
    the collector makes for each collection is not in it, and the keys are the
    recorder's own. Expect 120 to 250 ns: three readings of the clock, three lookups in
    the dict, and two calls. A young collection takes 10 to 100 us.
    """
    kernel("pauses_record")


def test_benchmark_memory_pauses_stop_alone(kernel: Kernel) -> None:
    """Stop the world where no other thread is attached: the control.

    One operation is `PyUnstable_GC_VisitObjects`, left at its first object. Expect 0.1
    to 1 us.
    """
    kernel("pauses_stop", others=0)


@pytest.mark.parametrize("state", ["running", "attached", "detached"])
def test_benchmark_memory_pauses_stop(kernel: Kernel, state: str) -> None:
    """Stop another thread that runs bytecode, is busy in C, or is detached.

    One operation is that of `stop_alone`. Expect 5 to 50 us for bytecode, which sees
    the request at once; up to the millisecond that the other one spends in C between
    two instructions; and little more than `stop_alone` for a detached thread.
    """
    kernel("pauses_stop", state=state, iterations=STOPS)


@pytest.mark.parametrize("trigger", ["collect", "class", "method"])
def test_benchmark_memory_pauses_trigger(kernel: Kernel, trigger: str) -> None:
    """Stop a running thread as programs do: collect, or change a class.

    One operation is `gc.collect()`, a store of `__class__`, or one of `__len__` on a
    class. Expect some milliseconds of a collection, by the heap, and for the others
    `stop[running]` in versions where they stop the world: the other thread's gap tells.
    """
    kernel("pauses_stop", trigger=trigger, iterations=STOPS)
