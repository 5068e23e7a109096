"""Closed, full and broken standard streams, and those that know ASCII alone."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pybench import streams
from pybench.cli import status
from pybench.profiles import scenario

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(os.name != "posix", reason="redirections of a shell"),
]

# Prints, writes bytes, lets a child print, and ends with a status of its own.
DRIVER = """
import subprocess, sys
from pybench import streams
streams.prepare()
print("shown \\u00b7 \\u25b2 \\ud800 \\u0436", flush=True)
for _ in range(3000):
    print("x" * 70)
sys.stdout.buffer.write(b"bytes")
print("told \\u00b1", file=sys.stderr)
sys.stdin.isatty()
with streams.outlet(1) as out:
    child = subprocess.run([sys.executable, "-c", "print('y' * 100000)"], stdout=out)
with open(sys.argv[1], "w") as file:
    file.write(str(child.returncode))
streams.finish()
sys.exit(3)
"""
# And what standard error is to say of them, None where it is not to be seen.
FULL = "pybench: standard output took only a part: No space left on device"
REDIRECTIONS = {
    "": [],
    "2>&-": None,
    ">&-": [],
    "<&- >&- 2>&-": None,
    ">/dev/full": [FULL],
    ">/dev/full 2>/dev/full": None,
    "| true": [],
    "| head -1": [],
}


def shell(
    command: list[str], redirection: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a pipeline, and end with its status and not the last one's."""
    text = f"{shlex.join(command)} {redirection}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(
        ["bash", "-c", text],
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


@pytest.mark.parametrize("redirection", REDIRECTIONS)
def test_status_and_children_do_not_depend_on_a_stream(
    tmp_path: Path, redirection: str
) -> None:
    done = shell([sys.executable, "-c", DRIVER, str(tmp_path / "child")], redirection)

    assert done.returncode == 3
    assert (tmp_path / "child").read_text() == "0"
    said = REDIRECTIONS[redirection]
    assert done.stderr.splitlines() == ([] if said is None else ["told ±", *said])


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "ascii:strict"},
    ],
    ids=str,
)
def test_what_ascii_cannot_show_is_replaced(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    done = shell(
        [sys.executable, "-c", DRIVER, str(tmp_path / "child")], "", **variables
    )

    assert done.returncode == 3
    assert done.stdout.splitlines()[0] == r"shown . ^ \ud800 \u0436"
    assert done.stdout.endswith("bytes" + "y" * 100000 + "\n")
    assert done.stderr == "told ~\n"


def test_utf8_shows_all_that_is_text(tmp_path: Path) -> None:
    done = shell(
        [sys.executable, "-c", DRIVER, str(tmp_path / "child")],
        "",
        PYTHONIOENCODING="utf-8",
    )

    assert done.stdout.splitlines()[0] == r"shown · ▲ \ud800 ж"


def test_a_stream_that_captures_stays(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    streams.prepare()

    assert (sys.stdout, sys.stderr) == before
    print("kept")  # noqa: T201
    assert capsys.readouterr().out == "kept\n"


def saved(path: Path, factor: float) -> Path:
    """Write a file of pytest-benchmark with one row of four processes."""
    times = [factor * time for time in (1.0, 1.01, 0.99, 1.005)]
    row = {"fullname": "test_a.py::test_row", "stats": {"median": factor}}
    alu = {"fullname": "test_y.py::test_alu", "group": "yardstick"} | {
        "stats": {"median": 1.0}
    }
    known = {"fullname": row["fullname"], "process_medians_s": times}
    document = {
        "machine_info": {},
        "benchmarks": [row, alu],
        "pybench": {"schema": 1, "rows": [known]},
    }
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("redirection", "variables"),
    [
        ("", {"LC_ALL": "C", "PYTHONUTF8": "0"}),
        (">/dev/full 2>&-", {}),
        ("| true", {}),
    ],
    ids=str,
)
def test_compare_confirms_whatever_becomes_of_its_table(
    tmp_path: Path, redirection: str, variables: dict[str, str]
) -> None:
    for name in ("msgspec", "scipy", "rich"):
        pytest.importorskip(name, reason=f"n/a: {name} is not installed here")
    files = [str(saved(tmp_path / f"{factor}.json", factor)) for factor in (1.0, 2.0)]
    done = shell(
        [sys.executable, "-m", "pybench", "compare", *files, "--fail-on=slower"],
        redirection,
        **variables,
    )

    assert done.returncode == status.CONFIRMED, done.stderr
    assert done.stderr == "" or "No space left" in done.stderr


@pytest.mark.parametrize("redirection", [">&- 2>&-", ">/dev/full", "| true"])
def test_a_scenario_saves_its_record(tmp_path: Path, redirection: str) -> None:
    words = ["cpu", "--workers=1", "--iterations=2", "--work-iters=1", "--warmup=0"]
    record = tmp_path / "record.json"
    launch = [sys.executable, "-P", "-c", scenario._LAUNCH]
    with scenario._source() as source:
        done = shell([*launch, source, *words, f"--json={record}"], redirection)

    assert done.returncode == status.OK
    assert json.loads(record.read_text())["result"]["iterations_done"] == 2
