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
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from pybench import streams
from pybench.progress import SHOWN_AFTER_S, Meter
from pybench.records.files import write_file
from pybench.records.texts import encoded
from pybench.target.programs.scenario_interpreters import interpreters_api
from pybench.target.programs.scenario_memory import Sampler
from pybench.target.programs.scenario_pools import (
    Pool,
    make_pool,
    refuse_threads,
    shared_object,
)
from pybench.target.programs.scenario_record import (
    FAILED,
    INTERRUPTED,
    USAGE,
    Record,
    environment_lines,
    quantile,
    result_lines,
)
from pybench.target.programs.scenario_server import run_server
from pybench.target.programs.scenario_settings import (
    Settings,
    add_options,
    check_json,
    jobs_of,
    settings_of,
)
from pybench.target.programs.scenario_work import ScenarioError

# Rounds without work, whose median is the overhead.
_EMPTY_ROUNDS = 200


def run(
    settings: Settings,
    record: Record | None = None,
    meter: Meter | None = None,
) -> Record:
    """Run a scenario in this process.

    Parameters
    ----------
    settings : Settings
        What to run.
    record : Record, optional
        Is filled as results come, so that the caller has them after Ctrl-C.
    meter : Meter, optional
        Is updated between rounds, never within one.

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
    meter = meter or Meter(after_s=math.inf)
    check(settings)
    sampler = None
    if settings.profile == "memory":
        try:
            sampler = Sampler(settings.mem_interval_ms / 1e3)
        except RuntimeError as error:
            raise ScenarioError(f"--profile memory: {error}") from None
    try:
        if settings.scenario == "server":
            run_server(record, sampler, meter)
        else:
            _run_rounds(record, sampler, meter)
    except KeyboardInterrupt:
        record.interrupted = record.abandoned = True
    finally:
        meter.close()
        record.end_sampling(sampler)
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


def _run_rounds(record: Record, sampler: Sampler | None, meter: Meter) -> None:
    settings = record.settings
    elements = range(settings.work_iters)
    shared = shared_object(settings.scenario, settings.mode, elements)
    with make_pool(
        settings.mode, settings.start_method, jobs_of(settings), shared
    ) as pool:
        try:
            record.note_lost(pool.names, pool.start(settings.timeout), "its start")
            record.overhead_s = _overhead(record, pool)
            if sampler is not None:
                sampler.begin()
            meter.begin()
            _rounds(record, pool, elements, meter)
        finally:
            record.total_s = time.perf_counter() - record.began
            record.end_sampling(sampler)
    # Not reached after Ctrl-C, which sets it as well.
    record.abandoned |= pool.abandoned


def _rounds(record: Record, pool: Pool, elements: Sequence[int], meter: Meter) -> None:
    settings = record.settings
    values: dict[int, Any] = {}
    warmup, iterations = settings.warmup or 0, settings.iterations or 0
    for number in range(1 - warmup, iterations + 1):
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
        # With its memory an iteration is work and hold: the samples are of both.
        hold_s = _hold(settings) if settings.profile == "memory" else None
        wall_s = time.perf_counter() - began
        if done.lost:
            when = f"round {number}" if number >= 1 else "the warm-up"
            record.note_lost(pool.names, done.lost, when)
            record.left_out += number >= 1
            if settings.scenario == "queue":
                record.problems.append("the others wait for its items: ended early")
                return
        elif number >= 1:
            record.times_s.append(wall_s)
            if hold_s is not None:
                record.holds_s.append(hold_s)
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


def _overhead(record: Record, pool: Pool) -> float | None:
    """Return the median seconds of a round without work."""
    times = []
    for _ in range(_EMPTY_ROUNDS):
        if not pool.alive:
            break
        done = pool.round(record.settings.timeout, empty=True)
        record.note_lost(pool.names, done.lost, "a round without work")
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
    streams.prepare()
    parser = argparse.ArgumentParser(
        prog="scenario1",
        description="Rounds of work by a pool of threads, processes or interpreters.",
    )
    add_options(parser)
    # For comparisons, which say themselves how far they are.
    parser.add_argument("--quiet", action="store_true", help=argparse.SUPPRESS)
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
        after_s = math.inf if options.quiet else SHOWN_AFTER_S
        run(settings, record, Meter(name="scenario", after_s=after_s, draw_every_s=0.5))
    except ScenarioError as error:
        _print([f"scenario: error: {error}"], sys.stderr)
        sys.exit(USAGE)
    except KeyboardInterrupt:
        _print(["scenario: interrupted before it began"], sys.stderr)
        sys.exit(INTERRUPTED)
    status = record.status()
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
    if record.abandoned:
        # A thread in an endless call would keep the interpreter from ending.
        os._exit(status)
    sys.exit(status)


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
    write_file(Path(path), encoded(text))


def _print(lines: Sequence[str], out: Any) -> None:
    out.write("\n".join(lines) + "\n")
    out.flush()
