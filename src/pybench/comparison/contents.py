"""Reads what a report is made of: a run's folder, saved files and profiles.

Every format takes the `Contents`; none of them reads a file or computes anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pybench.comparison.judging import judge
from pybench.comparison.pair_details import details
from pybench.comparison.saved_comparison import compare_saved
from pybench.comparison.speed_ups import speed_ups
from pybench.comparison.summary import summarise
from pybench.records import (
    doctor,
    gc_pauses,
    imports,
    machine,
    memory,
    row_detail,
    scaling,
    scenario,
)
from pybench.records.bottleneck import Diagnoses
from pybench.records.contents import Contents, Profile
from pybench.records.documents import (
    DocumentError,
    convert,
    kind_of,
    parse_json,
    read_json,
)
from pybench.records.outcomes import FAILURES
from pybench.records.run import NAME as RUN_NAME
from pybench.records.run import Run
from pybench.records.run_file import read_run
from pybench.records.saved_comparison import SavedComparison
from pybench.records.saved_files import Saved, read_saved
from pybench.records.summary import FASTER, SLOWER, Summary, read_summary
from pybench.records.summary import NAME as SUMMARY_NAME

# What `pybench profile`, `scenario` and `doctor` leave with --json: the form of each,
# and the schema that is read here.
PROFILES: dict[str, tuple[type[Any], int]] = {
    "profile": (row_detail.DetailedRows, row_detail.SCHEMA),
    "profile-gc": (gc_pauses.GcProfile, gc_pauses.SCHEMA),
    "profile-memory": (memory.MemoryProfile, memory.SCHEMA),
    "imports": (imports.ImportsProfile, imports.SCHEMA),
    "bottleneck": (Diagnoses, 1),
    "scenario": (scenario.ScenarioRecord, scenario.SCHEMA),
    "scenario-comparison": (scenario.ScenarioComparison, scenario.SCHEMA),
    "doctor": (doctor.DoctorReport, doctor.SCHEMA),
    "scaling": (scaling.ScalingRecord, scaling.SCHEMA),
    "machine": (machine.MachineProfile, machine.SCHEMA),
}

# Profiles in this folder of a run belong to it.
PROFILES_FOLDER = "profiles"

# Rows that a page has room for: a browser takes seconds for more.
MOST_ROWS = 2_000


def read_contents(
    paths: Sequence[Path],
    *,
    title: str | None = None,
    margin: float = 0.03,
    has_details: bool = True,
) -> Contents:
    """Read all that one report shows.

    Parameters
    ----------
    paths : sequence of Path
        A run's folder, its ``run.jsonl`` or a ``summary.json``, at most one of them;
        files of pytest-benchmark or pyperf; records of profiles.
    margin : float
        Of the comparison of saved files; a run has its own.
    has_details : bool
        Whether the pairs behind the verdicts are wanted, as a page shows them.

    Raises
    ------
    DocumentError
        If nothing is given, a file cannot be read or is of another schema or tool, or
        what is given cannot be in one report.
    """
    if not paths:
        raise DocumentError(
            "nothing to report on: give the folder of a run, or files of "
            "pytest-benchmark, pyperf or pybench profile"
        )
    runs: list[tuple[Summary, Run | None]] = []
    files: list[Saved] = []
    profiles: list[Profile] = []
    notes: list[str] = []
    for path in paths:
        if path.is_dir() or path.name == RUN_NAME:
            run = _run(path)
            folder = path if path.is_dir() else path.parent
            runs.append((_judged(run, folder), run))
            profiles += _profiles_of(folder, notes)
            if run.torn:
                notes.append(f"{folder.name}: its last record is cut off, and left out")
            continue
        kind = _kind(path)
        if kind == "summary":
            runs.append((read_summary(path), None))
        elif kind in PROFILES:
            profiles.append(profile_of(read_json(path), path))
        else:
            files.append(read_saved(path))
    if len(runs) > 1:
        raise DocumentError(
            f"{len(runs)} runs in one report: give one, or make pages of all in a "
            "folder with --index"
        )
    saved = compare_saved(files, margin) if len(files) > 1 else None
    summary, run_or_none = runs[0] if runs else (None, None)
    shown = _shown(summary) if summary and has_details else None
    if summary and shown is not None:
        count = len({row.row for row in summary.rows})
        notes.append(
            f"{len(shown)} of {count} rows are on this page: failures and changes, "
            "then the largest ratios; all are in summary.json and by pybench export"
        )
    return Contents(
        title=title or _title(summary, saved, paths),
        summary=summary,
        run=run_or_none,
        details=details(run_or_none, shown) if run_or_none and has_details else (),
        shown=shown,
        gains=speed_ups(run_or_none, summary) if run_or_none and summary else (),
        saved=saved,
        files=tuple(files),
        profiles=tuple(sorted(profiles, key=lambda profile: profile.name)),
        notes=tuple(notes),
    )


def _shown(summary: Summary) -> frozenset[str] | None:
    """Return the rows that a page has room for, None for all of them."""
    sizes: dict[str, tuple[bool, bool, float]] = {}
    for row in summary.rows:
        is_told = row.verdict in (SLOWER, FASTER)
        is_failed = any(reason.kind in FAILURES for reason in row.reasons)
        size = abs(math.log(row.ratio)) if row.ratio else 0.0
        this = (is_told or is_failed, row.ratio is not None, size)
        sizes[row.row] = max(sizes.get(row.row, this), this)
    if len(sizes) <= MOST_ROWS:
        return None
    return frozenset(sorted(sizes, key=lambda row: sizes[row])[-MOST_ROWS:])


def _title(
    summary: Summary | None, saved: SavedComparison | None, paths: Sequence[Path]
) -> str:
    if summary is not None:
        baseline, *contenders = (arm.name for arm in summary.sides)
        return f"{', '.join(contenders)} against {baseline}"
    if saved is not None:
        return ", ".join(file.name for file in saved.files)
    return paths[0].stem


def _run(path: Path) -> Run:
    run = read_run(path)
    if not run.rows or not run.sides:
        raise DocumentError(f"{path}: the run ended before a row was measured")
    return run


def _judged(run: Run, folder: Path) -> Summary:
    """Judge a run again; its notes are in its summary alone, and taken from there."""
    path = folder / SUMMARY_NAME
    notes = read_summary(path).notes if path.is_file() else ()
    return summarise(run, judge(run), notes=notes)


def _kind(path: Path) -> str | None:
    """Return what a file of ours calls itself; None for one of another tool."""
    try:
        return kind_of(parse_json(path.read_bytes()))
    except OSError as error:
        raise DocumentError(f"{path}: {error.strerror or error}") from None
    except ValueError:
        return None  # `read_saved` says what is wrong


def profile_of(document: Mapping[str, Any], path: Path) -> Profile:
    """Return what a file of a profile holds; `DocumentError` if it is not whole."""
    kind = document.get("pybench", "")
    form, schema = PROFILES[kind]
    if document.get("schema") != schema:
        raise DocumentError(
            f"{path}: {kind} of schema {document.get('schema')!r}, this pybench reads "
            f"{schema}: measure it again, or use the version that wrote it"
        )
    # One target is a record by itself.
    is_target = form is Diagnoses and "targets" not in document
    try:
        record = convert({"targets": [document]} if is_target else document, form)
    except DocumentError as error:
        raise DocumentError(
            f"{path}: the record of {kind} is incomplete: {error}: measure it again"
        ) from None
    return Profile(kind=kind, name=path.stem, document=document, record=record)


def _profiles_of(folder: Path, notes: list[str]) -> list[Profile]:
    """Read the profiles that lie with a run; one that cannot be is noted."""
    found = []
    for path in sorted((folder / PROFILES_FOLDER).glob("*.json")):
        try:
            if _kind(path) in PROFILES:
                found.append(profile_of(read_json(path), path))
        except DocumentError as error:
            notes.append(f"left out: {error}")
    return found
