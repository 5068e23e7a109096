"""What the suite does where something is missing: a clear word, and all the rest.

Each test runs rows of the real suite in a child whose surroundings lack something.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "benchmarks"

# Enough for a value to exist; no test looks at it.
SMALL = ("--benchmark-only", "--benchmark-max-time=0.01", "--benchmark-min-rounds=2")

# Whole minutes: far above what any of this takes, so that it only ends what hangs.
STUCK_S = 300.0


class Done:
    """What a child left behind."""

    def __init__(self, folder: Path, status: int, output: str) -> None:
        self.status = status
        self.output = output
        saved = folder / "out.json"
        self._document = json.loads(saved.read_text()) if saved.exists() else {}

    @property
    def measured(self) -> dict[str, dict[str, Any]]:
        """The rows with a value, by name."""
        return {row["name"]: row for row in self._document["benchmarks"]}

    @property
    def statuses(self) -> dict[str, tuple[str, str]]:
        """Status and reason of every row."""
        return {
            row["fullname"].rpartition("::")[2]: (row["status"], row["reason"])
            for row in self._document["pybench"]["rows"]
        }


def run(
    folder: Path,
    *words: str | Path,
    plugin: str = "",
    cwd: Path = ROOT,
    before: str = "",
) -> Done:
    """Run pytest in a child.

    Parameters
    ----------
    folder : Path
        Where its files go.
    words : str or Path
        What it runs, and options.
    plugin : str
        Text of a plugin that takes something away.
    cwd : Path
        Its working directory.
    before : str
        Statements that the child does before it becomes pytest.
    """
    (folder / "takes_away.py").write_text(plugin)
    arguments = [
        *("-m", "pytest", *SMALL, "--benchmark-quiet", "-p", "takes_away"),
        *("-o", f"cache_dir={folder / 'cache'}"),
        f"--benchmark-json={folder / 'out.json'}",
        f"--benchmark-storage={folder / 'storage'}",
        *map(str, words),  # last, so that they win
    ]
    program = (
        f"import os, sys\n{before}\n"
        f"os.execv(sys.executable, [sys.executable, *{arguments!r}])"
    )
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=STUCK_S,
    )
    return Done(folder, done.returncode, done.stdout)


def files_with(pattern: str) -> list[Path]:
    """List the suite's files that mention something."""
    return [
        path
        for path in sorted(SUITE.glob("*/test_*.py"))
        if re.search(pattern, path.read_text())
    ]


def without(statuses: dict[str, tuple[str, str]], *good: str) -> dict[str, Any]:
    """Return the rows that ended in another way, for the message of an assertion."""
    return {name: status for name, status in statuses.items() if status[0] not in good}


PACKAGES = ("numpy", "torch", "psutil", "uvloop", "threadpoolctl")


def test_missing_packages_leave_their_rows_not_available(tmp_path: Path) -> None:
    """With the command that installs them; the other rows are measured."""
    block = f"import sys\nsys.modules.update(dict.fromkeys({PACKAGES!r}))\n"
    needing = files_with(rf"\b({'|'.join(PACKAGES)})\b")

    done = run(tmp_path, SUITE / "memory" / "test_refcount.py", *needing, plugin=block)

    assert done.status == pytest.ExitCode.OK, done.output
    assert without(done.statuses, "measured", "disturbed", "n/a") == {}
    assert "test_benchmark_memory_refcount_owned" in done.measured
    for category in ("numpy", "pytorch"):
        found = {
            name: status
            for name, status in done.statuses.items()
            if name.startswith(f"test_benchmark_{category}_")
        }
        assert without(found, "n/a") == {}
        assert [why for _, why in found.values() if "pip install" not in why] == []


RAISING = """
import pytest

def test_benchmark_first(unrolled, benchmark):
    benchmark(unrolled("number + 1", number=1))

def test_benchmark_in_a_statement(unrolled, benchmark):
    benchmark(unrolled("number / 0", number=1))

def test_benchmark_in_a_thread(crew, benchmark):
    def fail():
        raise LookupError("gone")

    benchmark(crew(int, fail))

def test_benchmark_in_the_result(crew, benchmark):
    benchmark(crew(int, int))
    assert False, "updates were lost"

def test_benchmark_last(crew, benchmark):
    benchmark(crew(int, int))
"""


def test_rows_that_raise_do_not_stop_the_others(tmp_path: Path) -> None:
    """Nor the threads of a crew; the exit status tells, and so does the file."""
    for name in ("conftest.py", "quick.txt"):
        (tmp_path / name).write_text((SUITE / name).read_text())
    (tmp_path / "test_raising.py").write_text(RAISING)

    done = run(tmp_path, tmp_path / "test_raising.py", cwd=tmp_path)

    assert done.status == pytest.ExitCode.TESTS_FAILED, done.output
    assert done.statuses == {
        "test_benchmark_first": ("measured", ""),
        "test_benchmark_in_a_statement": (
            "error",
            "ZeroDivisionError: division by zero",
        ),
        "test_benchmark_in_a_thread": ("error", "LookupError: gone"),
        "test_benchmark_in_the_result": ("error", "AssertionError: updates were lost"),
        "test_benchmark_last": ("measured", ""),
    }
    assert list(done.measured) == ["test_benchmark_first", "test_benchmark_last"]
    assert "2 rows measured" in done.output
    assert "3 errors" in done.output


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="n/a: no affinity on this system"
)
def test_one_cpu_is_enough_and_rows_of_several_threads_say_so(tmp_path: Path) -> None:
    """They end, and are oversubscribed: kernels, crews, and those that hand over."""
    files = ["memory/test_refcount", "gil/test_switching"]
    files += [f"threading/test_{area}" for area in ("counters", "sharing", "locks")]

    done = run(
        tmp_path,
        *(SUITE / f"{name}.py" for name in files),
        before="os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})",
    )

    assert done.status == pytest.ExitCode.OK, done.output
    assert without(done.statuses, "measured", "disturbed", "n/a") == {}
    threads = {}
    labelled = set()
    for name, row in done.measured.items():
        facts = [row["extra_info"], row["extra_info"]["pybench"]]
        threads[name] = max(one.get("threads", 1) for one in facts)
        if any(one.get("oversubscribed") for one in facts):
            labelled.add(name)
    assert labelled == {name for name, count in threads.items() if count > 1}
    assert len(labelled) > 20


def check_unwritable(folder: Path, done: Done) -> None:
    """Every row was measured, and each thing that could not be written is named."""
    assert done.status == pytest.ExitCode.TESTS_FAILED, done.output
    counts = json.loads((folder / "counts.json").read_text())
    assert counts["rows_measured"] >= 9
    assert counts["rows_error"] == counts["rows_not_run"] == 0
    for said in ("iterations cannot be stored", "the journal", "the results cannot"):
        assert f"note: {said}" in done.output
    assert "Traceback" not in done.output


def test_place_that_cannot_be_written_costs_no_row(tmp_path: Path) -> None:
    """Not even the superuser can write below a file."""
    blocked = tmp_path / "file"
    blocked.touch()

    done = run(
        tmp_path,
        SUITE / "memory" / "test_refcount.py",
        *("-o", f"cache_dir={blocked / 'cache'}"),
        f"--benchmark-json={blocked / 'out.json'}",
        f"--benchmark-storage={blocked / 'storage'}",
        f"--pybench-counts={tmp_path / 'counts.json'}",
    )

    check_unwritable(tmp_path, done)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="n/a: no /proc to sit in")
def test_working_directory_that_cannot_be_written_costs_no_row(tmp_path: Path) -> None:
    """With the default places for all that is saved: nobody can write to /proc."""
    done = run(
        tmp_path,
        SUITE / "memory" / "test_refcount.py",
        *("--benchmark-json=out.json", "--benchmark-storage=file://./.benchmarks"),
        f"--pybench-counts={tmp_path / 'counts.json'}",
        cwd=Path("/proc"),
    )

    check_unwritable(tmp_path, done)


CLOSED = """
import socket

connect = socket.socket.connect

def refuse(self, address):
    if isinstance(address, tuple):
        raise ConnectionRefusedError(111, "Connection refused")
    return connect(self, address)

socket.socket.connect = refuse
"""


def test_closed_loopback_leaves_its_rows_not_available(tmp_path: Path) -> None:
    """Those of TCP and UDP; Unix sockets and pairs go on."""
    done = run(tmp_path, SUITE / "async" / "test_streams.py", plugin=CLOSED)

    assert done.status == pytest.ExitCode.OK, done.output
    closed = [
        name for name, (status, _) in done.statuses.items() if status != "measured"
    ]
    assert "test_benchmark_async_tcp_round_trip" in closed
    assert {done.statuses[name] for name in closed} == {
        (
            "n/a",
            "no connection over 127.0.0.1 (Connection refused); bring up the loopback",
        )
    }
    assert "test_benchmark_async_socket_round_trip" in done.measured


NO_PROC = """
import builtins, io, os

def hidden(function):
    def hide(path, *arguments, **options):
        if isinstance(path, (str, bytes, os.PathLike)):
            if os.fsdecode(path).startswith("/proc"):
                raise FileNotFoundError(2, "No such file or directory", path)
        return function(path, *arguments, **options)

    return hide

for module, name in ((builtins, "open"), (io, "open"), (os, "open"), (os, "listdir")):
    setattr(module, name, hidden(getattr(module, name)))
"""


def test_without_proc_every_row_has_a_value_or_a_reason(tmp_path: Path) -> None:
    """Identity and quick rows do without; what needs it says so."""
    quick = SUITE / "gil", SUITE / "interpreter", SUITE / "threading", "-m", "quick"

    done = run(tmp_path, *quick, plugin=NO_PROC)
    (tmp_path / "out.json").unlink()
    reading = files_with(r"/proc|\bpsutil\b")
    rest = run(tmp_path, *reading, plugin=NO_PROC) if reading else done

    for one in (done, rest):
        assert one.status == pytest.ExitCode.OK, one.output
        assert without(one.statuses, "measured", "disturbed", "n/a") == {}
    assert "usable (affinity" in done.output
    assert "no quota" in done.output
