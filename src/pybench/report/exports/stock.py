"""One side of a run as a file of pytest-benchmark, or of pyperf.

Both tools compare files that were measured one after the other, which this run was
not: what they say of it is less than what it says itself.
"""

from __future__ import annotations

import json
from typing import Any

from pybench.comparison.pair_details import row_times
from pybench.records.identity import identity_document
from pybench.records.journal import RowStatus, statuses_document
from pybench.records.outcomes import MEASURED
from pybench.records.pair_details import ProcessTimes, RowTimes
from pybench.records.run import Run
from pybench.report.exports.errors import ExportError
from pybench.report.labels import pytest_name

_PYPERF_VERSION = "1.0"


def _times(run: Run, side: str) -> tuple[tuple[RowTimes, ...], dict[str, str]]:
    if side not in run.sides:
        raise ExportError(f"no side {side!r} in the run: it has {', '.join(run.sides)}")
    rows, left_out = row_times(run, side)
    if not rows:
        raise ExportError(f"no row of {side} was measured: there are no times to write")
    return rows, left_out


def pytest_benchmark_json(run: Run, side: str) -> tuple[str, dict[str, str]]:
    """Return a side as the JSON that ``pytest-benchmark compare`` reads.

    The statistics are pytest-benchmark's own, of all samples but the warm-ups.

    Returns
    -------
    str
        The file; times in seconds per operation.
    dict of str to str
        The rows that are not in it, and why.

    Raises
    ------
    ExportError
        If there is no such side, or nothing of it was measured.
    """
    import pytest_benchmark
    from pytest_benchmark.stats import Stats

    untyped: Any = Stats
    rows, left_out = _times(run, side)
    known = run.sides[side]
    identity = known.identity
    benchmarks = []
    for row in rows:
        stats = untyped()
        for process in row.processes:
            for value in process.values_s:
                stats.update(value)
        name = pytest_name(row.row)
        benchmarks.append(
            {
                "group": row.group,
                "name": name,
                "fullname": row.row,
                "params": None,
                "param": None,
                "extra_info": {"clock": row.metric},
                "options": {},
                "stats": {
                    **stats.as_dict(),
                    "data": stats.data,
                    "iterations": row.operations,
                },
            }
        )
    document = {
        "machine_info": {
            "node": "",
            "processor": identity.cpu_model,
            "machine": identity.machine,
            "python_compiler": "",
            "python_implementation": "CPython",
            "python_implementation_version": identity.version,
            "python_version": identity.version,
            "python_build": [],
            "release": "",
            "system": identity.system,
            "cpu": {"brand_raw": identity.cpu_model},
            "pybench": identity_document(identity),
        },
        "commit_info": {
            "id": "unversioned",
            "time": None,
            "author_time": None,
            "dirty": False,
            "project": run.header.suite,
            "branch": "(unknown)",
        },
        "benchmarks": benchmarks,
        "datetime": run.header.started,
        "version": pytest_benchmark.__version__,
        # What `pybench compare` reads: without it a file is one process a side.
        "pybench": statuses_document(
            RowStatus(
                fullname=row.row,
                status=MEASURED,
                process_medians_s=tuple(one.median_s for one in row.processes),
            )
            for row in rows
        ),
    }
    return _text(document), left_out


def pyperf_json(run: Run, side: str) -> tuple[str, dict[str, str]]:
    """Return a side as the JSON that ``pyperf compare_to`` reads: a run per process.

    Returns and raises what `pytest_benchmark_json` does.
    """
    rows, left_out = _times(run, side)
    identity = run.sides[side].identity
    document = {
        "benchmarks": [
            {
                "metadata": {"name": row.row, "loops": row.operations},
                "runs": [
                    {
                        "metadata": {},
                        **_warmups(row, process),
                        "values": [*process.values_s],
                    }
                    for process in row.processes
                ],
            }
            for row in rows
        ],
        "metadata": {
            "unit": "second",
            "python_implementation": identity.implementation.lower(),
            "python_version": f"{identity.version} (64-bit)",
            "python_executable": run.sides[side].python,
            "cpu_model_name": identity.cpu_model,
            "platform": f"{identity.system}-{identity.machine}",
            "description": f"{side} in a run of pybench {run.header.version}",
        },
        "version": _PYPERF_VERSION,
    }
    return _text(document), left_out


def _warmups(row: RowTimes, process: ProcessTimes) -> dict[str, Any]:
    """Return the warm-up of a process as pyperf has it, nothing where there is none."""
    if process.warm_up_s is None:
        return {}
    return {"warmups": [[row.operations, process.warm_up_s]]}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, allow_nan=False) + "\n"
