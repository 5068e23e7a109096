"""Counters of the kernel and the CPU, those that there are and those that are not."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

import pytest

from pybench.records.messages import MessageError, read_events, read_sample
from pybench.records.samples import Sample
from pybench.target.process import events
from pybench.target.process.events import HARDWARE, SOFTWARE, Events

pytestmark = pytest.mark.once


def test_each_event_is_counted_or_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a guest, whose CPU shows no counters, under a filter for one more."""
    counts = iter([(5, 7), (6, 9)])

    def event_open(name: str) -> int:
        if name in HARDWARE:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        if name == "migrations":
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return SOFTWARE.index(name)

    native = SimpleNamespace(
        event_open=event_open, event_counts=lambda fds: next(counts)
    )
    monkeypatch.setattr(events, "extension", lambda: native)

    known = Events()

    assert known.since(known.read()) == {"page_faults": 1, "context_switches": 2}
    document = known.document()
    assert [name for name, why in document.items() if not why] == [*known.names]
    assert "perf_event_paranoid" in document["migrations"]
    assert "no such counter" in document["cycles"]


def test_without_an_extension_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "extension", lambda: None)

    known = Events()

    assert known.since(known.read()) == {}
    assert set(known.document()) == {*SOFTWARE, *HARDWARE}
    assert all(known.document().values())


def test_events_of_samples_add_up() -> None:
    ours = Sample(wall_ns=1, cpu_ns=1, waited_ns=0, events={"page_faults": 2})
    theirs = Sample(wall_ns=1, cpu_ns=1, waited_ns=0, events={"page_faults": 3})
    without = Sample(wall_ns=1, cpu_ns=1, waited_ns=0)

    assert (ours + theirs).events == {"page_faults": 5}
    assert (ours + without).events == {"page_faults": 2}


def test_what_a_session_cannot_mean_is_named() -> None:
    times = {"wall_ns": 1, "cpu_ns": 1, "waited_ns": 0}

    assert read_sample({**times, "events": {"cycles": 3}}).events == {"cycles": 3}
    with pytest.raises(MessageError, match="with cycles 'x'"):
        read_sample({**times, "events": {"cycles": "x"}})
    with pytest.raises(MessageError, match="with events 3"):
        read_sample({**times, "events": 3})
    with pytest.raises(MessageError, match="instead of events"):
        read_events({"cycles": 3})
