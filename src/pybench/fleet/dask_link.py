"""The link to workers by Dask: one task is one shard on one worker.

Which worker gets which shard is decided by us, not by Dask, which would start a lost
task again by itself. A task returns how its shard ended; the record is read while it
grows, from where the last reading ended, so nothing of it is lost or doubled.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pybench.fleet import worker as on_worker
from pybench.fleet.collecting import Came, Ended, Event, Gone, Text
from pybench.records.documents import DocumentError, parse, parse_json
from pybench.records.fleet import Answer, WorkerFacts

# How often records are read while nothing ends.
_READ_EVERY_S = 2.0


def connect(address: str, security: Any) -> Any:
    """Return a client of Dask; `FleetError` if the scheduler does not answer."""
    from distributed import Client

    on_worker.check_tls(address, security)
    try:
        return Client(
            address,
            timeout=on_worker.CONNECT_S,
            security=security,
            set_as_default=False,
        )
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise on_worker.unreachable(address, error) from None


@dataclass(slots=True)
class _Sent:
    future: Any
    token: str
    offset: int = 0


class DaskLink:
    """Workers of a Dask scheduler; `FleetError` if that does not answer."""

    def __init__(self, address: str, security: Any = None) -> None:
        self._address = address
        self._security = security
        self._plan, self._digest, self._shards = b"", "", 0
        self._wheels: Mapping[str, bytes] = {}
        self._known: set[str] = set()
        self._sent: dict[str, _Sent] = {}
        self._wake = threading.Event()
        self._is_broken = False
        self._client: Any = connect(address, security)

    def count_workers(self) -> int:
        """Return how many workers there are now."""
        return len(self._client.nthreads())

    def begin(self, plan: bytes, shards: int, wheels: Mapping[str, bytes]) -> None:
        """Give what each worker needs that comes."""
        self._plan, self._digest = plan, hashlib.sha256(plan).hexdigest()
        self._shards, self._wheels = shards, wheels

    def __enter__(self) -> Self:
        """Return it, to be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take back what is being measured, and leave the scheduler."""
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.cancel([sent.future for sent in self._sent.values()])
            self._leave()

    def send(self, worker: str, shard: int, budget_s: float | None) -> None:
        """Let a worker measure a shard."""
        token = f"{shard}-{secrets.token_hex(4)}"
        try:
            future = self._client.submit(
                on_worker.measure,
                self._digest,
                token,
                f"{shard}/{self._shards}",
                budget_s,
                key=f"pybench-{token}",
                workers=[worker],
                allow_other_workers=False,
                resources={on_worker.SLOT: 1},
                pure=False,
            )
        except Exception:  # whatever Dask raises: all workers are taken as gone
            self._is_broken = True
            return
        future.add_done_callback(lambda _: self._wake.set())
        self._sent[worker] = _Sent(future, token)

    def wait(self) -> Iterator[Event]:
        """Yield what has happened since; a scheduler that is gone takes all workers."""
        self._wake.wait(_READ_EVERY_S)
        self._wake.clear()
        if self._client is None:
            with contextlib.suppress(Exception):
                self._client = connect(self._address, self._security)
            return
        try:
            if self._is_broken or self._client.status != "running":
                raise ConnectionError(self._address)
            there = {*self._client.nthreads()}
            # Known before the records are read: those that have ended are whole then.
            ended = [w for w, sent in self._sent.items() if sent.future.done()]
            events = [*self._came(there - self._known), *self._read(there)]
        except Exception:  # whatever Dask raises of a link that is broken
            self._leave()
            for worker in self._known:
                yield Gone(worker, "")
            self._known, self._sent = set(), {}
            return
        yield from events
        for worker in self._known - there:
            self._sent.pop(worker, None)
            yield Gone(worker, "it is gone")
        self._known = there
        for worker in ended:
            if worker in self._sent:
                yield self._answer(worker)

    def _leave(self) -> None:
        client, self._client, self._is_broken = self._client, None, False
        with contextlib.suppress(Exception):
            client.close(timeout=1)

    def _came(self, workers: set[str]) -> Iterator[Event]:
        for worker, said in self._ask(
            workers, on_worker.greet, self._plan, self._wheels
        ).items():
            if isinstance(said, str):
                try:
                    yield Came(worker, parse(WorkerFacts, parse_json(said), worker))
                    continue
                except (DocumentError, ValueError) as error:
                    said = error
            problem = f"it cannot be asked who it is: {said!r}"
            yield Came(worker, WorkerFacts(problem=problem))

    def _read(self, there: set[str]) -> Iterator[Event]:
        """Yield what records have grown by, until all is read."""
        busy = {*self._sent} & there
        while busy:
            offsets = {sent.token: sent.offset for sent in self._sent.values()}
            read = self._ask(busy, on_worker.read_more, self._digest, offsets)
            busy = set()
            for worker, data in read.items():
                if isinstance(data, bytes) and data:
                    self._sent[worker].offset += len(data)
                    busy.add(worker)
                    yield Text(worker, data)

    def _ask(self, workers: set[str], what: Any, *arguments: Any) -> dict[str, Any]:
        """Call a function on workers, beside what they measure."""
        if not workers:
            return {}
        answers: dict[str, Any] = self._client.run(
            what, *arguments, workers=[*workers], on_error="return"
        )
        return answers

    def _answer(self, worker: str) -> Event:
        future = self._sent.pop(worker).future
        if future.status == "finished":
            try:
                document = parse_json(future.result(timeout=on_worker.CONNECT_S))
                return Ended(worker, parse(Answer, document, worker))
            except Exception as error:
                why = repr(error)
        elif future.status == "error":
            why = repr(future.exception(timeout=on_worker.CONNECT_S))
        else:
            self._known.discard(worker)  # it is greeted again
            return Gone(worker, "its task was taken back")
        return Ended(worker, Answer(status=1, size=0, digest="", error=why))
