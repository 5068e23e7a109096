"""Rounds of work by one pool of workers: threads, processes or interpreters.

`main` is the command, from a bare checkout as well: this module and those that it
imports need the standard library, and psutil for ``--profile memory``.

A round gives each worker one command and ends with the last answer. What a round costs
without work is measured too, as ``overhead_iter_s``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

from pybench.profiles.scenario_memory import KINDS, Sampler
from pybench.profiles.scenario_pools import (
    MODES,
    START_METHODS,
    Pool,
    ScenarioError,
    interpreters_api,
    make_pool,
    refuse_threads,
    shared_object,
)
from pybench.profiles.scenario_work import SCENARIOS, Job

SCHEMA = 1

# The statuses of `pybench.cli`, which is not imported here.
_OK, _USAGE, _FAILED, _INTERRUPTED = 0, 2, 4, 130

_PROFILES = ("overhead", "memory")
_EMPTY_ROUNDS = 200
_MIB = 1 << 20


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
        help="how long the workers hold their results after a round, outside its time "
        "(default 0; memory 1000)", **said,
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
    # KIND:WORKER:ROUND[:SECONDS], kind one of raise, exit, die, hang, stall: tests.
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


def environment(settings: Settings) -> dict[str, Any]:
    """Return what a record says of the interpreter, the machine and the settings."""
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    memory = settings.profile == "memory"
    return {
        "python": platform.python_version(),
        "free_threaded": "free-threading" in sys.version,
        "build": sys.version,
        "os": platform.platform(),
        "scenario": settings.scenario,
        "mode": settings.mode,
        "profile": settings.profile,
        "mp_start_method": settings.start_method
        if settings.mode == "processes"
        else None,
        "gil_enabled": gil,
        "workers": settings.workers,
        "iterations": settings.iterations,
        "warmup": settings.warmup,
        "work_iters": settings.work_iters,
        "hold_ms": settings.hold_ms,
        "mem_sample": memory,
        "mem_interval_ms": settings.mem_interval_ms,
    }


def environment_lines(facts: dict[str, Any]) -> list[str]:
    """Return ``=== environment ===`` and its lines."""
    build = "free-threaded" if facts["free_threaded"] else "GIL"
    lines = [
        "=== environment ===",
        f"Python ({facts['python']}, {build} build): {facts['build']}",
        f"OS: {facts['os']}",
        f"Mode: {facts['mode']}",
        f"Profile: {facts['profile']}",
        f"mp_start_method: {facts['mp_start_method'] or 'n/a'}",
    ]
    for name in (
        "gil_enabled", "workers", "iterations", "warmup", "work_iters", "hold_ms",
        "mem_sample", "mem_interval_ms",
    ):  # fmt: skip
        value = facts[name]
        lines.append(
            f"{name}: {value:g}" if type(value) is float else f"{name}: {value}"
        )
    if facts["scenario"] != "cpu":
        lines.append(f"scenario: {facts['scenario']}")
    return lines


class Record:
    """What is known so far; complete at any time, since Ctrl-C may come at any."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.environment = environment(settings)
        self.times_s: list[float] = []
        self.overhead_s: float | None = None
        self.began = time.perf_counter()
        self.total_s = 0.0
        self.left_out = 0
        self.memory: dict[str, Any] | None = None
        self.server: dict[str, Any] = {}
        self.problems: list[str] = []
        self.interrupted = False
        self.abandoned = False  # a worker that nobody can end still runs

    def result(self) -> dict[str, Any]:
        """Return the figures; None where there is none."""
        times = sorted(self.times_s)
        found: dict[str, Any] = {
            "iterations_done": len(times),
            "iterations_left_out": self.left_out,
            "total_wall_s": self.total_s,
            "avg_iter_s": sum(times) / len(times) if times else None,
        }
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            found[f"{name}_iter_s"] = quantile(times, share)
        found["max_iter_s"] = times[-1] if times else None
        found["overhead_iter_s"] = self.overhead_s
        found["memory"] = self.memory
        if self.server:
            found["server"] = self.server
        return found

    def document(self) -> dict[str, Any]:
        """Return what is written to ``--json``."""
        return {
            "pybench": "scenario",
            "schema": SCHEMA,
            "settings": asdict(self.settings),
            "environment": self.environment,
            "result": self.result(),
            "iter_s": self.times_s,
            "problems": self.problems,
            "interrupted": self.interrupted,
        }

    def status(self) -> int:
        """Return the exit status."""
        if self.interrupted:
            return _INTERRUPTED
        return _FAILED if self.problems else _OK


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that so large a share does not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def result_lines(record: Record) -> list[str]:
    """Return ``=== result ===`` and its lines."""
    result = record.result()
    lines = ["=== result ===", *_memory_lines(record)]
    for name in (
        "total_wall_s", "avg_iter_s", "p50_iter_s", "p95_iter_s", "p99_iter_s",
        "max_iter_s",
    ):  # fmt: skip
        value = result[name]
        lines.append(f"{name}: " + ("n/a" if value is None else f"{value:.6f}"))
    if record.overhead_s is not None:
        lines.append(
            f"overhead_iter_s: {record.overhead_s:.6f} (empty work, the median)"
        )
    if record.server:
        facts = record.server
        lines += [
            "latencies from the intended start of each request, at "
            f"{facts['rate_per_s']:g} a second",
            f"client_late_p95_s: {facts['client_late_p95_s']:.6f}",
            f"unanswered: {facts['unanswered']}",
        ]
    asked = record.settings.iterations
    if len(record.times_s) != asked:
        out = f"; {record.left_out} with a lost worker left out" * bool(record.left_out)
        lines.append(f"iterations: {len(record.times_s)} of {asked}{out}")
    if record.environment["gil_enabled"] != record.environment["gil_enabled_after"]:
        lines.append("the GIL was turned on in the meantime, by something imported")
    return lines + [f"problem: {problem}" for problem in record.problems]


def _memory_lines(record: Record) -> list[str]:
    memory = record.memory
    if memory is None:
        wanted = record.settings.profile == "memory"
        return [f"memory: {'n/a' if wanted else '(disabled)'}"]
    lines = [
        f"memory: {memory['samples']} samples of the process tree, at most "
        f"{memory['processes_max']} processes"
    ]
    for kind in KINDS:
        values = memory[kind]
        if "reason" in values:
            lines.append(f"{kind}: n/a: {values['reason']}")
            continue
        lines.append(
            f"{kind}_mib: "
            + ", ".join(f"{w} {values[w] / _MIB:.1f}" for w in ("min", "max", "avg"))
        )
    error, interval_ms = memory["interval_p95_error"], memory["interval_s"] * 1e3
    if error is None:
        lines.append("sampling: one sample at most, so no interval")
    else:
        kept = "kept" if memory["interval_kept"] else "NOT kept"
        lines.append(
            f"sampling: interval of {interval_ms:g} ms {kept}, 95 % within "
            f"{error:.1%} of it"
        )
    if memory["problem"]:
        lines.append(f"sampling ended early: {memory['problem']}")
    return lines


def run(settings: Settings, record: Record | None = None) -> Record:
    """Run a scenario in this process.

    Parameters
    ----------
    settings : Settings
        What to run.
    record : Record, optional
        Is filled as results come, so that the caller has them after Ctrl-C.

    Returns
    -------
    Record
        With the workers that were lost, in ``problems``.

    Raises
    ------
    ScenarioError
        If it cannot run here.
    """
    record = record or Record(settings)
    check(settings)
    sampler = None
    if settings.profile == "memory":
        try:
            sampler = Sampler(settings.mem_interval_ms / 1e3)
        except RuntimeError as error:
            raise ScenarioError(f"--profile memory: {error}") from None
    try:
        if settings.scenario == "server":
            from pybench.profiles.scenario_server import run_server

            run_server(record, sampler)
        else:
            _run_rounds(record, sampler)
    except KeyboardInterrupt:
        record.interrupted = record.abandoned = True
    finally:
        if sampler is not None:
            record.memory = sampler.end()
            if record.memory["problem"]:
                record.problems.append(f"sampling: {record.memory['problem']}")
        record.environment["gil_enabled_after"] = getattr(
            sys, "_is_gil_enabled", lambda: True
        )()
    return record


def check(settings: Settings) -> None:
    """Raise unless the scenario can run in this process, now.

    Raises
    ------
    ScenarioError
        Says what does not fit and what would.
    """
    if settings.mode == "interpreters":
        api = interpreters_api()
        if settings.scenario == "queue":
            api.create_queue(1)
    if settings.mode == "processes" and settings.start_method == "fork":
        refuse_threads()


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


def note_lost(record: Record, pool: Pool, lost: dict[int, str], when: str) -> None:
    """Write down who was lost."""
    for index, why in sorted(lost.items()):
        record.problems.append(f"{pool.names[index]} was lost in {when}: {why}")


def _run_rounds(record: Record, sampler: Sampler | None) -> None:
    settings = record.settings
    elements = range(settings.work_iters)
    shared = shared_object(settings.scenario, settings.mode, elements)
    with make_pool(
        settings.mode, settings.start_method, jobs_of(settings), shared
    ) as pool:
        try:
            note_lost(record, pool, pool.start(settings.timeout), "its start")
            record.overhead_s = _overhead(record, pool)
            if sampler is not None:
                sampler.begin()
            _rounds(record, pool, elements)
        finally:
            record.total_s = time.perf_counter() - record.began
    # Not reached after Ctrl-C, which sets it as well.
    record.abandoned |= pool.abandoned


def _rounds(record: Record, pool: Pool, elements: Sequence[int]) -> None:
    settings = record.settings
    values: dict[int, Any] = {}
    for number in range(1 - (settings.warmup or 0), (settings.iterations or 0) + 1):
        if not pool.alive:
            record.problems.append("no worker is left")
            return
        if number == 1:
            record.began = time.perf_counter()
        began = time.perf_counter()
        arguments = _arguments(settings, pool, elements, values)
        done = pool.round(settings.timeout, arguments)
        values = done.values
        _reduce(settings.scenario, values)
        wall_s = time.perf_counter() - began
        if done.lost:
            when = f"round {number}" if number >= 1 else "the warm-up"
            note_lost(record, pool, done.lost, when)
            record.left_out += number >= 1
            if settings.scenario == "queue":
                record.problems.append("the others wait for its items: ended early")
                return
        elif number >= 1:
            record.times_s.append(wall_s)
        if settings.hold_ms:
            time.sleep(settings.hold_ms / 1e3)


def _overhead(record: Record, pool: Pool) -> float | None:
    """Return the median seconds of a round without work."""
    times = []
    for _ in range(_EMPTY_ROUNDS):
        if not pool.alive:
            break
        done = pool.round(record.settings.timeout, empty=True)
        note_lost(record, pool, done.lost, "a round without work")
        times.append(done.wall_s)
    return quantile(sorted(times), 0.5)


def _arguments(
    settings: Settings, pool: Pool, elements: Sequence[int], before: dict[int, Any]
) -> dict[int, Any]:
    """Return what goes with the commands of a round, by worker."""
    if settings.scenario == "map":
        # In even parts, for those who are left.
        bounds = [
            len(elements) * place // len(pool.alive)
            for place in range(len(pool.alive) + 1)
        ]
        parts = zip(pool.alive, bounds, bounds[1:], strict=False)
        if settings.mode == "threads":
            return {index: (first, beyond) for index, first, beyond in parts}
        return {index: [*elements[first:beyond]] for index, first, beyond in parts}
    if settings.scenario == "shared" and settings.mode != "threads":
        return {
            index: {
                key: value
                for other, written in before.items()
                if other != index
                for key, value in written.items()
            }
            for index in pool.alive
        }
    return {}


def _reduce(scenario: str, values: dict[int, Any]) -> Any:
    """Put together what the workers gave back, where the scenario does so."""
    if scenario == "map":
        return [value for index in sorted(values) for value in values[index]]
    return sum(values.values()) if scenario == "sum" else None


def _interrupt_once(number: int, _frame: object) -> NoReturn:
    """Raise on the first signal; what is saved after it shall not be cut off."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit with its status: 0, 2, 4 or 130."""
    parser = argparse.ArgumentParser(
        prog="scenario1",
        description="Rounds of work by a pool of threads, processes or interpreters.",
    )
    add_options(parser)
    options = parser.parse_args(words)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt_once)
    try:
        settings = settings_of(options)
        check_json(options.json)
        check(settings)
        record = Record(settings)
        # With the record on stdout, the lines for people go beside it.
        out = sys.stderr if options.json == "-" else sys.stdout
        _print(environment_lines(record.environment), out)
        run(settings, record)
    except ScenarioError as error:
        _print([f"scenario: error: {error}"], sys.stderr)
        sys.exit(_USAGE)
    except KeyboardInterrupt:
        _print(["scenario: interrupted before it began"], sys.stderr)
        sys.exit(_INTERRUPTED)
    _print(result_lines(record), out)
    status = record.status()
    if record.interrupted:
        _print(["scenario: interrupted; these are the results so far"], sys.stderr)
    if options.json:
        try:
            save(record, options.json)
        except OSError as error:
            _print([f"scenario: error: --json {options.json}: {error}"], sys.stderr)
            status = status or _FAILED
    if record.abandoned:
        # A thread in an endless call would keep the interpreter from ending.
        os._exit(status)
    sys.exit(status)


def check_json(path: str | None) -> None:
    """Raise before anything is measured unless a record can be saved there.

    Raises
    ------
    ScenarioError
        If the folder is missing or the path is a folder.
    """
    if not path or path == "-":
        return
    if Path(path).is_dir():
        raise ScenarioError(f"--json {path}: this is a folder; name a file in it")
    if not Path(path).absolute().parent.is_dir():
        raise ScenarioError(f"--json {path}: there is no folder {Path(path).parent}")


def save(record: Record, path: str) -> None:
    """Write the record, whole or not at all; ``-`` is stdout.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    text = json.dumps(record.document(), indent=1) + "\n"
    if path == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    beside = Path(f"{path}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _print(lines: Sequence[str], out: Any) -> None:
    out.write("\n".join(lines) + "\n")
    out.flush()
