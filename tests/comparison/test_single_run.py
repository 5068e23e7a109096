"""One suite on one interpreter, in a child: what is kept, and what is said."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest

from pybench import children
from pybench.comparison.single_run import NotReadyError, check_ready, measure
from pybench.comparison.suites import find_suite
from pybench.interpreters import Interpreter, probe

FakePytest = Callable[[str], Interpreter]


@pytest.fixture
def fake_pytest(tmp_path: Path) -> FakePytest:
    """Return a maker of interpreters whose pytest is a few lines of shell."""

    def make(body: str) -> Interpreter:
        path = tmp_path / "python"
        path.write_text(
            "#!/bin/sh\n"
            "for word; do case $word in\n"
            '  --benchmark-json=*) json=${word#*=}; : >"$json";;\n'
            "  --pybench-counts=*) counts=${word#*=};;\n"
            f"esac; done\n{body}\n"
        )
        path.chmod(0o755)
        return Interpreter(
            path=path,
            implementation="CPython",
            version="3.14.0",
            soabi="cpython",
            prefix=tmp_path,
            free_threaded=False,
            gil_enabled=True,
            jit=None,
            pgo=False,
            lto=False,
            debug=False,
        )

    return make


def test_result_and_counts_are_read(fake_pytest: FakePytest, tmp_path: Path) -> None:
    python = fake_pytest(
        """echo '{"benchmarks": []}' >"$json"; echo '{"n": 1}' >"$counts"; exit 1"""
    )

    measured = measure(python, find_suite(str(tmp_path)), [], tmp_path / "out.json")

    assert measured.status == 1
    assert measured.counts == {"n": 1}
    assert measured.document == {"benchmarks": []}
    assert json.loads((tmp_path / "out.json").read_text()) == {"benchmarks": []}


@pytest.mark.parametrize("body", ["exit 4", "kill -9 $$", 'echo "{" >"$json"'])
def test_older_result_stays_when_nothing_was_saved(
    fake_pytest: FakePytest, tmp_path: Path, body: str
) -> None:
    """Or was torn, as on a full disk."""
    (tmp_path / "out.json").write_text('{"older": true}')

    measured = measure(
        fake_pytest(body), find_suite(str(tmp_path)), [], tmp_path / "out.json"
    )

    assert measured.document == {}
    assert measured.counts == {}
    assert (tmp_path / "out.json").read_text() == '{"older": true}'


def test_no_file_is_left_when_nothing_was_saved(
    fake_pytest: FakePytest, tmp_path: Path
) -> None:
    """Neither an empty one nor a folder of ours."""
    measure(fake_pytest("exit 3"), find_suite(str(tmp_path)), [], tmp_path / "out.json")

    assert [path.name for path in tmp_path.iterdir()] == ["python"]


def test_nothing_is_saved_unasked(fake_pytest: FakePytest, tmp_path: Path) -> None:
    python = fake_pytest('test -z "$json" && exit 0')

    assert measure(python, find_suite(str(tmp_path)), [], None).status == 0


def test_interpreter_without_pybench_says_how_to_get_it(
    fake_pytest: FakePytest,
) -> None:
    python = fake_pytest("echo \"No module named 'pytest_benchmark'\" >&2; exit 1")

    with pytest.raises(NotReadyError, match=r"No module named.*make setup PYTHON="):
        check_ready(python)


def test_this_interpreter_is_ready() -> None:
    """Or these tests would not run."""
    import sys

    check_ready(probe(sys.executable))


def open_without_writer(fifo: Path) -> TextIO:
    """Open a FIFO at once: who should write may fail, and would never open it."""
    return os.fdopen(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK))


@pytest.mark.once
def test_pytest_ends_and_folders_go_when_pybench_is_killed(tmp_path: Path) -> None:
    """Nothing of it can act any more: the guard does, and keeps the older result."""
    output = tmp_path / "out" / "a.json"
    output.parent.mkdir()
    output.write_text('{"older": true}')
    ready, gone = tmp_path / "ready", tmp_path / "gone"
    os.mkfifo(gone)
    stuck = tmp_path / "stuck.py"
    # Whoever reads the FIFO is told by its end that the last process is gone.
    stuck.write_text(
        "import pathlib, sys, time\n"
        f"held = open({str(gone)!r}, 'w')\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(600)\n"
    )
    program = (
        "import sys; from pathlib import Path;"
        "from pybench.comparison.single_run import measure;"
        "from pybench.comparison.suites import find_suite;"
        "from pybench.interpreters import probe;"
        "python, suite = probe(sys.executable), find_suite('.');"
        f"measure(python, suite, [], Path({str(output)!r}), start=[{str(stuck)!r}])"
    )
    with (
        subprocess.Popen([sys.executable, "-c", program]) as killed,
        open_without_writer(gone) as last,
    ):
        while not ready.exists():
            assert killed.poll() is None
            time.sleep(0.01)
        os.set_blocking(last.fileno(), True)
        killed.kill()
        assert last.read() == ""
    while [path.name for path in output.parent.iterdir()] != ["a.json"]:
        time.sleep(0.01)  # the guard is putting it in order
    assert output.read_text() == '{"older": true}'


@pytest.mark.once
def test_document_is_read_without_an_output_if_it_is_wanted(tmp_path: Path) -> None:
    saving = tmp_path / "saving.py"
    saving.write_text(
        "import pathlib, sys\n"
        "for word in sys.argv:\n"
        "    if word.startswith('--benchmark-json='):\n"
        "        pathlib.Path(word.partition('=')[2]).write_text('{\"a\": 1}')\n"
    )
    python, start = probe(sys.executable), [str(saving)]

    read = measure(
        python, find_suite(str(tmp_path)), [], None, start=start, is_read=True
    )
    unread = measure(python, find_suite(str(tmp_path)), [], None, start=start)

    assert (read.document, unread.document) == ({"a": 1}, {})


@pytest.mark.once
def test_guard_ends_as_its_command_did(tmp_path: Path) -> None:
    for ending, status in (("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", -9)):
        reading, writing = os.pipe()
        command = [sys.executable, "-c", f"import os, sys; {ending}"]
        line = [
            sys.executable,
            "-IS",
            children.__file__,
            str(reading),
            str(os.getpid()),
        ]
        done = subprocess.run(
            [*line, str(tmp_path), "", *command], pass_fds=[reading], check=False
        )
        os.close(reading)
        os.close(writing)

        assert done.returncode == status


@pytest.mark.once
def test_command_that_cannot_be_started_is_named(
    tmp_path: Path, fake_pytest: FakePytest, capfd: pytest.CaptureFixture[str]
) -> None:
    python = fake_pytest("exit 0")
    python.path.write_bytes(b"\x7fELF no program")

    assert (
        measure(python, find_suite(str(tmp_path)), [], None).status
        == children.CANNOT_RUN
    )
    assert f"pybench: {python.path}: " in capfd.readouterr().err
