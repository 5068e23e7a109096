"""What a scenario may be told: its options, their defaults and their ranges."""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pybench.records.files import check_place
from pybench.target.programs.scenario_pools import MODES, START_METHODS
from pybench.target.programs.scenario_work import SCENARIOS, Job, ScenarioError

_PROFILES = ("overhead", "memory")
_FAULT = re.compile(r"(raise|exit|die|hang|stall):\d+:\d+(:\d+(\.\d+)?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What was asked for; each field is the option of its name.

    Raises
    ------
    ScenarioError
        For a value out of range; names the option.
    """

    scenario: str = "cpu"
    mode: str = "threads"
    start_method: str = "forkserver"
    profile: str = "overhead"
    workers: int = 8
    iterations: int | None = None
    warmup: int | None = None
    work_iters: int = 20000
    hold_ms: float | None = None
    mem_interval_ms: float = 50.0
    rate: float = 100.0
    load: int = 1
    timeout: float = 60.0
    imports: tuple[str, ...] = ()
    fault: str = ""

    def __post_init__(self) -> None:
        memory = self.profile == "memory"
        defaults = {
            "iterations": 30 if memory else 1000,
            "warmup": 2 if memory else 5,
            "hold_ms": 1000.0 if memory else 0.0,
        }
        for name, value in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        known = {
            "scenario": SCENARIOS, "mode": MODES, "start_method": START_METHODS,
            "profile": _PROFILES,
        }  # fmt: skip
        for name, words in known.items():
            if getattr(self, name) not in words:
                raise ScenarioError(
                    f"{_option(name)} {getattr(self, name)!r}: choose one of "
                    f"{', '.join(words)}"
                )
        least = {
            "workers": 1, "iterations": 1, "warmup": 0, "work_iters": 0, "hold_ms": 0,
            "load": 0,
        }  # fmt: skip
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ScenarioError(
                    f"{_option(name)} must be at least {bound}, not "
                    f"{getattr(self, name)}"
                )
        for name in ("mem_interval_ms", "rate", "timeout"):
            if not 0 < getattr(self, name) < math.inf:
                raise ScenarioError(
                    f"{_option(name)} must be above 0, not {getattr(self, name)}"
                )
        if self.fault and not _FAULT.fullmatch(self.fault):
            raise ScenarioError(
                f"--fault {self.fault!r}: say KIND:WORKER:ROUND[:SECONDS], where KIND "
                "is raise, exit, die, hang or stall"
            )
        if self.scenario == "queue" and self.workers < 2:
            raise ScenarioError(
                "--workers must be at least 2 for scenario queue, not "
                f"{self.workers}: half of them produce and the others consume"
            )

    def words(self) -> list[str]:
        """Return the command line that asks for the same."""
        words = [self.scenario]
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "imports":
                words += [f"--import={name}" for name in value]
            elif one.name != "scenario" and value != "":
                words.append(f"{_option(one.name)}={value}")
        return words


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `Settings`; those not given are not in the namespace."""
    said: dict[str, Any] = {"default": argparse.SUPPRESS}
    parser.add_argument(
        "scenario", nargs="?", default="cpu", choices=[*SCENARIOS],
        help="cpu: arithmetic; shared: a dict read by all and written now and then; "
        "queue: producers and consumers; map: over a list; sum: with a reduction; "
        "server: requests at a fixed rate under CPU load (default cpu)",
    )  # fmt: skip
    parser.add_argument("--mode", choices=MODES, help="default threads", **said)
    parser.add_argument(
        "--start-method", choices=START_METHODS,
        help="of processes (default forkserver)", **said,
    )  # fmt: skip
    parser.add_argument("--profile", choices=_PROFILES, **said)
    parser.add_argument("--workers", type=int, metavar="N", help="default 8", **said)
    parser.add_argument(
        "--iterations", type=int, metavar="N",
        help="rounds, or requests of the server (default 1000; memory 30)", **said,
    )  # fmt: skip
    parser.add_argument(
        "--warmup", type=int, metavar="N",
        help="rounds before those that count (default 5; memory 2)", **said,
    )  # fmt: skip
    parser.add_argument(
        "--work-iters", type=int, metavar="N",
        help="steps per worker and round (default 20000)", **said,
    )  # fmt: skip
    parser.add_argument(
        "--hold-ms", type=float, metavar="MS",
        help="how long the workers hold their results after a round: part of its time "
        "with --profile memory, outside it otherwise (default 0; memory 1000)", **said,
    )  # fmt: skip
    parser.add_argument(
        "--mem-interval-ms", type=float, metavar="MS",
        help="between samples of memory (default 50)", **said,
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=float, metavar="R",
        help="server: requests a second (default 100)", **said,
    )  # fmt: skip
    parser.add_argument(
        "--load", type=int, metavar="N",
        help="server: workers more that keep CPUs busy (default 1)", **said,
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=float, metavar="S",
        help="seconds after which a worker that does not answer is given up "
        "(default 60)", **said,
    )  # fmt: skip
    parser.add_argument(
        "--import", dest="imports", action="append", metavar="MODULE",
        help="what each worker imports first; repeatable", **said,
    )  # fmt: skip
    # For tests: KIND:WORKER:ROUND[:SECONDS], counted from 1 with the warm-up.
    parser.add_argument("--fault", help=argparse.SUPPRESS, **said)
    parser.add_argument("--json", metavar="PATH", help="save the record; - is stdout")


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings of parsed options.

    Raises
    ------
    ScenarioError
        For a value out of range.
    """
    given = vars(options)
    known = {one.name: given[one.name] for one in fields(Settings) if one.name in given}
    return Settings(**known | {"imports": tuple(known.get("imports", ()))})


def jobs_of(settings: Settings) -> list[Job]:
    """Return what each worker is told."""
    kind, _, rest = settings.fault.partition(":")
    culprit, _, when = rest.partition(":")
    return [
        Job(
            scenario=settings.scenario,
            place=index,
            workers=settings.workers,
            work_iters=settings.work_iters,
            imports=settings.imports,
            shares_memory=settings.mode == "threads",
            fault=f"{kind}:{when}" if culprit == str(index + 1) else "",
        )
        for index in range(settings.workers)
    ]


def check_json(path: str | None) -> None:
    """Raise before anything is measured unless a record can be saved there.

    Raises
    ------
    ScenarioError
        If the folder is missing or the path is a folder.
    """
    if not path or path == "-":
        return
    problem = check_place(Path(path))
    if problem:
        raise ScenarioError(f"--json {path}: {problem}")
