"""``pybench fleet``: workers that measure for `pybench compare --scheduler`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

from pybench.cli.compare_options import TLS
from pybench.cli.options import host_needs, whole
from pybench.cli.output import print_note
from pybench.cli.status import OK, UsageError


def add_fleet(subcommands: Any) -> None:
    """Add ``pybench fleet``."""
    parser = subcommands.add_parser(
        "fleet",
        help="workers on other hosts, for pybench compare --scheduler",
        description="Workers that measure for pybench compare --scheduler, by Dask. "
        "Who reaches the scheduler can run any program on all of them: only in a "
        "network that you trust, or with TLS.",
    )
    kinds = parser.add_subparsers(required=True, metavar="COMMAND")
    up = kinds.add_parser(
        "up", help="a scheduler and workers on this machine, to try it"
    )
    up.add_argument(
        "--workers", metavar="N", type=whole(1, 64), default=2, help="default 2"
    )
    up.add_argument(
        "--host", metavar="ADDRESS", default="127.0.0.1",
        help="where the scheduler listens (default 127.0.0.1)",
    )  # fmt: skip
    up.add_argument(
        "--port", type=whole(0, 65535), default=8786, help="its port (default 8786)"
    )
    worker = kinds.add_parser("worker", help="measure on this host for a scheduler")
    worker.add_argument("scheduler_address", metavar="ADDRESS", help="tcp://host:8786")
    worker.add_argument(
        "--beside", action="store_true",
        help="even where another worker measures on this host: to try it, as both "
        "disturb each other",
    )  # fmt: skip
    for kind, command in ((up, fleet_up), (worker, fleet_worker)):
        for flag, (place, what) in TLS.items():
            kind.add_argument(flag, dest=place, metavar="FILE", help=what)
        kind.set_defaults(command=command)


def fleet_needs() -> None:
    """Raise `UsageError` unless Dask is installed; let it be silent."""
    host_needs()
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"{error.name or 'distributed'} is not installed for {sys.executable}: "
            "pip install 'pybench-native[fleet]'"
        ) from None
    # What happens to workers is told by us; both have levels of their own.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def security(options: argparse.Namespace) -> Any:
    """Return what the link is secured by, None without TLS."""
    from pybench.fleet.worker import security_of

    given = {flag: getattr(options, place) for flag, (place, _) in TLS.items()}
    if any(given.values()) and not all(given.values()):
        raise UsageError(f"{', '.join(given)}: give all of them, or none")
    for flag, path in given.items():
        if path and not Path(path).is_file():
            raise UsageError(f"{flag} {path}: no such file")
    return security_of(*given.values())


def fleet_worker(options: argparse.Namespace) -> int:
    """Measure for a scheduler until somebody ends it."""
    fleet_needs()
    from pybench.fleet.worker import one_per_host, serve
    from pybench.interpreters.prepare import cache_folder

    secured = security(options)
    slot: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if not options.beside:
        slot = one_per_host(cache_folder() / "fleet", print_note)
    with slot:
        asyncio.run(serve(options.scheduler_address, secured, print_note))
    return OK


def fleet_up(options: argparse.Namespace) -> int:
    """Run a scheduler here, and workers in processes of their own."""
    fleet_needs()
    asyncio.run(_up(options, security(options)))
    return OK


async def _up(options: argparse.Namespace, secured: Any) -> None:
    from distributed import Scheduler

    from pybench import children

    tls = [
        word
        for flag, (place, _) in TLS.items()
        if (path := getattr(options, place))
        for word in (flag, path)
    ]
    try:
        scheduler = await Scheduler(
            host=options.host,
            port=options.port,
            security=secured,
            dashboard=False,
            dashboard_address=":0",  # what it serves all the same, at a free port
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"no scheduler on {options.host}, port {options.port}: "
            f"{error.__cause__ or error}; --port 0 takes a free one"
        ) from None
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for _ in range(options.workers):
            command = [
                *(sys.executable, "-P", "-m", "pybench", "fleet", "worker"),
                *(scheduler.address, *tls),
                *["--beside"] * (options.workers > 1),
            ]
            stack.enter_context(
                children.guarded(command, Path(folder), stdout=None, stderr=None)
            )
        print_note(
            f"pybench compare PY PY --scheduler {scheduler.address} measures on "
            f"{options.workers} workers here; Ctrl-C ends them"
        )
        try:
            await scheduler.finished()
        finally:
            await scheduler.close()
