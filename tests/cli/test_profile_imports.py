"""`pybench profile imports` as somebody types it."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pybench.cli import profile_imports as imports
from pybench.cli import status
from pybench.records.imports import Cost, Estimate, Module

Pybench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def profile(
    pybench: Pybench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Pybench:
    """Return what runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return functools.partial(pybench, "profile", "imports")


def test_imports_are_shown_and_saved(profile: Pybench, tmp_path: Path) -> None:
    (tmp_path / "subject.py").write_text("import below\n")
    (tmp_path / "below.py").write_text("")

    done = profile("subject", "--repeat", "2", "--json", "record.json", "--all")

    assert done.returncode == status.OK, done.stderr
    assert "2 fresh processes of each kind" in done.stdout
    lines = done.stdout.splitlines()
    (importer,) = [i for i, line in enumerate(lines) if line.endswith("  subject")]
    assert lines[importer + 1].endswith("    below")
    for word in ("interpreter", "site", "warm", "cold", "lazy imports", "deferred"):
        assert word in done.stdout
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["pybench"] == "imports"
    assert record["repeats"] == 2


def test_time_left_is_told(profile: Pybench, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first repeat and the last; those between come too soon after it."""
    monkeypatch.setattr(imports, "SHOWN_AFTER_S", 0.0)

    done = profile("sys", "--repeat", "2")

    first, last = done.stderr.splitlines()
    assert first.startswith("pybench: repeat 1 of 2, ")
    assert first.endswith(" left")
    assert last.startswith("pybench: repeat 2 of 2, ")


def test_record_on_standard_output_is_alone_there(profile: Pybench) -> None:
    done = profile("sys", "--repeat", "2", "--json", "-", "--python", sys.executable)

    assert done.returncode == status.OK, done.stderr
    assert json.loads(done.stdout)["module"] == "sys"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no_such_module_here",), "has no module 'no_such_module_here'"),
        (("tools/tool.py",), "'tools/tool.py' is a path"),
        (("json", "--repeat", "1"), "'1' is no whole number from 2 on"),
        (("json", "--repeat", "many"), "'many' is no whole number from 2 on"),
        (("json", "--timeout", "0"), "'0' is no time"),
        (("json", "--timeout", "nan"), "'nan' is no time"),
        (("json", "--python", "/no/python"), "/no/python: no such file"),
        (("json", "--json", "no/where.json"), "no folder"),
        (("json", "--json", "."), "is a folder"),
        ((), "the following arguments are required: MODULE"),
    ],
)
def test_usage_errors(profile: Pybench, words: tuple[str, ...], message: str) -> None:
    done = profile(*words)

    assert done.returncode == status.USAGE, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("source", "words", "message"),
    [
        ("raise SystemExit", (), "exits when it is imported"),
        ("while 1: pass", ("--timeout", "1"), "never returned from the import"),
    ],
)
def test_import_that_fails_is_told_by_the_exit_status(
    profile: Pybench, tmp_path: Path, source: str, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "subject.py").write_text(source)

    done = profile("subject", *words)

    assert done.returncode == status.FAILED
    assert message in done.stderr
    assert done.stdout == ""


def test_interruption_shows_and_saves_whole_repeats(tmp_path: Path) -> None:
    """Ctrl-C, once the third repeat has begun."""
    (tmp_path / "subject.py").write_text("open('count', 'a').write('x')\n")
    words = [sys.executable, "-m", "pybench", "profile", "imports", "subject"]
    with subprocess.Popen(
        [*words, "--repeat", "1000", "--json", "record.json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as child:
        count = tmp_path / "count"
        while not count.exists() or count.stat().st_size < 14:
            assert child.poll() is None
            time.sleep(0.05)
        os.killpg(child.pid, signal.SIGINT)
        output, _ = child.communicate(timeout=300)

    assert child.returncode == status.INTERRUPTED, output
    assert "of 1000 repeats were done" in output
    assert 1 <= json.loads((tmp_path / "record.json").read_text())["repeats"] < 1000


def test_small_modules_are_counted_unless_all_are_wanted() -> None:
    """What is large in either kind is shown."""
    tree = (
        module("top", 100.0, 100.0),
        module("small", 0.1, 0.1),
        module("only_cold", 0.1, 50.0),
    )

    shown = [*imports.tree_lines(tree)]
    everything = [*imports.tree_lines(tree, everything=True)]

    assert [line.split()[-1] for line in shown[2:-1]] == ["top", "only_cold"]
    assert shown[-1] == "1 modules below 1% are not shown: --all"
    assert len(everything) == 2 + 3


def module(name: str, warm_ns: float, cold_ns: float) -> Module:
    """Make a module without children."""
    warm, cold = (
        Estimate(mean_ns=ns, half_ns=ns / 10, processes=2) for ns in (warm_ns, cold_ns)
    )
    return Module(
        name=name, warm=Cost(own=warm, total=warm), cold=Cost(own=cold, total=cold)
    )


@pytest.mark.parametrize(
    ("mean", "half", "words"),
    [
        (45.2e6, 2.1e6, "45.2 ms ± 2.1 ms"),
        (-3.4e3, 5e5, "-3.4 µs ± 500 µs"),
        (0.0, 0.0, "0 ns ± 0 ns"),
        (2e9, None, "2 s (one process)"),
    ],
)
def test_times_have_their_interval(mean: float, half: float | None, words: str) -> None:
    assert imports.spread(Estimate(mean_ns=mean, half_ns=half, processes=9)) == words
