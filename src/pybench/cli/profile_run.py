"""``pybench profile run TARGET``: where the time of a program goes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli.options import add_timeout, find_interpreter, host_needs, whole
from pybench.cli.output import add_json, write_record
from pybench.cli.status import FAILED, INTERRUPTED, OK, UsageError
from pybench.progress import SHOWN_AFTER_S, Meter

if TYPE_CHECKING:
    from pybench.interpreters import Interpreter
    from pybench.profiles.bottleneck import Estimate, Findings
    from pybench.profiles.experiments import Ran, Target

SCHEMA = 1
REPEAT = 5
TIMEOUT_S = 60.0

# How many pauses and functions are printed; the record has more of them.
_PAUSES = 12
_FUNCTIONS = 8
_TOP = 3
_MODULES = 5

_HOW = """A target is run some sixty times, in fresh processes: as it stands, with the
collector off, frozen and with raised thresholds, with another allocator, with its locks
timed, sampled, under cProfile. Its output is thrown away."""


def add_bottleneck(kinds: Any) -> None:
    """Add ``pybench profile run``."""
    parser = kinds.add_parser(
        "run",
        help="where the time of a program goes",
        description=f"Say what a program's time is: bytecode, C code, allocation and "
        f"GC, waiting for a lock or the GIL, I/O, imports and start-up. {_HOW}",
        epilog="Exit status: 0 done, 2 usage, 4 the target failed (the rest is "
        "printed), 130 interrupted.",
    )
    parser.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="a script; module:function or path.py:function, without arguments (one "
        "called `threads` is varied); a row of pytest-benchmark, path::test",
    )
    parser.add_argument(
        "arguments",
        metavar="ARGUMENT",
        nargs="*",
        help="those of a script or of -m MODULE; after -- if one begins with a dash",
    )
    parser.add_argument(
        "-m",
        dest="module",
        metavar="MODULE",
        help="run a module, as python -m does, instead of a TARGET",
    )
    add_options(parser)
    parser.after = "after"
    parser.set_defaults(command=profile_target, after=[])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what ``profile`` and ``profile run`` share."""
    parser.add_argument(
        "--python", metavar="PY",
        help="what runs it, as for pybench compare (default: the Python of pybench)",
    )  # fmt: skip
    parser.add_argument(
        "--repeat", metavar="N", type=whole(1), default=REPEAT,
        help=f"processes of each condition (default {REPEAT})",
    )  # fmt: skip
    add_timeout(parser, TIMEOUT_S)
    add_json(parser)


def profile_target(options: argparse.Namespace) -> int:
    """Profile what was named."""
    from pybench.profiles.experiments import (
        TargetMissingError,
        module_target,
        parse_target,
    )

    words = [*([options.target] if options.target else []), *options.arguments]
    words += options.after
    try:
        if options.module:
            target = module_target(options.module, words)
        elif words:
            target = parse_target(words[0], words[1:])
        else:
            raise UsageError("name a TARGET, or -m MODULE")
    except TargetMissingError as error:
        raise UsageError(str(error)) from None
    host_needs()
    interpreter = find_interpreter(options.python)
    findings, runs, status = found(interpreter, target, options)
    saved = write_record(record(interpreter, findings, runs), options.json)
    if options.json != "-":
        print("\n".join(lines_of(findings)), flush=True)
    return max(status, saved)


def profile_workloads(options: argparse.Namespace) -> int:
    """Profile three programs of known answers: what this interpreter does with them."""
    from pybench.profiles.experiments import Target
    from pybench.target.programs import workloads

    host_needs()
    interpreter = find_interpreter(options.python)
    path = workloads.__file__
    targets = {
        "Tight Loop": Target(kind="function", name=f"{path}:tight_loop"),
        "GC Workload": Target(kind="function", name=f"{path}:collect_cycles"),
        "Import": Target(kind="script", name=path),
    }
    records, status = [], OK
    for title, target in targets.items():
        findings, runs, came = found(interpreter, target, options)
        status = max(status, came)
        records.append({"title": title, **record(interpreter, findings, runs)})
        if options.json != "-":
            hypothesis = workloads.HYPOTHESES[title]
            print("\n".join(workload_lines(title, hypothesis, findings)), flush=True)
        if came == INTERRUPTED:
            break
    document = {"pybench": "bottleneck", "schema": SCHEMA, "targets": records}
    return max(status, write_record(document, options.json))


def found(
    interpreter: Interpreter, target: Target, options: argparse.Namespace
) -> tuple[Findings, list[Ran], int]:
    """Run a target until it is done, has failed, or Ctrl-C came."""
    from pybench.profiles.bottleneck import find
    from pybench.profiles.experiments import conditions, process_count, run_all
    from pybench.profiles.extensions import ExtensionMissingError, extension_of

    runs: list[Ran] = []
    status = OK
    try:
        # Within: it may have to be built, which Ctrl-C ends as well.
        extension: Path | None = None
        try:
            extension = extension_of(interpreter, build=True)
        except ExtensionMissingError as error:
            print(f"C code cannot be told from bytecode: {error}", file=sys.stderr)
        with Meter(after_s=SHOWN_AFTER_S) as meter:
            for one in run_all(
                interpreter,
                target,
                repeat=options.repeat,
                timeout_s=options.timeout,
                extension=extension,
            ):
                runs.append(one)
                threads = bool(runs[0].report.get("takes_threads"))
                listed = conditions(interpreter, target, takes_threads=threads)
                whole = process_count(listed, options.repeat)
                meter.update("process", len(runs), whole, more=one.condition)
    except KeyboardInterrupt:
        status = INTERRUPTED
    if runs and runs[0].kind == "missing":
        raise UsageError(runs[0].problem)
    findings = find(target, runs, free_threaded=interpreter.free_threaded)
    if status == OK and findings.problems:
        status = FAILED
    return findings, runs, status


def record(
    interpreter: Interpreter, findings: Findings, runs: Sequence[Ran]
) -> dict[str, Any]:
    """Return what ``--json`` writes of one target."""
    return {
        "pybench": "bottleneck",
        "schema": SCHEMA,
        "interpreter": interpreter.label,
        **asdict(findings),
        "runs": [asdict(one) for one in runs],
    }


# --- words -----------------------------------------------------------------------


def lines_of(findings: Findings) -> Iterator[str]:
    """Say all that is known of a target."""
    gil = {True: "GIL on", False: "GIL off", None: "not reached"}[findings.gil_enabled]
    yield f"{findings.target} ({findings.kind}) on {findings.version or '?'}, {gil}"
    yield from (f"PROBLEM: {one}" for one in findings.problems)
    yield from (f"note: {one}" for one in findings.notes)
    yield ""
    yield f"baseline            {spread(findings.baseline)}  whole process, unwatched"
    yield f"to first execution  {spread(findings.ready)}  from the start of a process"
    yield f"first execution     {spread(findings.first)}"
    na = findings.na.get("steady time")
    yield f"steady              {f'n/a: {na}' if na else spread(findings.steady)}"
    yield f"CPU time            {spread(findings.cpu)}  of the quickest batches"
    yield from _waiting_lines(findings)
    yield from _memory_lines(findings)
    yield from _function_lines(findings)
    yield ""
    yield from verdict_lines(findings)


def _waiting_lines(findings: Findings) -> Iterator[str]:
    from pybench.profiles.bottleneck import percent

    if findings.off_cpu is not None:
        count = findings.threads or 1
        yield (
            f"off the CPU         {percent(findings.off_cpu)} of the time of "
            f"{count} thread{'s' * (count > 1)}"
        )
    if findings.queued is not None:
        yield f"without a CPU       {ratio(findings.queued)} of it, left out above"
    seen = findings.gil_wait_ns
    if seen:
        cost = seen.get("probe_cost")
        yield (
            f"GIL                 taken {seen['held']:.0%} of the time; a thread that "
            f"wants it waits {time_of(seen['median'])} (median), "
            f"{time_of(seen['p95'])} (p95), {time_of(seen['max'])} (most) of "
            f"{seen['probes']:.0f} probes"
        )
        yield (
            "                    the probe alone is "
            f"{time_of(seen['probe_idle'])} late, which is taken off"
            + ("" if cost is None else f"; it changes the target's CPU by {cost:+.0%}")
        )
    elif "waiting for the GIL" in findings.na:
        yield f"GIL                 n/a: {findings.na['waiting for the GIL']}"
    if findings.threads_ratio is not None:
        yield f"many threads take   {ratio(findings.threads_ratio)} of the time of one"
    elif "one thread against many" in findings.na:
        yield f"threads 1 and n     n/a: {findings.na['one thread against many']}"


def _memory_lines(findings: Findings) -> Iterator[str]:
    if findings.pause_count is not None:
        yield (
            f"GC pause times      {pause_list(findings)}; {findings.pause_count} "
            f"collections, {findings.pause_share or 0:.1%} of the time"
        )
    if findings.collectors:
        words = [
            f"{name} {ratio(one)}" for name, one in sorted(findings.collectors.items())
        ]
        yield f"CPU, collector ...  {'; '.join(words)} of that with it on"
    if findings.allocation_rate is not None and findings.allocations:
        yield (
            f"allocations         about {findings.allocations.mean:,.0f} an execution, "
            f"{findings.allocation_rate:,.0f}/s, by what tracing each of them costs"
        )
    if findings.blocks is not None and findings.traced_peak_bytes is not None:
        yield (
            f"                    {findings.blocks.mean:+,.0f} blocks kept an "
            f"execution; traced peak {findings.traced_peak_bytes / 1024:,.0f} KiB"
        )
    if findings.fresh_ns:
        words = [f"{name} {ns:.1f} ns" for name, ns in findings.fresh_ns.items()]
        yield f"fresh, not reused   {', '.join(words)} more"
    if findings.malloc_ratio is not None:
        yield f"PYTHONMALLOC=malloc {ratio(findings.malloc_ratio)} of the CPU time"
    elif "allocator swapped" in findings.na:
        yield f"PYTHONMALLOC=malloc n/a: {findings.na['allocator swapped']}"


def _function_lines(findings: Findings) -> Iterator[str]:
    if findings.functions:
        yield ""
        yield f"{'calls':>10} {'own':>9} {'with callees':>12}  function, by cProfile"
    for one in findings.functions[:_FUNCTIONS]:
        own, whole = time_of(one["own_s"] * 1e9), time_of(one["total_s"] * 1e9)
        yield f"{one['calls']:>10,} {own:>9} {whole:>12}  {short(one['name'])}"
    dearest = sorted(findings.imports_ns.items(), key=lambda item: -item[1])
    if dearest:
        words = [f"{name} {time_of(ns)}" for name, ns in dearest[:_MODULES]]
        yield f"imports             {', '.join(words)}"


def short(name: str) -> str:
    """Leave the folders out of a function's place."""
    return name if name.startswith("<") else name.rpartition("/")[2]


def verdict_lines(findings: Findings) -> Iterator[str]:
    """Say the verdict with its reasons."""
    verdict = findings.verdict
    if verdict is None:
        return
    is_program = findings.kind in ("script", "module")
    of = "the whole run" if is_program else "a steady execution"
    if verdict.cause is None:
        yield f"verdict: cannot tell ({verdict.evidence})"
        yield from (f"  open: {one}" for one in verdict.open)
        yield f"  needed: {verdict.needed}"
    else:
        yield f"verdict: {verdict.cause}, of {of}"
        yield f"  evidence: {verdict.evidence}"
        if tops := top_functions(findings):
            yield f"  on top: {tops}"
        if verdict.advice:
            yield f"  advice: {verdict.advice}"
    yield from (f"  ruled out: {one}" for one in verdict.ruled_out)


def top_functions(findings: Findings) -> str:
    """Name the functions with most CPU time of their own, by the samples."""
    words = []
    for one in findings.sampled[:_TOP]:
        if one["share"] < 0.005:
            break
        native = f", C code {one['native']:.0%}" if one["native"] >= 0.005 else ""
        words.append(f"{short(one['name'])} {one['share']:.0%}{native}")
    return "; ".join(words)


def workload_lines(title: str, hypothesis: str, findings: Findings) -> Iterator[str]:
    """Say what came of one of the three."""
    time = findings.baseline if findings.kind == "script" else findings.steady
    yield f"=== {title} Benchmark ==="
    yield from (f"PROBLEM: {one}" for one in findings.problems)
    yield f"Time: {in_ms(time)}"
    yield f"GC pause times: {pause_list(findings)}"
    if title == "GC Workload" and findings.collectors:
        for name, one in findings.collectors.items():
            yield f"Collector {name}: {ratio(one)} of the CPU time with it on"
    yield f"Hypothesis: {hypothesis}"
    first, *rest = verdict_lines(findings)
    yield f"Verdict: {first.removeprefix('verdict: ')}"
    yield from rest
    yield from hypothesis_lines(title, findings)
    yield ""


def hypothesis_lines(title: str, findings: Findings) -> Iterator[str]:
    """Say of each claim of the hypothesis whether it holds, by which number."""
    from pybench.profiles.hypotheses import judge_hypothesis

    for one in judge_hypothesis(title, findings):
        yield f"Hypothesis {one.outcome}: {one.claim} ({one.why})"


def in_ms(one: Estimate | None) -> str:
    """Return ``45.2 ms +/- 2.1 ms`` with the deviation, all in milliseconds."""
    if one is None:
        return "n/a"
    if one.half_width is None or one.deviation is None:
        return f"{ms(one.mean)} ms (one process: no interval)"
    return (
        f"{ms(one.mean)} ms +/- {ms(one.half_width)} ms (95 %; standard deviation "
        f"{ms(one.deviation)} ms, n {one.count})"
    )


def ms(ns: float) -> str:
    """Return milliseconds in three digits, or whole ones."""
    return f"{ns / 1e6:.3g}" if ns < 1e9 else f"{ns / 1e6:.0f}"


def spread(one: Estimate | None) -> str:
    """Return ``45.2 ms ± 2.1 ms`` with the standard deviation."""
    if one is None:
        return "n/a"
    mean = time_of(one.mean)
    if one.half_width is None or one.deviation is None:
        return f"{mean} (one process: no interval)"
    half, deviation = time_of(one.half_width), time_of(one.deviation)
    return f"{mean} ± {half} (95 %; standard deviation {deviation}, n {one.count})"


def ratio(one: Estimate) -> str:
    """Return ``97 % ± 3 %``."""
    if one.half_width is None:
        return f"{one.mean:.0%}"
    return f"{one.mean:.0%} ± {one.half_width:.0%}"


def pause_list(findings: Findings) -> str:
    """Return the pauses in their order, or why there are none."""
    if findings.pause_count is None:
        return "n/a"
    shown = ", ".join(time_of(ns) for ns in findings.pauses_ns[:_PAUSES])
    more = findings.pause_count - min(len(findings.pauses_ns), _PAUSES)
    return f"[{shown}{f', ... {more} more' if more else ''}]"


def time_of(ns: float) -> str:
    """Return a time in three digits with its unit."""
    from pybench.report.labels import duration

    return duration(ns)
