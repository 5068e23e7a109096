"""Whatever a file holds, its reader ends in an error of its own, never in another.

Each reader gets a sound document that was changed at a few places, in its bytes or in
its values, and what it accepts goes through all that is computed and shown of it. A
seed per reader: a failure comes again. By hand, with more of them:

    PYBENCH_MUTATIONS=20000 python -m pytest tests/test_readers.py -q
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("jinja2", reason="n/a: jinja2 is not installed here")

from pybench.comparison.contents import PROFILES, read_contents
from pybench.comparison.pair_details import row_times
from pybench.comparison.run_folders import read_site
from pybench.comparison.selfcheck.live import NAME as TRUTH_NAME
from pybench.comparison.selfcheck.live import read_suite
from pybench.interpreters.probe import ProbeError, _parse
from pybench.profiles import importtime
from pybench.records.contents import Contents
from pybench.records.documents import DocumentError
from pybench.records.iterations import parse_counts
from pybench.records.journal import JournalHeader, JournalRow
from pybench.records.run import PairRecord, RowRecord, RunHeader, SideRecord
from pybench.records.run_file import RecordWriter
from pybench.records.samples import Sample
from pybench.records.saved_files import (
    read_saved,
)
from pybench.records.summary import write_summary
from pybench.report.charts import charts_of
from pybench.report.exports import ExportError
from pybench.report.exports.frames import to_csv
from pybench.report.exports.speedscope import speedscope_json
from pybench.report.exports.stock import pyperf_json, pytest_benchmark_json
from pybench.report.markdown import markdown
from pybench.report.page import page
from pybench.report.site.writing import SiteError, write_site
from pybench.target.plugin.baselines import check_baseline
from pybench.target.plugin.journal import NAME as JOURNAL_NAME
from pybench.target.plugin.journal import read_journal
from pybench.target.process.identity import read_identity
from pybench.target.process.iterations import WINDOW_NS

pytestmark = pytest.mark.once

MUTATIONS = int(os.environ.get("PYBENCH_MUTATIONS", "500"))
# Of what was accepted, one in so many is drawn as a page: that takes the longest.
DRAWN = 40

IDENTITY = replace(
    read_identity(), version="3.13.0", affinity=2, quota=None, extension=None
)

# What a value may be replaced by.
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1, 0.5, -0.0, 1e308, 1e-320, 10**18, 10**400, -(10**400), "",
    "x", "\x1b[2J", "a" * 5000, "3.13", "measured", [], [[]], {}, [0], {"x": 1},
)  # fmt: skip
# What bytes may be replaced by.
BYTES = (
    b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"NaN", b"-Infinity",
    b"1" * 5000, b"[" * 100_000, b'{"a":' * 50_000, b"\n", b'"', b"}", b",", b"-",
)  # fmt: skip


# --- mutations -------------------------------------------------------------------


def mutations(whole: bytes, seed: str) -> Iterator[bytes]:
    """Yield changed documents: of JSON, or of JSON a line, its values as well."""
    draws = random.Random(seed)
    lines = parsed(whole)
    for _ in range(MUTATIONS):
        data = whole
        if lines and draws.random() < 0.75:
            changed = copy.deepcopy(lines)
            for _ in range(draws.choice((1, 1, 1, 2, 4))):
                change_value(draws, changed)
            data = b"\n".join(json.dumps(line).encode() for line in changed) + b"\n"
        else:
            for _ in range(draws.choice((1, 1, 3))):
                data = change_bytes(draws, data)
        yield data


def parsed(whole: bytes) -> list[Any]:
    """Return the documents of a text, one or one a line; none if it is not JSON."""
    try:
        return [json.loads(whole)]
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in whole.splitlines()]
    except ValueError:
        return []


def change_value(draws: random.Random, lines: list[Any]) -> None:
    """Change one value somewhere: another, none, twice, or under another name."""
    places: list[tuple[Any, Any]] = [(lines, number) for number in range(len(lines))]
    if not lines:
        return
    # A line each: else a header would be changed once in a hundred times.
    to_visit = [draws.choice(lines)]
    while to_visit:
        node = to_visit.pop()
        keys: Any = ()
        if isinstance(node, dict):
            keys = [*node]
        elif isinstance(node, list):
            keys = range(len(node))
        for key in keys:
            places.append((node, key))
            to_visit.append(node[key])
    node, key = draws.choice(places)
    kind = draws.randrange(6)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, list):
        node.insert(key, copy.deepcopy(node[key]))
    elif kind == 1:
        node[draws.choice(("x", "", "3.14", f"{key} "))] = node.pop(key)
    elif kind == 2:
        other, place = draws.choice(places)
        node[key] = copy.deepcopy(other[place])
    elif kind == 3 and isinstance(node[key], int | float):
        factor = draws.choice((-1, 0, 1e-18, 1e18, 10**9))
        # Of an int that is huge already no float can be made.
        node[key] = node[key] * (factor if abs(node[key]) < 1e200 else -1)
    else:
        node[key] = copy.deepcopy(draws.choice(ODD))


def change_bytes(draws: random.Random, data: bytes) -> bytes:
    """Change a few bytes: others, fewer, some twice, or the end cut off."""
    begin = draws.randrange(len(data) + 1)
    end = min(len(data), begin + draws.choice((0, 1, 1, 4, 100)))
    kind = draws.randrange(5)
    if kind == 0:
        return data[:begin]
    if kind == 1:
        return data[:end] + data[begin:]
    if kind == 2 and begin < len(data):
        flipped = data[begin] ^ 1 << draws.randrange(8)
        return data[:begin] + bytes([flipped]) + data[begin + 1 :]
    return data[:begin] + draws.choice(BYTES) + data[end:]


# --- the readers -----------------------------------------------------------------


@dataclass(frozen=True)
class Reader:
    """One reader: a sound document of it, and how a changed one is read.

    ``read`` gets the path of the document and whether a page is to be drawn; it may
    raise ``errors`` alone.
    """

    sound: bytes
    read: Callable[[Path, bool], object]
    errors: tuple[type[Exception], ...]
    name: str = "document.json"


def sound_run(folder: Path) -> Path:
    """Write the record of a run: two sides, a copy, three rows, three pairs."""
    draws = random.Random(1)
    header = RunHeader(
        version="0", started="2026-11-20T12:00:00Z", command=("pybench",), seed=7,
        margin=0.03, pairs=3, suite="benchmarks",
    )  # fmt: skip
    sides = ("3.13", "3.14t", "again")
    groups = {"a/test_a.py::test_one": "a", "a/test_a.py::test_two[x]": None}
    groups["b/test_b.py::test_alu"] = "yardstick"
    with RecordWriter(folder, header) as writer:
        for side in sides:
            twin = "3.13" if side == "again" else None
            writer.append(
                SideRecord(name=side, python="/py", identity=IDENTITY, twin_of=twin)
            )
        for row, group in groups.items():
            writer.append(
                RowRecord(
                    row=row, group=group, apart=False, pinned=True, margin=None,
                    metric="cpu", operations=1, threads=1, numbers={"count": 10},
                    per_sample_ns=5e6, outcomes=dict.fromkeys(sides[:2], "measured"),
                    reasons={},
                )
            )  # fmt: skip
            for pair in range(1, 4):
                samples = {
                    side: (
                        tuple(
                            Sample(
                                wall_ns=draws.randrange(10**6, 2 * 10**6),
                                cpu_ns=draws.randrange(10**6, 2 * 10**6),
                                waited_ns=0,
                            )
                            for _ in range(3)
                        ),
                    )
                    for side in sides
                }
                writer.append(
                    PairRecord(
                        row=row, pair=pair, order=sides, apart=False, cpu=0,
                        hash_seed=pair, numbers={"count": 10}, samples=samples,
                    )
                )  # fmt: skip
    return folder


def show(contents: Contents, drawn: bool) -> None:
    """Compute and show all that there is of a report."""
    charts = charts_of(contents)
    # A list of targets may be empty.
    assert charts or contents.summary or contents.profiles
    if contents.summary is not None:
        assert markdown(contents.summary)
        assert to_csv(contents.summary)
    if contents.saved is not None:
        assert markdown(contents.saved)
    if drawn:
        assert "<html" in page(contents)


def read_report(path: Path, drawn: bool) -> None:
    """Read one file for a report."""
    contents = read_contents([path])
    show(contents, drawn)
    for profile in contents.profiles:
        if profile.kind == "imports":
            speedscope_json(profile.record)


def read_record(path: Path, drawn: bool) -> None:
    """Read the record of a run, judge it and write it in the formats of others."""
    contents = read_contents([path])
    show(contents, drawn)
    assert contents.run is not None
    for side in contents.run.sides:
        for export in (pytest_benchmark_json, pyperf_json):
            export(contents.run, side, row_times(contents.run, side)[0])


def read_folder(path: Path, _: bool) -> None:
    """Read a folder of runs; what cannot be read is told of as a reader tells it."""
    site = read_site(path.parent, lambda contents: contents.title)
    assert len(site.runs) + len(site.problems) == 1
    assert not [one for one in site.problems if "contradicts itself" in one.reason]


def read_manifest(path: Path, _: bool) -> None:
    """Write a site again into a folder that has this list of its files."""
    write_site({"index.html": "a page"}, path.parent)


def of_profile(kind: str) -> dict[str, Any]:
    """Return a sound record of one kind of profile."""
    mean = {"value": 2.0**21, "low": 2.0**20, "high": None}
    times = {"mean_ns": 2e6, "half_ns": 1e5}
    clocks = {"wall": times, "cpu": times}
    cost = {"own": {"mean_ns": 1e6}, "total": {"mean_ns": 2e6}}
    child: dict[str, Any] = {"name": "a.b", "warm": None, "cold": cost, "children": []}
    module = {"name": "a", "warm": cost, "cold": cost, "children": [child]}
    pauses = {"count": 3} | dict.fromkeys(("p50_ns", "p95_ns", "p99_ns", "max_ns"), 9.0)
    sizes = {"min": 2**20, "avg": 2**21, "max": 2**22}
    target = {
        "target": "a.py",
        "verdict": {"cause": "bytecode", "evidence": "CPU time"},
        "causes": [
            {"name": "bytecode", "evidence": "CPU", "share": {"low": 0.7, "value": 0.8}}
        ],
    }
    target["causes"][0]["share"]["high"] = 0.9  # type: ignore[index]
    found: dict[str, Any] = {
        "profile": {
            "interpreter": "3.14",
            "rows": [
                {"fullname": "test_a.py::test_one", "rss_peak_bytes": 2**20,
                 "traced_peak_bytes": None, "functions": [{"name": "f"}]}
            ],
        },
        "profile-gc": {
            "interpreter": {"label": "3.14"},
            "collector": {"kind": "generational", "meaning": "three"},
            "cells": [
                {"cell": {"shape": "tree", "size": 10_000, "mode": "on"},
                 "automatic": pauses, "asked": None}
            ],
        },
        "profile-memory": {
            "interpreter": {"label": "3.14"},
            "rows": [{"fullname": "test_a.py::test_one", "means": {"rss_peak": mean}}],
            "each": [
                {"kind": "thread", "bytes": mean, "problem": ""},
                {"kind": "interpreter", "bytes": None, "problem": "not before 3.12"},
            ],
        },
        "imports": {
            "module": "a", "python": "3.14.0 (x)", "tree": [module],
            "startup": {"site": clocks, "whole process": clocks},
            "repeats": 3, "modules": 2,
            **dict.fromkeys(("warm", "cold", "compiling", "observed"), clocks),
        },
        "bottleneck": {"targets": [target]},
        "scenario": {
            "environment": {"scenario": "cpu", "workers": 2, "mode": "threads",
                            "python": "3.14.0", "gil_enabled": False},
            "result": {
                "iterations_done": 10, "overhead_iter_s": 1e-5,
                **{f"{x}_iter_s": 0.01 for x in ("avg", "p50", "p95", "p99", "max")},
                "memory": {"rss": sizes, "uss": sizes, "pss": {"reason": "none"},
                           "course": [[0.0, 2**20, 2**19, None]]},
            },
        },
        "scenario-comparison": {
            "sides": [{"name": "threads"}, {"name": "processes"}],
            "row": "avg_iter_s", "pairs": [[0.01, 0.02], [0.01, 0.021]],
            "verdict": {"word": "slower", "ratio": 2.05, "low": 2.0, "high": 2.1},
        },
        "scaling": {
            "profiles": [
                {"target": "a.py:run", "interpreter": {"label": "3.14t"},
                 "processes": 3,
                 "points": [{"threads": 2, "processes": mean,
                             "by_work": {"shared": mean, "control": mean}}],
                 "diagnosis": {"cause": "contended lock", "what": "a lock",
                               "evidence": ["half of the time"]}}
            ],
        },
        "machine": {
            "topology": {
                "model": "a CPU", "cpus": [0, 1], "cores": [[0], [1]],
                "caches": [{"level": 1, "kind": "Data", "size_bytes": 2**15,
                            "line_bytes": 64, "cpus": [0]}],
            },
            "processes": 3, "clock_cost_ns": 20.0, "clock_step_ns": 1.0,
            "latencies": [{"kib": 16, "fits": "L1", "ns": mean}],
            "bandwidths": [{"operation": "read", "threads": 2, "gb_per_s": mean}],
            "neighbours": [{"distance_bytes": 64, "ns": mean}],
            "distances": [{"cpus": [0, 1], "ns": mean}],
            "contention": [{"threads": 2, "private_ns": mean, "shared_ns": None}],
        },
        "doctor": {
            "fit": False,
            "findings": [
                dict.fromkeys(("name", "state", "now", "cost", "advice"), "a word")
            ],
        },
    }  # fmt: skip
    return {"pybench": kind, "schema": PROFILES[kind][1], **found[kind]}


def stock() -> dict[str, Any]:
    """Return a file of pytest-benchmark that our plugin wrote."""
    stats = dict.fromkeys(("min", "max", "mean", "median"), 2e-6) | {
        "stddev": 1e-7, "iqr": 1e-7, "rounds": 9, "iterations": 1, "outliers": "1;0"
    }  # fmt: skip
    rows = {"a/test_a.py::test_one": None, "b/test_b.py::test_alu": "yardstick"}
    return {
        "machine_info": {"python_version": "3.13.0", "cpu": {"brand_raw": "a CPU"}},
        "benchmarks": [
            {"fullname": name, "name": name, "group": group, "stats": stats}
            for name, group in rows.items()
        ],
        "pybench": {
            "schema": 1,
            "rows": [
                {"fullname": name, "process_medians_s": [2e-6, 2.1e-6]} for name in rows
            ],
        },
    }


def pyperf() -> dict[str, Any]:
    """Return a file of pyperf."""
    calibration = {"metadata": {"calibrate_loops": 4}, "warmups": [[4, 9.0]]}
    runs: list[Any] = [calibration, {"values": [0.1, 0.2]}, {"values": [0.3]}]
    return {
        "version": "1.0",
        "metadata": {"python_version": "3.13.0 (64-bit)", "cpu_model_name": "a CPU"},
        "benchmarks": [{"metadata": {"name": name}, "runs": runs} for name in "ab"],
    }


def read_files(sound: bytes, folder: Path) -> Callable[[Path, bool], None]:
    """Return what compares a changed file with the sound one."""
    good = folder / "good.json"
    good.write_bytes(sound)

    def read(path: Path, drawn: bool) -> None:
        read_saved(path)
        show(read_contents([good, path]), drawn)

    return read


def sound_journal(folder: Path) -> bytes:
    """Return a journal of three rows."""
    header = JournalHeader(identity=IDENTITY, arguments=("-q",), started="then")
    stats = stock()["benchmarks"][0]["stats"]
    rows = [
        JournalRow(fullname="t.py::a", outcome="n/a", reason="too old"),
        JournalRow(fullname="t.py::b", outcome="measured", name="b", stats=stats),
    ]
    from pybench.records.journal import header_document, row_document

    documents = [header_document(header), *map(row_document, rows)]
    return b"".join(json.dumps(one).encode() + b"\n" for one in documents)


IMPORTTIME = b"""import time: self [us] | cumulative | imported package
import time:       100 |        100 |     a.b
import time:        50 |        150 |   a
import time:         7 |        157 | top
"""
PROBED = {
    "implementation": "CPython", "version": "3.14.0", "soabi": "cpython-314",
    "prefix": "/p", "free_threaded": False, "gil_enabled": True, "jit": None,
    "pgo": True, "lto": False, "debug": False, "machine": "x86_64",
}  # fmt: skip


def text_of(path: Path) -> str:
    """Return what a file holds as text."""
    return path.read_bytes().decode(errors="replace")


def read_importtime(path: Path, _: bool) -> None:
    """Read the lines of two processes, one with this text."""
    changed = importtime.parse(text_of(path))
    sound = importtime.parse(IMPORTTIME.decode())
    modules = importtime.merge([changed.roots, sound.roots], [sound.roots])
    assert all(depth >= 0 for depth, _ in importtime.walk(modules))


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    """Return all readers by name."""
    folder = tmp_path_factory.mktemp("sound")
    run = sound_run(folder / "run")
    contents = read_contents([run])
    assert contents.summary is not None
    summary = write_summary(contents.summary, run).read_bytes()
    record = (run / "run.jsonl").read_bytes()
    truth = {"seed": 1, "planted": {"a/test_a.py::test_one": [21, 20]}}
    truth |= {"elapsed_s": 1.0, "row_pairs": 18, "load": [0.1, 0.2]}
    counts = {"pybench": "iterations", "schema": 1, "window_ns": WINDOW_NS}
    files = {
        name: Reader(
            sound=json.dumps(document).encode(),
            read=read_files(
                json.dumps(document).encode(), tmp_path_factory.mktemp("g")
            ),
            errors=(DocumentError,),
        )
        for name, document in (("pytest-benchmark", stock()), ("pyperf", pyperf()))
    }
    profiles = {
        kind: Reader(
            sound=json.dumps(of_profile(kind)).encode(),
            read=read_report,
            # Of another kind: a file that is none of ours.
            errors=(DocumentError, ExportError),
        )
        for kind in PROFILES
    }
    return {
        "run": Reader(
            sound=record,
            read=read_record,
            # A run may have no row that was measured, and then there is nothing to
            # write.
            errors=(DocumentError, ExportError),
            name="run.jsonl",
        ),
        "summary": Reader(
            sound=summary, read=read_report, errors=(DocumentError,)
        ),
        "site": Reader(
            sound=record,
            read=read_folder,
            errors=(),
            name="run.jsonl",
        ),
        "manifest": Reader(
            sound=b'{"pybench": "site", "schema": 1, "files": ["index.html", "a"]}',
            read=read_manifest,
            errors=(SiteError,),
            name="site.json",
        ),
        "truth": Reader(
            sound=json.dumps(truth).encode(),
            read=lambda path, _: read_suite(path.parent),
            errors=(DocumentError,),
            name=TRUTH_NAME,
        ),
        "journal": Reader(
            sound=sound_journal(folder),
            read=lambda path, _: read_journal(path),
            errors=(DocumentError,),
            name=JOURNAL_NAME,
        ),
        "baseline": Reader(
            sound=json.dumps(stock()).encode(),
            read=lambda path, _: check_baseline(path),
            errors=(DocumentError,),
        ),
        "iterations": Reader(
            sound=json.dumps(counts | {"counts": {"a": 5}}).encode(),
            read=lambda path, _: parse_counts(text_of(path), WINDOW_NS),
            errors=(),
        ),
        "probe": Reader(
            sound=b"pybench-probe " + json.dumps(PROBED).encode(),
            read=lambda path, _: _parse(Path("/py"), text_of(path)),
            errors=(ProbeError,),
        ),
        "importtime": Reader(sound=IMPORTTIME, read=read_importtime, errors=()),
        **files,
        **profiles,
    }  # fmt: skip


READERS = (
    "run", "summary", "site", "manifest", "truth", "journal", "baseline", "iterations",
    "probe", "importtime", "pytest-benchmark", "pyperf", *PROFILES,
)  # fmt: skip


def prepared(reader: Reader, folder: Path, readers: dict[str, Reader]) -> Path:
    """Return where a document is read; what lies beside it is there."""
    if reader.name == TRUTH_NAME:
        (folder / "run.jsonl").write_bytes(readers["run"].sound)
    return folder / reader.name


@pytest.mark.parametrize("name", READERS)
def test_a_changed_document_is_read_or_refused(
    readers: dict[str, Reader], name: str, tmp_path: Path
) -> None:
    reader = readers[name]
    path = prepared(reader, tmp_path, readers)
    path.write_bytes(reader.sound)
    reader.read(path, True)
    accepted = refused = 0
    for number, data in enumerate(mutations(reader.sound, name)):
        path.write_bytes(data)
        try:
            reader.read(path, accepted % DRAWN == 0)
            accepted += 1
        except reader.errors as refusal:
            refused += bool(str(refusal).strip())
        except BaseException as error:
            error.add_note(f"mutation {number} of {name}: {data[:3000]!r}")
            raise

    assert accepted + refused == MUTATIONS
    assert accepted > 0
    assert refused > 0 or not reader.errors
