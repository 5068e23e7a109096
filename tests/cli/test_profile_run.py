"""`pybench profile` as somebody types it."""

import json
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from pybench.children import start
from pybench.cli import main, make_parser, profile_run, status
from pybench.profiles import experiments
from pybench.profiles.targets import Target
from pybench.records.bottleneck import Estimate
from pybench.records.profile_run import (
    GC_FROZEN,
    GC_OFF,
    GC_RAISED,
    PAUSES,
    PLAIN,
    WHOLE,
)
from pybench.report.bottleneck import in_ms

COMMAND = [sys.executable, "-m", "pybench", "profile"]


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


Pybench = Callable[..., Ended]


@pytest.fixture
def pybench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Pybench:
    """Return what runs ``pybench profile`` in this process, with short executions."""
    monkeypatch.setattr(experiments, "BUDGET_S", 0.01)

    def run(*words: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(["profile", *words])
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["run", "nothing.py"], "nothing.py does not exist"),
        (["run", "json:nothing"], "json has no 'nothing'"),
        (["run"], "name a TARGET, or -m MODULE"),
        (["run", "--", "-v"], "-v does not exist"),
        (["run", "nothing_like_it:run"], "nothing_like_it"),
        (["run", "json:dumps", "--python", "nowhere/python"], "no such file"),
        (["run", "json:dumps", "--repeat", "0"], "'0' is no whole number from 1 on"),
        (["run", "json:dumps", "--timeout", "never"], "'never' is no"),
    ],
)
def test_wrong_usage_is_named(pybench: Pybench, words: list[str], reason: str) -> None:
    ended = pybench(*words)

    assert ended.status == status.USAGE
    assert reason in ended.err


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('broken')", "it raised ValueError: broken"),
        ("import sys; sys.exit(3)", "it ended with exit 3"),
        ("import os; os._exit(0)", "exit 0 in the middle (os._exit?)"),
        ("import time; time.sleep(600)", "it did not end within 2 s"),
    ],
)
def test_target_that_fails_is_a_failure_with_what_there_is(
    pybench: Pybench, tmp_path: Path, source: str, reason: str
) -> None:
    path = tmp_path / "target.py"
    path.write_text(source + "\n")

    limit = ["--timeout", "2"] if "sleep" in source else []
    ended = pybench("run", str(path), "--repeat", "1", *limit)

    assert ended.status == status.FAILED
    assert f"PROBLEM: plain: {reason}" in ended.out.replace(
        "its process ended with ", ""
    )
    assert "cannot tell" in ended.out


def test_target_that_forks_is_profiled(pybench: Pybench, tmp_path: Path) -> None:
    """And its other processes neither answer nor print in place of it."""
    path = tmp_path / "target.py"
    path.write_text(
        "import os\ndef run():\n    pid = os.fork()\n"
        "    if not pid:\n        return\n    os.waitpid(pid, 0)\n"
    )

    ended = pybench("run", f"{path}:run", "--repeat", "1")

    assert ended.status == status.OK, ended
    assert ended.out.count("verdict: ") == 1


def test_interruption_prints_and_saves_what_there_is(tmp_path: Path) -> None:
    path, record, begun = (tmp_path / name for name in ("a.py", "a.json", "begun"))
    path.write_text(
        f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(600)\n"
    )
    child = start(
        [*COMMAND, "run", str(path), "--json", str(record)], stdout=subprocess.PIPE
    )
    while not begun.exists():
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=300)

    assert child.returncode == status.INTERRUPTED
    assert b"cannot tell" in said
    assert json.loads(record.read_text())["pybench"] == "bottleneck"


def test_function_is_profiled_and_recorded(
    pybench: Pybench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_run, "SHOWN_AFTER_S", 0.0)
    path, record = tmp_path / "target.py", tmp_path / "record.json"
    path.write_text("def run(threads=1):\n    return sum(range(1000))\n")

    ended = pybench("run", f"{path}:run", "--repeat", "2", "--json", str(record))

    assert ended.status == status.OK, ended
    for word in ("baseline", "steady", "GC pause times", "many threads", "verdict"):
        assert word in ended.out
    assert "builtins.sum" in ended.out
    document = json.loads(record.read_text())
    assert document["schema"] == 1
    assert document["steady"]["count"] == 2
    assert {"bytecode", "C code", "I/O"} <= {one["name"] for one in document["causes"]}
    assert document["runs"]
    # Of the processes that were said to come, each came.
    assert f"pybench: process {len(document['runs'])} of {len(document['runs'])}, " in (
        ended.err
    )


def estimate(mean_ms: float, half_ms: float, deviation_ms: float) -> Estimate:
    """Return an estimate of five processes."""
    return Estimate(
        mean=mean_ms * 1e6,
        half_width=half_ms * 1e6,
        deviation=deviation_ms * 1e6,
        count=5,
    )


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (
            estimate(45.23, 2.12, 1.71),
            "45.2 ms +/- 2.12 ms (95 %; standard deviation 1.71 ms, n 5)",
        ),
        # One unit for all, whatever their sizes.
        (
            estimate(1234.5, 0.0421, 0.05),
            "1234 ms +/- 0.0421 ms (95 %; standard deviation 0.05 ms, n 5)",
        ),
        (
            Estimate(mean=2e6, half_width=None, deviation=None, count=1),
            "2 ms (one process: no interval)",
        ),
        (None, "n/a"),
    ],
)
def test_time_of_a_section_is_in_milliseconds(time: Estimate | None, said: str) -> None:
    assert in_ms(time) == said


def test_without_a_target_three_sections_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the script, which is one code with ``pybench profile``."""
    monkeypatch.setattr(experiments, "BUDGET_S", 0.01)
    every = experiments.conditions_of
    shown = {WHOLE, PLAIN, GC_OFF, GC_FROZEN, GC_RAISED, PAUSES}
    monkeypatch.setattr(
        experiments,
        "conditions_of",
        lambda *args, **how: [name for name in every(*args, **how) if name in shown],
    )
    record = tmp_path / "record.json"
    script = Path(__file__).parents[2] / "scripts" / "performance_profiler.py"
    words = [str(script), "--repeat", "2", "--json", str(record)]
    monkeypatch.setattr(sys, "argv", words)

    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")

    assert ended.value.code == status.OK
    output = capsys.readouterr().out
    titles = ["Tight Loop", "GC Workload", "Import"]
    sections = re.split(r"=== (.+) Benchmark ===\n", output)
    assert sections[0] == ""
    assert sections[1::2] == titles
    for title, text in zip(titles, sections[2::2], strict=True):
        said = text.splitlines()
        assert re.match(r"Time: [\d.]+ ms \+/- [\d.]+ ms \(95 %; ", said[0]), title
        assert re.match(r"GC pause times: \[.*\]$", said[1]), title
        starts = [line.partition(": ")[0] for line in said]
        for word in ("Hypothesis", "Verdict"):
            assert starts.count(word) == 1, title
        conditions = ["Collector off", "Collector frozen", "Collector thresholds x100"]
        found = [word for word in starts if word.startswith("Collector")]
        assert found == (conditions if title == "GC Workload" else [])
    targets = json.loads(record.read_text())["targets"]
    assert [target["title"] for target in targets] == titles


@pytest.mark.once
@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["a.py", "--repeat", "2", "--", "-v", "--", "x"], ["-v", "--", "x"]),
        (["-m", "package", "--", "--json", "-"], ["--json", "-"]),
        (["-m", "package", "x"], ["x"]),
        (["a.py", "x", "--", "--repeat"], ["x", "--repeat"]),
        (["a.py"], []),
    ],
)
def test_words_after_the_dashes_are_the_programs(
    words: list[str],
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As they are, whatever they look like."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").touch()
    seen: list[Target] = []

    def find(_interpreter: object, target: Target, _options: object) -> None:
        seen.append(target)
        raise status.UsageError("enough")

    monkeypatch.setattr(profile_run, "measured", find)
    monkeypatch.setattr(profile_run, "find_interpreter", lambda _word: None)

    options = make_parser().parse_args(["profile", "run", *words])

    with pytest.raises(status.UsageError, match="enough"):
        options.command(options)
    assert [*seen[0].arguments] == arguments
