"""Threads that do a task each; what ends them, and what is said of it."""

import _thread
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from operator import methodcaller

import pytest

from pybench.target.process.thread_team import TeamError, ThreadTeam, cpus_for


@pytest.fixture
def team() -> Iterator[ThreadTeam]:
    """Give three threads and look that all end."""
    made = ThreadTeam([None] * 3)
    yield made
    assert made.dismiss() == 0


def fail() -> None:
    """Be a task that raises."""
    raise ValueError("bad")


def spin() -> None:
    """Be a task that never ends by itself."""
    while True:
        time.sleep(0)


def test_each_thread_does_its_own_task(team: ThreadTeam) -> None:
    """Again and again the same threads, all of them or the first."""
    everybody = team.run([threading.get_ident] * 3)

    assert len({*everybody, threading.get_ident()}) == 4
    assert team.run([threading.get_ident]) == everybody[:1]
    assert team.run([None, threading.get_ident]) == [None, everybody[1]]


def test_threads_run_at_the_same_time(team: ThreadTeam) -> None:
    line = threading.Barrier(3)

    assert sorted(team.run([line.wait] * 3)) == [0, 1, 2]


def test_error_names_the_thread_and_ends_the_others(team: ThreadTeam) -> None:
    with pytest.raises(TeamError, match=r"^thread 2 of 3: ValueError: bad$") as caught:
        team.run([spin, fail, spin])

    assert isinstance(caught.value.__cause__, ValueError)


def test_thread_that_cannot_be_ended_is_told() -> None:
    """As one that waits in C; it does not keep the process."""
    team, begun, never = ThreadTeam([None] * 2), threading.Lock(), threading.Lock()
    never.acquire()

    def wait() -> None:
        # From one lock to the next without a step of Python, where it would be ended.
        deque(map(methodcaller("acquire"), [begun, never]), maxlen=0)

    def fail_then() -> None:
        while not begun.locked():
            time.sleep(0)
        fail()

    with pytest.raises(TeamError, match="1 other threads have not ended"):
        team.run([wait, fail_then])

    never.release()
    assert team.dismiss() == 0


@pytest.mark.parametrize("kind", [pytest.skip.Exception, pytest.fail.Exception])
def test_outcome_of_pytest_stays_one(
    team: ThreadTeam, kind: type[BaseException]
) -> None:
    def leave() -> None:
        raise kind("n/a: not here")

    with pytest.raises(kind, match="n/a: not here"):
        team.run([leave])


def test_exit_of_a_thread_ends_no_session(team: ThreadTeam) -> None:
    with pytest.raises(TeamError, match="thread 1 of 3: SystemExit: 3"):
        team.run([lambda: sys.exit(3)])


def test_thread_that_cannot_start_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those before it end."""
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)

    with pytest.raises(TeamError, match=r"thread 3 of 256 could not start \(can't"):
        ThreadTeam([None] * 256)

    assert not any(thread.is_alive() for thread in started)


def test_interrupt_ends_the_wait_and_the_threads(team: ThreadTeam) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt() -> None:
        _thread.interrupt_main()
        spin()

    try:
        with pytest.raises(KeyboardInterrupt):
            team.run([interrupt, spin, spin])
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="n/a: threads cannot be kept here"
)
def test_threads_keep_to_the_cpus_of_this_process() -> None:
    usable = sorted(os.sched_getaffinity(0))

    assert cpus_for(len(usable)) == usable
    assert cpus_for(len(usable) + 1) == [None] * (len(usable) + 1)
    assert cpus_for(3, together=True) == [usable[0]] * 3
    team = ThreadTeam(usable[:1])
    assert team.is_pinned
    assert team.run([lambda: os.sched_getaffinity(0)]) == [{usable[0]}]
    assert team.dismiss() == 0
