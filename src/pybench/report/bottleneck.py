"""The findings of `pybench profile run` in words, line by line."""

from collections.abc import Callable, Iterator

from pybench.records.bottleneck import Estimate, Findings
from pybench.report.labels import duration

# How many pauses, functions and modules are shown; the record has more of them.
_PAUSES = 12
_FUNCTIONS = 8
_TOP = 3
_MODULES = 5

# Less than this is shown as 0 %.
_NOTHING_BELOW = 0.005


def lines_of(findings: Findings) -> Iterator[str]:
    """Say all that is known of a target."""
    gil = {True: "GIL on", False: "GIL off", None: "not reached"}[findings.gil_enabled]
    yield f"{findings.target} ({findings.kind}) on {findings.version or '?'}, {gil}"
    yield from (f"PROBLEM: {problem}" for problem in findings.problems)
    yield from (f"note: {note}" for note in findings.notes)
    yield ""
    for label, text in (
        *_times(findings),
        *_waiting(findings),
        *_memory(findings),
    ):
        yield f"{label:<19} {text}"
    yield from _functions(findings)
    yield ""
    yield from verdict_lines(findings)


def _times(findings: Findings) -> Iterator[tuple[str, str]]:
    times, na = findings.times, findings.na.get("steady time")
    yield "baseline", f"{spread(times.baseline)}  whole process, unwatched"
    yield "to first execution", f"{spread(times.ready)}  from the start of a process"
    yield "first execution", spread(times.first)
    yield "steady", f"n/a: {na}" if na else spread(times.steady)
    yield "CPU time", f"{spread(times.cpu)}  of the quickest batches"


def _waiting(findings: Findings) -> Iterator[tuple[str, str]]:
    lives, wait, na = findings.lives, findings.gil_wait, findings.na
    if lives:
        threads = f"{lives.threads or 1} thread{'s' * (lives.threads > 1)}"
        yield "off the CPU", f"{lives.cpu.rest()} of the time of {threads}"
        if lives.queued:
            yield "without a CPU", f"{ratio(lives.queued)} of it, left out above"
    if wait:
        yield (
            "GIL",
            f"taken {wait.held:.0%} of the time; a thread that wants it waits "
            f"{duration(wait.median)} (median), {duration(wait.p95)} (p95), "
            f"{duration(wait.max)} (most) of {wait.probes:.0f} probes",
        )
        cost = "" if wait.probe_cost is None else f"{wait.probe_cost:+.0%}"
        changes = f"; it changes the target's CPU by {cost}" if cost else ""
        late = duration(wait.probe_idle)
        yield "", f"the probe alone is {late} late, which is taken off{changes}"
    elif reason := na.get("waiting for the GIL"):
        yield "GIL", f"n/a: {reason}"
    if findings.threads_ratio is not None:
        yield "many threads take", f"{ratio(findings.threads_ratio)} of the time of one"
    elif reason := na.get("one thread against many"):
        yield "threads 1 and n", f"n/a: {reason}"


def _memory(findings: Findings) -> Iterator[tuple[str, str]]:
    collections, allocated = findings.collections, findings.allocations
    if collections.pause_count is not None:
        yield (
            "GC pause times",
            f"{pause_list(findings)}; {collections.pause_count} collections, "
            f"{collections.pause_share or 0:.1%} of the time",
        )
    if collections.collectors:
        left = [
            f"{way} {ratio(of)}" for way, of in sorted(collections.collectors.items())
        ]
        yield "CPU, collector ...", f"{'; '.join(left)} of that with it on"
    if allocated.allocation_rate is not None and allocated.allocations:
        yield (
            "allocations",
            f"about {allocated.allocations.mean:,.0f} an execution, "
            f"{allocated.allocation_rate:,.0f}/s, by what tracing each of them costs",
        )
    if allocated.blocks is not None and allocated.traced_peak_bytes is not None:
        peak = f"traced peak {allocated.traced_peak_bytes / 1024:,.0f} KiB"
        yield "", f"{allocated.blocks.mean:+,.0f} blocks kept an execution; {peak}"
    if allocated.fresh_ns:
        words = [f"{name} {ns:.1f} ns" for name, ns in allocated.fresh_ns.items()]
        yield "fresh, not reused", f"{', '.join(words)} more"
    if allocated.malloc_ratio is not None:
        yield "PYTHONMALLOC=malloc", f"{ratio(allocated.malloc_ratio)} of the CPU time"
    elif reason := findings.na.get("allocator swapped"):
        yield "PYTHONMALLOC=malloc", f"n/a: {reason}"


def _functions(findings: Findings) -> Iterator[str]:
    if findings.functions:
        yield ""
        yield f"{'calls':>10} {'own':>9} {'with callees':>12}  function, by cProfile"
    for function in findings.functions[:_FUNCTIONS]:
        own, whole = (duration(s * 1e9) for s in (function.own_s, function.total_s))
        yield f"{function.calls:>10,} {own:>9} {whole:>12}  {short(function.name)}"
    dearest = sorted(findings.imports_ns.items(), key=lambda item: -item[1])
    if dearest:
        words = [f"{name} {duration(ns)}" for name, ns in dearest[:_MODULES]]
        yield f"{'imports':<19} {', '.join(words)}"


def short(name: str) -> str:
    """Leave the folders out of a function's place."""
    return name if name.startswith("<") else name.rpartition("/")[2]


def verdict_lines(findings: Findings) -> Iterator[str]:
    """Say the verdict with its reasons."""
    verdict = findings.verdict
    if verdict is None:
        return
    if verdict.cause is None:
        yield f"verdict: cannot tell ({verdict.evidence})"
        yield from (f"  open: {cause}" for cause in verdict.open)
        yield f"  needed: {verdict.needed}"
    else:
        is_program = findings.kind in ("script", "module")
        whole = "the whole run" if is_program else "a steady execution"
        yield f"verdict: {verdict.cause}, of {whole}"
        yield f"  evidence: {verdict.evidence}"
        if tops := top_functions(findings):
            yield f"  on top: {tops}"
        if verdict.advice:
            yield f"  advice: {verdict.advice}"
    yield from (f"  ruled out: {cause}" for cause in verdict.ruled_out)


def top_functions(findings: Findings) -> str:
    """Name the functions with most CPU time of their own, by the samples."""
    words = []
    for function in findings.sampled[:_TOP]:
        if function.share >= _NOTHING_BELOW:
            in_c = function.native >= _NOTHING_BELOW
            native = f", C code {function.native:.0%}" if in_c else ""
            words.append(f"{short(function.name)} {function.share:.0%}{native}")
    return "; ".join(words)


def workload_lines(title: str, hypothesis: str, findings: Findings) -> Iterator[str]:
    """Say what came of one of the programs of known answers."""
    times = findings.times
    time = times.baseline if findings.kind == "script" else times.steady
    yield f"=== {title} Benchmark ==="
    yield from (f"PROBLEM: {problem}" for problem in findings.problems)
    yield f"Time: {in_ms(time)}"
    yield f"GC pause times: {pause_list(findings)}"
    if title == "GC Workload":
        for name, left in findings.collections.collectors.items():
            yield f"Collector {name}: {ratio(left)} of the CPU time with it on"
    yield f"Hypothesis: {hypothesis}"
    first, *rest = verdict_lines(findings)
    yield f"Verdict: {first.removeprefix('verdict: ')}"
    yield from rest


def in_ms(time: Estimate | None) -> str:
    """Return ``45.2 ms +/- 2.1 ms`` with the deviation, all in milliseconds."""

    def ms(ns: float) -> str:
        return f"{ns / 1e6:.3g} ms" if ns < 1e9 else f"{ns / 1e6:.0f} ms"

    return spread(time, "+/-", ms)


def spread(
    time: Estimate | None, sign: str = "±", words: Callable[[float], str] = duration
) -> str:
    """Return ``45.2 ms ± 2.1 ms`` with the standard deviation."""
    if time is None:
        return "n/a"
    mean = words(time.mean)
    if time.half_width is None or time.deviation is None:
        return f"{mean} (one process: no interval)"
    half, deviation = words(time.half_width), words(time.deviation)
    return (
        f"{mean} {sign} {half} (95 %; standard deviation {deviation}, n {time.count})"
    )


def ratio(left: Estimate) -> str:
    """Return ``97 % ± 3 %``."""
    half = "" if left.half_width is None else f" ± {left.half_width:.0%}"
    return f"{left.mean:.0%}{half}"


def pause_list(findings: Findings) -> str:
    """Return the pauses in their order, or n/a."""
    collections = findings.collections
    if collections.pause_count is None:
        return "n/a"
    shown = [duration(ns) for ns in collections.pauses_ns[:_PAUSES]]
    more = collections.pause_count - len(shown)
    return f"[{', '.join(shown)}{f', ... {more} more' if more else ''}]"
