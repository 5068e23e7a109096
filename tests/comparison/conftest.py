"""A small suite and the sides that run it."""

from __future__ import annotations

import json
import os
import shlex
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pybench.records.identity import identity_document
from pybench.target.process.identity import read_identity

ROWS = """
def work():
    return sum(range(200))

def test_first(benchmark):
    benchmark(work)

def test_second(benchmark):
    benchmark.pedantic(work, setup=lambda: None, rounds=3)
"""

CONFTEST = """
def pytest_benchmark_generate_machine_info():
    return {"node": "here", "release": "1", "python_compiler": "cc", "cpu": {}}
"""

# `odd` is told where the session is ("start", "ready", "sample 3", "end"), which of its
# side's it is (the first tries the rows out), and the row. At "count" `hello` is the
# answer.
SESSION = """
import json, os, signal, socket, subprocess, sys, time
from pathlib import Path
from random import randrange

class Ended(Exception):
    pass

def odd(at, start, row, hello):
    ODD

def resume_later(pid):
    # Continued before it is stopped it would never go on.
    is_stopped = f"ps -o stat= -p {pid} | grep -q T"
    if Path("/proc/self/status").exists():
        is_stopped = f"grep -q '^State:.T' /proc/{pid}/status"
    line = f"until {is_stopped}; do sleep 0.01; done; kill -CONT {pid}"
    subprocess.Popen(["sh", "-c", line], start_new_session=True)

starts = Path(__file__).with_suffix(".starts")
with starts.open("a") as file:
    file.write("x")
start = starts.stat().st_size
channel = socket.socket(fileno=int(sys.argv[-1].partition("=")[2]))
reader = channel.makefile("r")

def say(**message):
    channel.sendall(json.dumps(message).encode() + b"\\n")

def hear():
    line = reader.readline()
    if not line:
        sys.exit()
    return json.loads(line)

FACTS = {"alternate": ALTERNATE, "margin": None, "group": None}
hello = {
    "identity": json.loads(IDENTITY),
    "gil_enabled": True,
    "rows": {f"suite/test_rows.py::test_{name}": FACTS for name in ROWS},
}
odd("start", start, None, hello)
say(say="hello", **hello)
for row in hear()["rows"]:
    outcome, reason, kind, turn = "measured", "", None, 0
    try:
        odd("ready", start, row, hello)
        say(say="ready", row=row)
        while (message := hear())["do"] != "stop":
            if message["do"] == "size":
                say(say="sized", numbers={"count": 20})
                continue
            if message["do"] == "count":
                found = {"numbers": {"count": 4}, "counts": [4000] * 3, "reason": ""}
                odd("count", start, row, found)
                say(say="counted", **found)
                continue
            odd(f"sample {turn}", start, row, hello)
            turn += 1
            ns = 5_000_000 + randrange(20_000)
            say(say="sample", sample={"wall_ns": ns, "cpu_ns": ns, "waited_ns": 0})
    except Ended as end:
        outcome, reason, *kinds = end.args
        kind = kinds[0] if kinds else None
    say(say="ended", row=row, outcome=outcome, reason=reason, kind=kind, facts={})
odd("end", start, None, hello)
say(say="bye")
"""

IDENTITY = json.dumps(identity_document(read_identity()))

Compare = Callable[..., Any]
MakePython = Callable[..., Path]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Write a suite of two rows; tests add to it."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_rows.py").write_text(ROWS)
    return folder


@pytest.fixture
def python(tmp_path: Path) -> MakePython:
    """Return what writes an interpreter whose sessions do as they are told."""

    def make(name: str, odd: str = "", *, alternate: bool = False) -> Path:
        path = tmp_path / f"python-{name}"
        program = path.with_suffix(".py")
        text = SESSION.replace("IDENTITY", repr(IDENTITY))
        text = text.replace("ALTERNATE", repr(alternate))
        text = text.replace("ROWS", repr(("first", "second")))
        body = textwrap.indent(textwrap.dedent(odd).strip() or "pass", "    ").strip()
        program.write_text(text.replace("ODD", body))
        words = [sys.executable, "-IS", str(program)]
        path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def compare(
    suite: Path, python: MakePython, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Compare:
    """Return what compares this Python with itself on that suite, without a control.

    Environment variables of a side are given as ``b={"NAME": "value"}``; the record is
    in the folder ``out`` and what is decided is returned with the run. `named` is what
    ``--suite`` names, if not that suite.

    With `odd` no pytest runs: the sessions of both sides start at once, with two rows
    of the same names. Those of b go wrong where it says so; "" is nowhere.
    """
    pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
    pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
    from pybench.comparison import pairs as measuring
    from pybench.comparison.judging import Judgement
    from pybench.comparison.live import Comparison
    from pybench.comparison.sessions import Arm
    from pybench.comparison.suites import find_suite
    from pybench.records.run import NAME, Run, RunHeader
    from pybench.records.run_file import RecordWriter, read_run

    # On a busy machine a row may take any time: for that no pair ends early, and none
    # takes fewer samples.
    monkeypatch.setattr(measuring, "ROW_MOST_NS", 1e15)
    monkeypatch.setattr(measuring, "SAMPLES_NS", 1e15)

    def run(
        *,
        a: dict[str, str] | None = None,
        b: dict[str, str] | None = None,
        pairs: int | None = 1,
        seed: int = 1,
        injected: dict[str, tuple[int, int]] | None = None,
        folder: Path | None = None,
        control: bool = False,
        named: str | None = None,
        odd: str | None = None,
        metrics: tuple[str, ...] = ("time",),
        **options: Any,
    ) -> tuple[Run, Judgement]:
        header = RunHeader(
            version="0",
            started="now",
            command=("test",),
            seed=seed,
            margin=0.03,
            pairs=pairs,
            suite=str(suite),
            metrics=metrics,
        )
        real = Path(sys.executable)
        sides = [
            Arm(
                name=name,
                python=real if said is None else python(name, said),
                environ=os.environ | (more or {}),
            )
            for name, more, said in (("a", a, odd and ""), ("b", b, odd))
        ]
        out = tmp_path / "out"
        is_resumed = (out / NAME).exists()
        known = read_run(out) if is_resumed else Run(header=header)
        with RecordWriter(out, None if is_resumed else header) as writer:
            comparison = Comparison(
                sides,
                find_suite(named or str(suite)),
                folder=folder or tmp_path,
                record=known,
                writer=writer,
                control=control,
                **options,
            )
            comparison.injected = injected or {}
            return known, comparison.run()

    return run
