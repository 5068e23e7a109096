"""`pybench profile` as somebody types it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pybench.cli import status

COMMAND = [sys.executable, "-m", "pybench.cli", "profile"]


def pybench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["run", "nothing.py"], "nothing.py does not exist"),
        (["run", "json:nothing"], "json has no 'nothing'"),
        (["run", "nothing_like_it:run"], "nothing_like_it"),
        (["run", "json:dumps", "--python", "9.9"], "--python '9.9'"),
        (["run", "json:dumps", "--repeat", "0"], "'0' is not a number"),
        (["run", "json:dumps", "--timeout", "never"], "'never' is not a number"),
    ],
)
def test_wrong_usage_is_named(words: list[str], reason: str) -> None:
    done = pybench(*words)

    assert done.returncode == status.USAGE
    assert reason in done.stderr


def test_target_that_raises_is_a_failure_with_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "target.py"
    path.write_text("raise ValueError('broken')\n")

    done = pybench("run", str(path), "--repeat", "1")

    assert done.returncode == status.FAILED
    assert "PROBLEM: plain: it raised ValueError: broken" in done.stdout
    assert "cannot tell" in done.stdout


def test_interruption_prints_and_saves_what_there_is(tmp_path: Path) -> None:
    path, record = tmp_path / "target.py", tmp_path / "record.json"
    path.write_text("import time\ntime.sleep(1)\n")
    child = subprocess.Popen(
        [*COMMAND, "run", str(path), "--json", str(record)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    time.sleep(6)
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=30)

    assert child.returncode == status.INTERRUPTED
    assert "cannot tell" in said
    assert json.loads(record.read_text())["pybench"] == "bottleneck"


def test_function_is_profiled_and_recorded(tmp_path: Path) -> None:
    path, record = tmp_path / "target.py", tmp_path / "record.json"
    path.write_text("def run(threads=1):\n    return sum(range(1000))\n")

    done = pybench("run", f"{path}:run", "--repeat", "2", "--json", str(record))

    assert done.returncode == status.OK, done.stdout + done.stderr
    for word in ("baseline", "steady", "GC pause times", "many threads", "verdict"):
        assert word in done.stdout
    assert "builtins.sum" in done.stdout
    document = json.loads(record.read_text())
    assert document["schema"] == 1
    assert document["steady"]["count"] == 2
    assert {"bytecode", "C code", "I/O"} <= {one["name"] for one in document["causes"]}
    assert document["runs"]
