"""Children: what is said of each way to end, and that nothing of them is left."""

import os
import signal
import sys
from pathlib import Path

import pytest

from pybench import children

pytestmark = pytest.mark.once


def python(program: str) -> list[str]:
    """Return the command of a program of Python."""
    return [sys.executable, "-IS", "-c", program]


def test_output_errors_and_status_are_kept() -> None:
    result = children.run(
        python("import sys; print(input()); sys.exit('no such thing')"), text="hello\n"
    )

    assert (result.status, result.stdout) == (1, "hello\n")
    assert result.problem == "ended with exit status 1"
    assert result.last_line == "no such thing"


def test_success_has_no_problem() -> None:
    result = children.run(python("print('done')"))

    assert (result.status, result.problem) == (0, "")
    assert result.last_line == "done"


def test_errors_can_come_with_the_output() -> None:
    result = children.run(python("import sys; sys.stderr.write('late')"), merged=True)

    assert (result.stdout, result.stderr) == ("late", "")


def test_what_is_no_text_is_decoded_as_asked() -> None:
    command = python(r"import sys; sys.stdout.buffer.write(b'\xff')")

    assert children.run(command).stdout == "\ufffd"
    assert children.run(command, errors="surrogateescape").stdout == "\udcff"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "ended with exit status 0"),
        (3, "ended with exit status 3"),
        (-9, "was ended by SIGKILL"),
        (-99, "was ended by signal 99"),
    ],
)
def test_each_end_is_described(status: int, text: str) -> None:
    assert children.describe_end(status) == text


def test_signal_is_named() -> None:
    result = children.run(python("import os; os.kill(os.getpid(), 9)"))

    assert (result.status, result.problem) == (-9, "was ended by SIGKILL")


def test_missing_program_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    result = children.run([tmp_path / "none"])

    assert result.status is None
    assert result.problem == "cannot be started: No such file or directory"
    assert result.last_line == "no message"


def test_grandchild_that_holds_the_output_ends_with_the_time_out() -> None:
    """Else it would be waited for, as long as it likes."""
    program = (
        "import os, time; os.fork() or time.sleep(600); print(os.getpid(), flush=True);"
        "time.sleep(600)"
    )
    # At once: which of them has begun by then makes no difference.
    result = children.run(python(program), timeout_s=0)

    assert result.status is None
    assert result.problem == "did not end within 0 s"


def test_child_is_ended_with_all_it_started() -> None:
    program = "import os, time; os.fork(); os.write(1, b'x'); time.sleep(600)"
    reading, writing = os.pipe()
    with children.start(python(program), stdout=writing) as child:
        os.close(writing)
        assert b"".join(os.read(reading, 1) for _ in range(2)) == b"xx"
        assert children.group_runs(child.pid)
        assert child.end_group()
        status, cpu_ns = child.reap() or (0, 0)
    # The end of the pipe: nobody holds it any more.
    assert os.read(reading, 1) == b""
    os.close(reading)

    assert status == -signal.SIGKILL
    assert cpu_ns > 0


def valgrind(folder: Path, said: str) -> None:
    """Write a valgrind that says its version."""
    path = folder / "valgrind"
    path.write_text(f"#!/bin/sh\n{said}\n")
    path.chmod(0o755)


def test_callgrind_stands_before_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    valgrind(tmp_path, "echo valgrind-3.19.0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    found = children.find_callgrind(tmp_path)

    assert found.version == "valgrind-3.19.0"
    assert found.command[0] == str(tmp_path / "valgrind")
    files = found.environ[children.CALLGRIND_FILES]
    assert f"--callgrind-out-file={files}" in found.command


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (None, "not installed: `apt install valgrind`"),
        ("echo valgrind-3.14.0", "is valgrind-3.14.0, too old to count: 3.15"),
        ("echo no", "its version is 'no'"),
        ("exit 3", "--version: ended with exit status 3"),
    ],
)
def test_why_nothing_counts_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None, problem: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if said is not None:
        valgrind(tmp_path, said)

    with pytest.raises(children.CallgrindError, match=problem):
        children.find_callgrind(tmp_path)
