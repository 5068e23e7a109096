"""One arm of a run as a file of pytest-benchmark, or of pyperf.

Both tools compare files that were measured one after the other, which this run was
not: what they say of it is less than what it says itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pybench.records.identity import Identity, identity_document
from pybench.records.journal import RowStatus, statuses_document
from pybench.records.outcomes import MEASURED
from pybench.records.pair_details import ProcessTimes, RowTimes
from pybench.records.run import Run
from pybench.report.exports import ExportError
from pybench.report.row_names import pytest_name

_PYPERF_VERSION = "1.0"


def pytest_benchmark_json(run: Run, arm: str, rows: Sequence[RowTimes]) -> str:
    """Return an arm as the JSON that ``pytest-benchmark compare`` reads.

    The statistics are pytest-benchmark's own, of all samples but the warm-ups; times
    are in seconds per operation.

    Raises
    ------
    ExportError
        If no row was measured.
    """
    import pytest_benchmark

    identity = _identity(run, arm, rows)
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
        "benchmarks": [_benchmark(row) for row in rows],
        "datetime": run.header.started,
        "version": pytest_benchmark.__version__,
        # What `pybench compare` reads: without it a file is one process an arm.
        "pybench": statuses_document(
            RowStatus(
                fullname=row.row,
                status=MEASURED,
                process_medians_s=tuple(of.median_s for of in row.processes),
            )
            for row in rows
        ),
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _benchmark(row: RowTimes) -> dict[str, Any]:
    from pytest_benchmark.stats import Stats

    untyped: Any = Stats
    stats = untyped()
    for process in row.processes:
        for value in process.values_s:
            stats.update(value)
    of_all = {"data": stats.data, "iterations": row.operations}
    return {
        "group": row.group,
        "name": pytest_name(row.row),
        "fullname": row.row,
        "params": None,
        "param": None,
        "extra_info": {"clock": row.metric},
        "options": {},
        "stats": {**stats.as_dict(), **of_all},
    }


def pyperf_json(run: Run, arm: str, rows: Sequence[RowTimes]) -> str:
    """Return an arm as the JSON that ``pyperf compare_to`` reads: a run per process.

    Raises what `pytest_benchmark_json` does.
    """
    identity = _identity(run, arm, rows)
    document = {
        "benchmarks": [
            {
                "metadata": {"name": row.row, "loops": row.operations},
                "runs": [_pyperf_run(row, process) for process in row.processes],
            }
            for row in rows
        ],
        "metadata": {
            "unit": "second",
            "python_implementation": identity.implementation.lower(),
            "python_version": f"{identity.version} (64-bit)",
            "python_executable": run.sides[arm].python,
            "cpu_model_name": identity.cpu_model,
            "platform": f"{identity.system}-{identity.machine}",
            "description": f"{arm} in a run of pybench {run.header.version}",
        },
        "version": _PYPERF_VERSION,
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _pyperf_run(row: RowTimes, process: ProcessTimes) -> dict[str, Any]:
    run: dict[str, Any] = {"metadata": {}}
    if process.warm_up_s is not None:
        run["warmups"] = [[row.operations, process.warm_up_s]]
    return run | {"values": [*process.values_s]}


def _identity(run: Run, arm: str, rows: Sequence[RowTimes]) -> Identity:
    if not rows:
        raise ExportError(f"no row of {arm} was measured: there are no times to write")
    return run.sides[arm].identity
