"""The step that compares: its status is that of the command, whatever that prints."""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import compare
import pytest
from plan import Plan, write_plan

if TYPE_CHECKING:
    from tests.scripts.action.conftest import Runner

pytestmark = pytest.mark.once


def folder_with(tmp_path: Path, program: str) -> Path:
    """Return the folder of a plan whose pybench is a small program."""
    plan = Plan(
        command=("compare", "3.14", "--ref=a", "--suite=$(x) y"),
        extras=(),
        versions=(),
        base="a",
        head="HEAD",
        number=5,
    )
    write_plan(plan, tmp_path)
    path = compare.pybench(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text(f"#!{sys.executable} -S\nimport sys\n{program}\n")
    path.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("status", [0, 1, 2, 3, 4, 130])
def test_status_is_that_of_the_command(
    status: int,
    runner: "Runner",
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    said = "::error::not yours\\n"
    program = f"sys.stderr.write('{said}'); print(sys.argv[1:]); sys.exit({status})"
    folder = folder_with(tmp_path, program)

    assert compare.compare(folder) == 0
    output = capfd.readouterr()
    assert runner.outputs() == {"status": str(status)}
    words = ["compare", "3.14", "--ref=a", "--suite=$(x) y", "-o", str(folder / "run")]
    assert str(words) in output.out
    assert (folder / compare.LAST_WORDS).read_text() == "::error::not yours\n"
    # The runner takes no command before the word that only this step knows.
    first, last = [line for line in output.out.splitlines() if line.startswith("::")]
    assert first == f"::stop-commands::{last.strip(':')}"


def test_command_that_is_missing_has_failed(runner: "Runner", tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "")
    compare.pybench(folder).unlink()

    compare.compare(folder)

    assert runner.outputs() == {"status": "4"}
    assert "No such file" in (folder / compare.LAST_WORDS).read_text()


def test_command_that_is_killed_has_failed(runner: "Runner", tmp_path: Path) -> None:
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    folder = folder_with(tmp_path, program)

    compare.compare(folder)

    assert runner.outputs() == {"status": "4"}
    assert "ended by signal 9" in (folder / compare.LAST_WORDS).read_text()


def test_cancelled_job_interrupts_the_command(
    runner: "Runner", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print("ready", file=sys.stderr, flush=True)
signal.sigwait({signal.SIGINT})
print("saved", file=sys.stderr)
sys.exit(130)
"""

    class Cancelled(io.StringIO):
        def write(self, text: str) -> int:
            if text == "ready\n":
                raise KeyboardInterrupt
            return super().write(text)

    folder = folder_with(tmp_path, program)
    monkeypatch.setattr(sys, "stderr", Cancelled())

    compare.compare(folder)

    assert runner.outputs() == {"status": "130"}
    assert (folder / compare.LAST_WORDS).read_text() == "ready\nsaved\n"


def test_last_lines_alone_are_kept(runner: "Runner", tmp_path: Path) -> None:
    program = "for n in range(1000): print(n, file=sys.stderr)"
    folder = folder_with(tmp_path, program)

    compare.compare(folder)

    lines = (folder / compare.LAST_WORDS).read_text().split()
    assert lines == [str(n) for n in range(960, 1000)]
