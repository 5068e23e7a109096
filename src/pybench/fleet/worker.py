"""What runs on a worker: it takes a plan, measures a shard, tells how far that is.

A shard is `pybench compare --plan FILE --shard K/N` in a process of its own. All of it
goes to the controller as text.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pybench import __version__, children
from pybench.comparison.beginning import this_host
from pybench.fleet.collecting import FleetError
from pybench.interpreters.prepare import cache_folder
from pybench.records.files import lock_file, write_file
from pybench.records.fleet import FAILED
from pybench.records.run import NAME

# What a worker has one of: Dask gives it one shard at a time.
SLOT = "pybench"

# How long a scheduler may take to answer, and how often a lost one is looked for.
CONNECT_S = 10.0
AGAIN_S = 2.0
# How often a shard is asked whether anybody waits for it.
_WANTED_S = 1.0
# What is read of a record at once.
_MOST_BYTES = 1 << 24
_ERROR = "pybench: error: "
_PLAN, _WHEELS, _SAID = "plan.json", "wheels.txt", "said.txt"

# What a shard is measured by.
COMMAND = (sys.executable, "-P", "-m", "pybench", "compare")
# The lock of this host, which is kept as long as anything is measured.
_HELD: list[int] = []


def greet(plan: bytes, wheels: Mapping[str, bytes], dask_worker: Any = None) -> str:
    """Take a plan and wheels; return who this worker is, as JSON."""
    folder = _folder(dask_worker, hashlib.sha256(plan).hexdigest())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _PLAN).write_bytes(plan)
    (folder / _WHEELS).write_text(str(_kept(wheels)))
    host, boot = this_host()
    slots = float(dask_worker.state.total_resources.get(SLOT, 0))
    facts = {"host": host, "boot": boot, "version": __version__, "slots": slots}
    return json.dumps(facts)


def _kept(wheels: Mapping[str, bytes]) -> Path:
    """Write wheels where the next worker here finds them again, and return the folder.

    Environments are named after the place and the time of what they are made from.
    """
    content = sorted(hashlib.sha256(data).hexdigest() for data in wheels.values())
    key = hashlib.sha256("".join(content).encode()).hexdigest()[:16]
    folder = cache_folder() / "fleet" / key
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in wheels.items():
        path = folder / Path(name).name
        if not path.is_file():
            write_file(path, data)
            os.utime(path, (0, 0))
    return folder


def measure(digest: str, token: str, shard: str, budget_s: float | None) -> str:
    """Measure a shard in a folder named by `token`; return how it ended, as JSON."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        is_up = worker.status.name in ("running", "paused")
        return is_up and task is not None and task.state == "executing"

    place = _folder(worker, digest)
    folder = place / token
    folder.mkdir()
    command = [
        *COMMAND, "--plan", str(place / _PLAN), "--shard", shard,
        "--find-links", (place / _WHEELS).read_text(), "-o", str(folder),
    ]  # fmt: skip
    if budget_s is not None:
        command += ["--budget", f"{budget_s:.3f}s"]
    status = _run(command, folder, is_wanted)
    record, size, digest_of = folder / NAME, 0, hashlib.sha256()
    if record.is_file():
        with record.open("rb") as file:
            digest_of = hashlib.file_digest(file, "sha256")
            size = file.tell()
    said = (folder / _SAID).read_text(errors="replace")
    errors = [line for line in said.splitlines() if line.startswith(_ERROR)]
    error = errors[0].removeprefix(_ERROR) if errors else ""
    if status and not error and status != FAILED:
        error = children.last_line(said)
    answer = {"status": status, "size": size, "digest": digest_of.hexdigest()}
    return json.dumps({**answer, "error": error})


def _run(command: list[str], folder: Path, is_wanted: Callable[[], bool]) -> int:
    """Run a command to its end, or end it once nobody waits for it."""
    with (
        (folder / _SAID).open("wb") as said,
        children.guarded(command, folder, stdout=said, stderr=said, held=_HELD) as (
            child,
            _,
        ),
    ):
        while is_wanted():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(_WANTED_S)
    raise FleetError("nobody waits for this shard")


def read_more(
    digest: str, offsets: Mapping[str, int], dask_worker: Any = None
) -> bytes:
    """Return what a record of this worker has beyond an offset.

    `offsets` has those of all workers, by the names of their folders.
    """
    place = _folder(dask_worker, digest)
    for token, offset in offsets.items():
        record = place / token / NAME
        if record.is_file():
            with record.open("rb") as file:
                file.seek(offset)
                return file.read(_MOST_BYTES)
    return b""


def _folder(worker: Any, digest: str) -> Path:
    return Path(worker.local_directory) / "pybench" / digest


def security_of(ca: str | None, certificate: str | None, key: str | None) -> Any:
    """Return what Dask takes for TLS, None without it."""
    if not ca:
        return None
    from distributed.security import Security

    each = {
        f"tls_{role}_{what}": path
        for role in ("client", "worker", "scheduler")
        for what, path in (("cert", certificate), ("key", key))
    }
    return Security(tls_ca_file=ca, require_encryption=True, **each)


def check_tls(address: str, security: Any) -> None:
    """Refuse an address that needs certificates, where there are none."""
    if address.startswith("tls://") and security is None:
        raise FleetError(f"{address}: TLS needs --tls-ca, --tls-cert and --tls-key")


@contextlib.contextmanager
def one_per_host(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the slot of this host, in a folder of locks; wait while another has it."""
    host, _ = this_host()
    name = hashlib.sha256(host.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not lock_file(descriptor):
            say(f"another worker measures on {host}: waiting for its end")
            lock_file(descriptor, wait=True)
        _HELD.append(descriptor)
        yield
    finally:
        os.close(descriptor)
        _HELD.clear()


async def serve(address: str, security: Any, say: Callable[[str], None]) -> None:
    """Work for a scheduler, and look for it again when it is gone.

    Raises `FleetError` if it is not there at the beginning.
    """
    from distributed import Worker

    check_tls(address, security)
    is_known = False
    while True:
        with tempfile.TemporaryDirectory(prefix="pybench-worker-") as folder:
            try:
                worker = Worker(
                    address,
                    nthreads=1,
                    resources={SLOT: 1},
                    local_directory=folder,
                    memory_limit=0,
                    security=security,
                    death_timeout=CONNECT_S,
                )
                await worker
            except (OSError, RuntimeError, TypeError, ValueError) as error:
                if not is_known:
                    raise unreachable(address, error) from None
                await asyncio.sleep(AGAIN_S)
                continue
            is_known = True
            say(f"the worker {worker.address} waits for shards from {address}")
            try:
                await worker.finished()
            finally:
                await worker.close()
        say(f"the scheduler {address} is gone; looking for it again")


def unreachable(address: str, error: BaseException) -> FleetError:
    """Return the error of a scheduler that does not answer."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return FleetError(
        f"no scheduler answers at {address}: {reason}; pybench fleet up starts one here"
    )
