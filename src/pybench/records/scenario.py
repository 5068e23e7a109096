"""What a scenario is told and what it leaves: settings, record, comparison of two.

Both planes use this, and it imports only the standard library. Each field of
`Settings` is the option of its name.

Schema history
--------------
1. The first.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pybench.records.texts import duration_s
from pybench.records.usage import UsageError

SCHEMA = 1

SCENARIOS = ("cpu", "shared", "queue", "map", "sum", "server")
MODES = ("threads", "processes", "interpreters")
START_METHODS = ("forkserver", "spawn", "fork")
PROFILES = ("overhead", "memory")

# The kinds of memory that are sampled.
KINDS = ("rss", "uss", "pss")

_FAULT = re.compile(r"(raise|exit|die|hang|stall):\d+:\d+(:\d+(\.\d+)?)?")

# Fields of a record that are left out where they have no value.
_OPTIONAL = {"reason", "min", "max", "avg", "avg_hold_s", "server"}


class ScenarioError(UsageError, ValueError):
    """What was asked for cannot run here; the text says why and what can."""


def _option(default: Any, help_: str | None, **how: Any) -> Any:
    """Return a field; ``least`` and ``above`` bound it, the rest is for `argparse`."""
    return field(default=default, metadata={"help": help_, **how})


def _number(
    default: float | None,
    help_: str,
    kind: Callable[[str], float] = int,
    metavar: str = "N",
    **bounds: float,
) -> Any:
    return _option(default, help_, type=kind, metavar=metavar, **bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What was asked for; `ScenarioError` names an option that is out of range."""

    scenario: str = _option(
        "cpu",
        "cpu: arithmetic; shared: a dict read by all and written now and then; "
        "queue: producers and consumers; map: over a list; sum: with a reduction; "
        "server: requests at a fixed rate under CPU load (default cpu)",
        choices=SCENARIOS,
    )
    mode: str = _option("threads", "default threads", choices=MODES)
    start_method: str = _option(
        "forkserver", "of processes (default forkserver)", choices=START_METHODS
    )
    profile: str = _option("overhead", None, choices=PROFILES)
    workers: int = _number(8, "default 8", least=1)
    iterations: int | None = _number(
        None, "rounds, or requests of the server (default 1000; memory 30)", least=1
    )
    warmup: int | None = _number(
        None, "rounds before those that count (default 5; memory 2)", least=0
    )
    work_iters: int = _number(
        20000, "steps per worker and round (default 20000)", least=0
    )
    hold_ms: float | None = _number(
        None,
        "how long the workers hold their results after a round: part of its time with "
        "--profile memory, outside it otherwise (default 0; memory 1000)",
        float,
        "MS",
        least=0,
    )
    mem_interval_ms: float = _number(
        50.0, "between samples of memory (default 50)", float, "MS", above=0
    )
    rate: float = _number(
        100.0, "server: requests a second (default 100)", float, "R", above=0
    )
    load: int = _number(
        1, "server: workers more that keep CPUs busy (default 1)", least=0
    )
    timeout: float = _number(
        60.0,
        "seconds after which a worker that does not answer is given up (default 60)",
        duration_s,
        "S",
        above=0,
    )
    imports: tuple[str, ...] = _option(
        (),
        "what each worker imports first; repeatable",
        action="append",
        metavar="MODULE",
    )
    # For tests: KIND:WORKER:ROUND[:SECONDS], counted from 1 with the warm-up.
    fault: str = _option("", argparse.SUPPRESS)

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
        for item in fields(self):
            value, how = getattr(self, item.name), item.metadata
            if value not in how.get("choices", [value]):
                problem = f" {value!r}: choose one of {', '.join(how['choices'])}"
            elif value < how.get("least", value):
                problem = f" must be at least {how['least']}, not {value}"
            elif "above" in how and not how["above"] < value < math.inf:
                problem = f" must be above {how['above']}, not {value}"
            else:
                continue
            raise ScenarioError(f"{_flag(item.name)}{problem}")
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
        words = [self.scenario, *(f"--import={name}" for name in self.imports)]
        return words + [
            f"{_flag(name)}={value}"
            for name, value in asdict(self).items()
            if name not in ("scenario", "imports") and value != ""
        ]


def _flag(name: str) -> str:
    return "--import" if name == "imports" else "--" + name.replace("_", "-")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `Settings`; those not given are not in the namespace."""
    for item in fields(Settings):
        bounds = ("least", "above")
        how = {key: of for key, of in item.metadata.items() if key not in bounds}
        if item.name == "scenario":
            parser.add_argument("scenario", nargs="?", default=item.default, **how)
        else:
            parser.add_argument(
                _flag(item.name), dest=item.name, default=argparse.SUPPRESS, **how
            )


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings of parsed options; may raise `ScenarioError`."""
    given = vars(options)
    known = {
        item.name: given[item.name] for item in fields(Settings) if item.name in given
    }
    return Settings(**known | {"imports": tuple(known.get("imports", ()))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The interpreter, the machine and the settings; ``gil_enabled`` at the start."""

    python: str
    scenario: str
    mode: str
    workers: int
    gil_enabled: bool
    gil_enabled_after: bool | None = None
    implementation: str = ""
    free_threaded: bool | None = None
    build: str = ""
    os: str = ""
    system: str = ""
    arch: str = ""
    profile: str = "overhead"
    mp_start_method: str | None = None
    iterations: int | None = None
    warmup: int | None = None
    work_iters: int | None = None
    hold_ms: float | None = None
    mem_sample: bool = False
    mem_interval_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """Bytes over all samples, or the reason why there are none."""

    reason: str | None = None
    min: float | None = None
    max: float | None = None
    avg: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledMemory:
    """Memory of the whole process tree, sampled from beside it.

    Parameters
    ----------
    course : sequence
        Seconds, then bytes by `KINDS`, None where there is a reason instead; thinned.
    interval_p95_error : float or None
        A share of ``interval_s``; None where there is no interval.
    priority : str or None
        That of the sampler.
    problem : str
        What ended it early; empty if nothing.
    """

    rss: Extremes
    uss: Extremes
    pss: Extremes
    course: tuple[tuple[float, float | None, float | None, float | None], ...] = ()
    samples: int = 0
    processes_max: int = 0
    interval_s: float = 0.0
    interval_p95_error: float | None = None
    interval_kept: bool = False
    priority: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerResult:
    """What the client saw, beside the latencies."""

    rate_per_s: float
    load: int
    unanswered: int
    client_late_p95_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The figures, in seconds; None where there is none."""

    iterations_done: int
    iterations_left_out: int = 0
    total_wall_s: float = 0.0
    avg_iter_s: float | None = None
    p50_iter_s: float | None = None
    p95_iter_s: float | None = None
    p99_iter_s: float | None = None
    max_iter_s: float | None = None
    overhead_iter_s: float | None = None
    avg_hold_s: float | None = None
    memory: SampledMemory | None = None
    server: ServerResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRecord:
    """What ``--json`` has of one scenario; ``iter_s`` are the rounds that count."""

    pybench: str = "scenario"
    schema: int = SCHEMA
    settings: Settings = Settings()
    environment: Environment
    result: Result
    iter_s: tuple[float, ...] = ()
    problems: tuple[str, ...] = ()
    interrupted: bool = False

    def document(self) -> dict[str, Any]:
        """Return what is written."""
        return asdict(self, dict_factory=_without_optional)


def _without_optional(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: of for key, of in items if of is not None or key not in _OPTIONAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedArm:
    """One arm: a name, the path of its interpreter, and what it runs."""

    name: str
    python: str = ""
    settings: Settings = Settings()


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioVerdict:
    """What the pairs tell; an interval without an end has None there."""

    word: str
    ratio: float
    low: float | None
    high: float | None
    pairs: int = 0
    p: float | None = None
    margin: float | None = None
    below_margin: bool = False
    smallest_visible: float | None = None
    pairs_to_settle: int | None = None
    is_given_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioComparison:
    """What ``--json`` has of two arms: seconds by pair, the baseline first.

    ``first`` names the arm that went first in each pair.
    """

    pybench: str = "scenario-comparison"
    schema: int = SCHEMA
    seed: int = 0
    sides: tuple[ComparedArm, ComparedArm]
    row: str = "avg_iter_s"
    pairs: tuple[tuple[float, float], ...]
    first: tuple[str, ...] = ()
    verdict: RatioVerdict | None
    problem: str = ""
    interrupted: bool = False

    def document(self) -> Mapping[str, Any]:
        """Return what is written."""
        return asdict(self)
