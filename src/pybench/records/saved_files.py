"""Files that other tools saved: which rows are in them, and the times of each.

A file of pytest-benchmark or of pyperf is read into one form; which of them it is, its
content says and not its name. Whoever wrote it measured on its own, so what is read
here can be compared only as `pybench.comparison.saved_comparison` does.
"""

from __future__ import annotations

import json
import os
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pybench.records.documents import DocumentError, kind_of
from pybench.records.identity import SCHEMA, Identity, parse_identity

PYTEST_BENCHMARK = "pytest-benchmark"
PYPERF = "pyperf"

# Read whole: a file of 700 rows with every round in it has about 10 MB.
MOST_BYTES = 500_000_000

# The version of pyperf's format, which has been the same since 2017.
_PYPERF_VERSION = "1.0"
_PYPERF_UNIT = "second"

# Nothing is quicker or takes longer, and no ratio of two such times overflows.
_LEAST_S = 1e-15
_MOST_S = 1e10

# What a file may begin with: JSON, after a byte order mark or none.
_BEGINS_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]")
_BEGINS_RUN = re.compile(rb'\s*\{\s*"pybench"\s*:\s*"run"')
_GZIP = b"\x1f\x8b"
_PEEKED = 4096

_ENDS_SAVED = (".json", ".jsonl", ".json.gz")
_NO_RUNS = "no 'runs' in it; save it again with pyperf"
_NO_ROW = (
    "not a row of pytest-benchmark: it needs 'fullname' and 'stats'; save it again "
    "with --benchmark-json"
)
_READABLE = (
    "pybench reads files of pytest-benchmark (--benchmark-json) and of pyperf (-o)"
)


class _RowError(ValueError):
    """One row that cannot be compared, and why: the others of its file can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRow:
    """One row: per process the median time, in seconds, and what is known of the row.

    `threads` are those that it declares, 1 where it says nothing.
    """

    times_s: tuple[float, ...]
    group: str | None = None
    threads: int = 1

    @property
    def median_s(self) -> float:
        """The one time of this row."""
        return statistics.median(self.times_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What one file says.

    `tool` is "pytest-benchmark" or "pyperf"; `interpreter` is in words, such as
    "CPython 3.13.0 free-threaded, GIL off"; `identity` is that of a file that was
    written with our plugin. `machine` has what is known of the machine, `rows` are by
    full name in the order of the file, and `left_out` has those that cannot be compared
    with the reason. `made` is when, as the file says it, "" where it does not.
    """

    path: Path
    tool: str
    interpreter: str
    identity: Identity | None
    machine: Mapping[str, str]
    rows: Mapping[str, SavedRow]
    left_out: Mapping[str, str] = field(default_factory=dict)
    made: str = ""


def holds_run(path: Path) -> bool:
    """Tell whether a file is the record of a run, whatever its name."""
    return path.is_file() and bool(_BEGINS_RUN.match(_peek(path)))


def is_saved(path: Path) -> bool:
    """Tell whether a path can only mean a saved file, be it there or not.

    What does not exist is judged by its ending, so that a file that is missing is
    called that and not an interpreter.
    """
    if path.name.endswith(_ENDS_SAVED) or not path.exists():
        return path.name.endswith(_ENDS_SAVED)
    if path.is_dir():
        pythons = (path / "bin" / name for name in ("python", "python3"))
        return not any(python.exists() for python in pythons)
    if not path.is_file() or not os.access(path, os.X_OK):
        return True
    # Some file systems call every file executable.
    head = _peek(path)
    return not head or head.startswith(_GZIP) or bool(_BEGINS_JSON.match(head))


def read_saved(path: Path) -> Saved:
    """Read a file of pytest-benchmark or pyperf.

    A row of which no time can be made, or whose name another one bears, is left out.
    Raises `DocumentError` if the file is missing, too large, torn, of another tool or
    schema, or none of its rows can be compared.
    """
    document = _document(path)
    if isinstance(document, dict) and isinstance(document.get("benchmarks"), list):
        if isinstance(document.get("machine_info"), dict):
            return _pytest_benchmark(path, document)
        if "version" in document and _has_runs(document["benchmarks"]):
            return _pyperf(path, document)
    raise DocumentError(f"{path}: {_what_else(document)}")


def _document(path: Path) -> Any:
    data = _bytes(path)
    if data.startswith(_GZIP):
        raise DocumentError(
            f"{path}: compressed with gzip: unpack it with gunzip first"
        )
    if not data.strip():
        raise DocumentError(f"{path}: empty: whatever wrote it did not come to its end")
    try:
        # Not msgspec: pytest-benchmark writes NaN and Infinity, which JSON has not.
        return json.loads(data)
    except json.JSONDecodeError as error:
        if _BEGINS_RUN.match(data):
            raise DocumentError(
                f"{path}: the record of a run, not a saved file: give its folder"
            ) from None
        what = "truncated" if _is_truncated(error) else "not JSON"
        raise DocumentError(f"{path}: {what}: {error}; {_READABLE}") from None
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{path}: not JSON: {error}; {_READABLE}") from None


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise DocumentError(
                f"{path}: a folder, and not of a run: there is no run.jsonl in it; "
                "give the file that is meant"
            )
        with path.open("rb") as file:
            # One more than is allowed: a pipe does not say how much there is.
            size = path.stat().st_size
            data = file.read(MOST_BYTES + 1) if size <= MOST_BYTES else b""
    except OSError as error:
        raise DocumentError(f"{path}: {error.strerror or error}") from None
    if max(size, len(data)) > MOST_BYTES:
        raise DocumentError(
            f"{path}: larger than {MOST_BYTES // 1_000_000} MB: save it again without "
            "the single rounds, or fewer rows in a file"
        )
    return data


def _peek(path: Path) -> bytes:
    """Return how a file begins; what cannot be read is for others to complain of."""
    try:
        with path.open("rb") as file:
            return file.read(_PEEKED)
    except OSError:
        return b"?"


def _is_truncated(error: json.JSONDecodeError) -> bool:
    text = error.doc.strip()
    if text[:1] not in ("{", "["):
        return False
    return error.msg.startswith("Unterminated") or text[-1] not in "]}"


def _has_runs(benchmarks: list[Any]) -> bool:
    return not benchmarks or any(
        isinstance(benchmark, dict) and "runs" in benchmark for benchmark in benchmarks
    )


def _what_else(document: object) -> str:
    if not isinstance(document, dict):
        kind = type(document).__name__
        return f"JSON of another tool: a {kind} at its top level; {_READABLE}"
    if kind_of(document) in ("summary", "saved"):
        return (
            "what a comparison of pybench said, without its times: give the folder of "
            "the run, or the files that were compared"
        )
    names = [repr(name) for name in document]
    there = ", ".join(names[:8]) + ", ..." * (len(names) > 8)
    return (
        f"JSON of another tool: at its top level it has {there or 'nothing'}; "
        f"{_READABLE}"
    )


def _pytest_benchmark(path: Path, document: dict[str, Any]) -> Saved:
    info = document["machine_info"]
    processes = _processes(path, document.get("pybench"))
    rows: list[tuple[str, SavedRow]] = []
    left_out: dict[str, str] = {}
    for number, row in enumerate(document["benchmarks"], start=1):
        name = row.get("fullname") if isinstance(row, dict) else None
        if not isinstance(name, str) or not isinstance(row.get("stats"), dict):
            left_out[f"row {number}"] = _NO_ROW
            continue
        try:
            rows.append((name, _stock_row(row, processes.get(name))))
        except _RowError as error:
            left_out[name] = str(error)
    identity = _identity(path, info.get("pybench"))
    return Saved(
        path=path,
        tool=PYTEST_BENCHMARK,
        interpreter=_interpreter(identity, info),
        identity=identity,
        machine=_machine(identity, info),
        rows=_unique(path, rows, left_out),
        left_out=left_out,
        made=str(document.get("datetime") or ""),
    )


def _stock_row(row: dict[str, Any], times: object) -> SavedRow:
    if times is not None and not isinstance(times, list):
        raise _RowError("'process_medians_s' is not a list of times: save it again")
    group = row.get("group")
    threads = _object(row.get("extra_info")).get("threads")
    return SavedRow(
        times_s=_times(times or [row["stats"].get("median")]),
        group=group if isinstance(group, str) else None,
        threads=threads if type(threads) is int and threads > 0 else 1,
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _processes(path: Path, document: object) -> dict[str, object]:
    """Return what our plugin saved of sessions that were repeated, by full name."""
    if document is None:
        return {}
    _check_schema(path, document)
    rows = _object(document).get("rows")
    known = map(_object, rows if isinstance(rows, list) else [])
    return {
        row["fullname"]: row.get("process_medians_s")
        for row in known
        if isinstance(row.get("fullname"), str)
    }


def _identity(path: Path, document: object) -> Identity | None:
    if document is None:
        return None
    if isinstance(document, dict):
        _check_schema(path, document)
    try:
        return parse_identity(document, f"{path}: machine_info.pybench")
    except DocumentError as error:
        raise DocumentError(f"{error}; save it again with this pybench") from None


def _check_schema(path: Path, document: object) -> None:
    schema = document.get("schema") if isinstance(document, dict) else document
    if schema != SCHEMA or not isinstance(document, dict):
        raise DocumentError(
            f"{path}: written by a pybench of schema {schema!r}, and this one reads "
            f"{SCHEMA}: compare with the pybench that wrote it, or save it again"
        )


def _interpreter(identity: Identity | None, info: dict[str, Any]) -> str:
    if identity is None:
        words = (info.get("python_implementation"), info.get("python_version"))
        return " ".join(str(word) for word in words if word) or "unknown Python"
    gil = f", {identity.gil_state}" if identity.free_threaded else ""
    return identity.interpreter + gil


def _machine(identity: Identity | None, info: dict[str, Any]) -> dict[str, str]:
    kernel = {"kernel": info.get("release")}
    if identity is not None:
        return _known(identity.machine_facts | kernel)
    return _known(
        kernel
        | {
            "CPU": _object(info.get("cpu")).get("brand_raw"),
            "architecture": info.get("machine"),
            "system": info.get("system"),
        }
    )


def _known(facts: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in facts.items() if value}


def _pyperf(path: Path, document: dict[str, Any]) -> Saved:
    version = document["version"]
    if version != _PYPERF_VERSION:
        raise DocumentError(
            f"{path}: pyperf's format {version!r}, and this pybench reads "
            f"{_PYPERF_VERSION!r}: save it with a pyperf that writes that"
        )
    # What all benchmarks share is at the top; with a single one, its name too.
    common = _object(document.get("metadata"))
    rows: list[tuple[str, SavedRow]] = []
    left_out: dict[str, str] = {}
    for number, benchmark in enumerate(map(_object, document["benchmarks"]), start=1):
        name = f"benchmark {number}"
        try:
            if not benchmark:
                raise _RowError(_NO_RUNS)
            metadata = common | _object(benchmark.get("metadata"))
            known = metadata.get("name")
            if not isinstance(known, str) or not known:
                raise _RowError("no name in its metadata: add one")
            name = known
            rows.append((name, SavedRow(times_s=_medians(benchmark, metadata))))
        except _RowError as error:
            left_out[name] = str(error)
    first = _object((document["benchmarks"] or [{}])[0])
    metadata = common | _object(first.get("metadata"))
    return Saved(
        path=path,
        tool=PYPERF,
        interpreter=_pyperf_interpreter(metadata),
        identity=None,
        machine=_known(
            {
                "CPU": metadata.get("cpu_model_name"),
                "system": str(metadata.get("platform", "")).partition("-")[0],
            }
        ),
        rows=_unique(path, rows, left_out),
        left_out=left_out,
    )


def _medians(benchmark: dict[str, Any], metadata: dict[str, Any]) -> tuple[float, ...]:
    """Return the median of each run that has values: others calibrated."""
    runs = benchmark.get("runs")
    if not isinstance(runs, list):
        raise _RowError(_NO_RUNS)
    medians = []
    for run in map(_object, runs):
        values = run.get("values")
        if not values:
            continue
        unit = (metadata | _object(run.get("metadata"))).get("unit", _PYPERF_UNIT)
        if unit != _PYPERF_UNIT:
            raise _RowError(
                f"measured in {unit!r}, and only seconds are compared: measure it "
                "without --track-memory"
            )
        if not isinstance(values, list):
            raise _RowError("'values' is not a list; save it again")
        medians.append(statistics.median(_times(values)))
    if not medians:
        raise _RowError(
            "no run has values: only its calibration was saved; measure it again"
        )
    return tuple(medians)


def _pyperf_interpreter(metadata: Mapping[str, Any]) -> str:
    version = str(metadata.get("python_version", "")).partition(" ")[0]
    if not version:
        return "unknown Python"
    implementation = str(metadata.get("python_implementation", "Python"))
    return f"{implementation.replace('cpython', 'CPython')} {version}"


def _times(values: Iterable[Any]) -> tuple[float, ...]:
    times = []
    for value in values:
        # A boolean is an int to Python, and no time.
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not _LEAST_S <= value <= _MOST_S:
            raise _RowError(
                f"{value!r:.60} is no time: seconds are finite and above zero; measure "
                "the row again"
            )
        times.append(float(value))
    return tuple(times)


def _unique(
    path: Path, rows: list[tuple[str, SavedRow]], left_out: dict[str, str]
) -> dict[str, SavedRow]:
    """Return the rows by name; what more than one bears is added to those left out."""
    counts = Counter(name for name, _ in rows)
    unique = {name: row for name, row in rows if counts[name] == 1}
    twice = [name for name, count in counts.items() if count > 1]
    if unique:
        for name in twice:
            left_out[name] = (
                f"{counts[name]} rows bear this name, so it does not identify one: "
                "save each session to a file of its own"
            )
        return unique
    if twice:
        raise DocumentError(
            f"{path}: {len(twice)} names occur more than once, such as {twice[0]!r} "
            f"({counts[twice[0]]} times), and nobody knows which is meant: save each "
            "session to a file of its own"
        )
    if left_out:
        name, why = next(iter(left_out.items()))
        more = f" (and {len(left_out) - 1} more rows)" if len(left_out) > 1 else ""
        raise DocumentError(f"{path}: no row can be compared: {name}: {why}{more}")
    raise DocumentError(f"{path}: no rows: the session that saved it measured nothing")
