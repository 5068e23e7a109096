"""What the files of /proc say, from their texts."""

import pytest

from pybench.records.proc import own_and_share, run_queue_ns, status_bytes

ROLLUP = """\
55f0-7ffc ---p 00000000 00:00 0    [rollup]
Rss:                1000 kB
Pss:                 400 kB
Pss_Dirty:           300 kB
Private_Clean:       100 kB
Private_Dirty:       200 kB
"""


def test_own_memory_is_what_is_private() -> None:
    assert own_and_share(ROLLUP) == (300 * 1024, 400 * 1024)


@pytest.mark.parametrize("text", ["", "55f0-7ffc\n", "55f0-7ffc\nPss: 1 kB\n"])
def test_process_that_has_ended_has_no_sizes(text: str) -> None:
    """Its file is there, and empty, until somebody has waited for it."""
    assert own_and_share(text) is None


def test_sizes_of_the_status_are_bytes() -> None:
    text = "Name:\tpython\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n"

    assert status_bytes(text, "VmRSS") == 2**20
    assert status_bytes(text, "VmSwap") is None


@pytest.mark.parametrize(
    ("text", "queued_ns"),
    [("500 70 3\n", 70), ("500 0 3\n", 0), ("0 0 0\n", None), ("", None), ("x", None)],
)
def test_time_in_the_run_queue(text: str, queued_ns: int | None) -> None:
    assert run_queue_ns(text) == queued_ns
