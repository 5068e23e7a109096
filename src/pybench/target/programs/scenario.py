"""Rounds of work by one pool of workers: threads, processes or interpreters.

`main` is the command, from a bare checkout as well: this module and those that it
imports need the standard library, and psutil for ``--profile memory``.

A round gives each worker one command and ends with the last answer. What a round costs
without work is measured too, as ``overhead_iter_s``.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from pybench import streams
from pybench.progress import SHOWN_AFTER_S, Meter
from pybench.records.files import check_place, json_text, write_file
from pybench.records.scenario import (
    ScenarioError,
    ScenarioRecord,
    Settings,
    add_options,
    settings_of,
)
from pybench.records.texts import encoded
from pybench.target.programs.scenario_interpreters import Interpreters
from pybench.target.programs.scenario_memory import Sampler
from pybench.target.programs.scenario_pools import (
    Pool,
    make_pool,
    refuse_threads,
    shared_object,
)
from pybench.target.programs.scenario_record import (
    Measured,
    environment,
    environment_lines,
    quantile,
    result_lines,
)
from pybench.target.programs.scenario_server import run_server
from pybench.target.programs.scenario_work import Job

# The statuses of `pybench.cli`, which is not imported here.
OK, USAGE, FAILED, INTERRUPTED = 0, 2, 4, 130

# Rounds without work, whose median is the overhead.
_EMPTY_ROUNDS = 200


def run(measured: Measured, meter: Meter) -> None:
    """Run a scenario in this process, and fill in the results as they come.

    Ctrl-C leaves in ``measured`` what there is. Raises `ScenarioError` if it cannot
    run here.
    """
    settings = measured.settings
    check(settings)
    sampler = None
    if settings.profile == "memory":
        try:
            sampler = Sampler(settings.mem_interval_ms / 1e3)
        except RuntimeError as error:
            raise ScenarioError(f"--profile memory: {error}") from None
    try:
        jobs = jobs_of(settings)
        if settings.scenario == "server":
            run_server(measured, jobs, sampler, meter)
        else:
            _run_rounds(measured, jobs, sampler, meter)
    except KeyboardInterrupt:
        measured.interrupted = measured.abandoned = True
    finally:
        meter.close()
        measured.end(sampler)


def check(settings: Settings) -> None:
    """Raise `ScenarioError` unless the scenario can run in this process, now."""
    if settings.mode == "interpreters":
        interpreters = Interpreters()
        if settings.scenario == "queue":
            interpreters.create_queue(1)
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


def _run_rounds(
    measured: Measured, jobs: Sequence[Job], sampler: Sampler | None, meter: Meter
) -> None:
    settings = measured.settings
    elements = range(settings.work_iters)
    shared = shared_object(settings.scenario, settings.mode, elements)
    with make_pool(settings.mode, settings.start_method, jobs, shared) as pool:
        try:
            measured.note_lost(pool.names, pool.start(settings.timeout), "its start")
            measured.overhead_s = _overhead(measured, pool)
            if sampler is not None:
                sampler.begin()
            meter.begin()
            _rounds(measured, pool, elements, meter)
        finally:
            measured.end(sampler)
    # Not reached after Ctrl-C, which sets it as well.
    measured.abandoned |= pool.abandoned


def _rounds(
    measured: Measured, pool: Pool, elements: Sequence[int], meter: Meter
) -> None:
    settings = measured.settings
    values: dict[int, Any] = {}
    warmup, iterations = settings.warmup or 0, settings.iterations or 0
    for number in range(1 - warmup, iterations + 1):
        if not pool.alive:
            measured.problems.append("no worker is left")
            return
        if number == 1:
            measured.began = time.perf_counter()
        began = time.perf_counter()
        arguments = _arguments(settings, pool, elements, values)
        done = pool.round(settings.timeout, arguments)
        values = done.values
        _reduce(settings.scenario, values)
        # With its memory an iteration is work and hold: the samples are of both.
        hold_s = _hold(settings) if settings.profile == "memory" else None
        wall_s = time.perf_counter() - began
        if done.lost:
            when = f"round {number}" if number >= 1 else "the warm-up"
            measured.note_lost(pool.names, done.lost, when)
            measured.left_out += number >= 1
            if settings.scenario == "queue":
                measured.problems.append("the others wait for its items: ended early")
                return
        elif number >= 1:
            measured.times_s.append(wall_s)
            if hold_s is not None:
                measured.holds_s.append(hold_s)
        if hold_s is None:
            _hold(settings)
        if number < iterations:  # the results say that it is over
            meter.update("round", number + warmup, iterations + warmup)


def _hold(settings: Settings) -> float:
    """Let the workers hold their results as long as asked; return the seconds."""
    began = time.perf_counter()
    if settings.hold_ms:
        time.sleep(settings.hold_ms / 1e3)
    return time.perf_counter() - began


def _overhead(measured: Measured, pool: Pool) -> float | None:
    """Return the median seconds of a round without work."""
    times = []
    for _ in range(_EMPTY_ROUNDS):
        if not pool.alive:
            break
        done = pool.round(measured.settings.timeout, empty=True)
        measured.note_lost(pool.names, done.lost, "a round without work")
        times.append(done.wall_s)
    return quantile(sorted(times), 0.5)


def _arguments(
    settings: Settings, pool: Pool, elements: Sequence[int], before: dict[int, Any]
) -> dict[int, Any]:
    """Return what goes with the commands of a round, by worker."""
    if settings.scenario == "map":
        # In even parts, for those who are left.
        size, count = len(elements), len(pool.alive)
        parts = {
            index: (size * place // count, size * (place + 1) // count)
            for place, index in enumerate(pool.alive)
        }
        if settings.mode == "threads":
            return parts
        return {index: [*elements[slice(*part)]] for index, part in parts.items()}
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
    streams.prepare()
    parser = argparse.ArgumentParser(
        prog="scenario1",
        description="Rounds of work by a pool of threads, processes or interpreters.",
    )
    add_options(parser)
    parser.add_argument("--json", metavar="PATH", help="save the record; - is stdout")
    # For comparisons, which have a progress of their own.
    parser.add_argument("--quiet", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt_once)
    # With the record on stdout, the lines for people go beside it.
    out = sys.stderr if options.json == "-" else sys.stdout
    try:
        settings = settings_of(options)
        check_json(options.json)
        check(settings)
        measured = Measured(settings=settings, environment=environment(settings))
        _print(environment_lines(measured.environment), out)
        after_s = math.inf if options.quiet else SHOWN_AFTER_S
        run(measured, Meter(name="scenario", after_s=after_s, draw_every_s=0.5))
    except ScenarioError as error:
        _print([f"scenario: error: {error}"], sys.stderr)
        sys.exit(USAGE)
    except KeyboardInterrupt:
        _print(["scenario: interrupted before it began"], sys.stderr)
        sys.exit(INTERRUPTED)
    record = measured.record()
    status = FAILED if record.problems else OK
    if record.interrupted:
        status = INTERRUPTED
    if options.json:
        try:
            save(record, options.json)
        except OSError as error:
            _print([f"scenario: error: --json {options.json}: {error}"], sys.stderr)
            status = status or FAILED
    _print(result_lines(record), out)
    if record.interrupted:
        _print(["scenario: interrupted; these are the results so far"], sys.stderr)
    streams.finish()
    if measured.abandoned:
        # A thread in an endless call would keep the interpreter from ending.
        os._exit(status)
    sys.exit(status)


def check_json(path: str | None) -> None:
    """Raise `ScenarioError` if no record can be saved there."""
    problem = "" if path in (None, "", "-") else check_place(Path(str(path)))
    if problem:
        raise ScenarioError(f"--json {path}: {problem}")


def save(record: ScenarioRecord, path: str) -> None:
    """Write the record, whole or not at all; ``-`` is stdout. Raises OSError."""
    text = json_text(record.document())
    if path == "-":
        _print([text.rstrip()], sys.stdout)
    else:
        write_file(Path(path), encoded(text))


def _print(lines: Sequence[str], out: Any) -> None:
    out.write("\n".join(lines) + "\n")
    out.flush()
