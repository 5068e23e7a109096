"""Asking an interpreter what it is: each way to fail, and one real answer."""

import json
import platform
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pybench.interpreters import Interpreter, ProbeError, probe

ANSWER: dict[str, Any] = {
    "implementation": "CPython",
    "version": "3.13.2",
    "soabi": "cpython-313t-x86_64-linux-gnu",
    "prefix": "/opt/python",
    "free_threaded": True,
    "gil_enabled": False,
    "jit": None,
    "pgo": True,
    "lto": False,
    "debug": False,
}
MakeFake = Callable[[str], Path]


@pytest.fixture
def make_fake(tmp_path: Path) -> MakeFake:
    """Return a function that writes a program which is to pass for an interpreter."""

    def make(body: str) -> Path:
        path = tmp_path / "python3.13t"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return make


def answering(make_fake: MakeFake, **changes: object) -> Path:
    """Make an interpreter that gives the answer above, with changes."""
    answer = {**ANSWER, **changes}
    return make_fake(f"echo 'pybench-probe {json.dumps(answer)}'")


def test_describes_the_interpreter_that_runs_this() -> None:
    """The one real round trip agrees with what this process knows of itself."""
    interpreter = probe(sys.executable)

    assert interpreter.version == platform.python_version()
    assert interpreter.soabi == sysconfig.get_config_var("SOABI")
    assert interpreter.prefix == Path(sys.base_prefix)
    assert interpreter.free_threaded == bool(
        sysconfig.get_config_var("Py_GIL_DISABLED")
    )
    assert interpreter.debug == hasattr(sys, "gettotalrefcount")
    assert interpreter.path == Path(sys.executable)


def test_a_gil_build_reports_the_gil_on() -> None:
    """Only a free-threaded build can report it off."""
    interpreter = probe(sys.executable)

    assert interpreter.gil_enabled or interpreter.free_threaded


def test_asks_for_the_bare_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's PYTHON* variables do not reach the answer."""
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")

    assert probe(sys.executable).version == platform.python_version()


def test_modules_in_the_working_directory_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A json.py that lies about has no say."""
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')\n")
    monkeypatch.chdir(tmp_path)

    assert probe(sys.executable).version == platform.python_version()


def test_names_kind_and_label_as_people_do(make_fake: MakeFake) -> None:
    """3.13t is the kind, with the patch and the letters of its build the label."""
    interpreter = probe(answering(make_fake, debug=True))

    assert interpreter.kind == "3.13t"
    assert interpreter.label == "3.13.2td"


def test_relative_path_becomes_absolute(
    make_fake: MakeFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The description is good from any working directory."""
    path = answering(make_fake)
    monkeypatch.chdir(path.parent)

    assert probe(path.name).path == path


def test_answer_is_found_among_other_output(make_fake: MakeFake) -> None:
    """A site hook that prints does not spoil the answer."""
    answer = f"pybench-probe {json.dumps(ANSWER)}"
    path = make_fake(f"echo welcome\necho '{answer}'\necho bye")

    assert isinstance(probe(path), Interpreter)


def test_missing_path_is_named(tmp_path: Path) -> None:
    """No such file."""
    with pytest.raises(ProbeError, match=r"absent: no such file"):
        probe(tmp_path / "absent")


def test_folder_is_no_interpreter(tmp_path: Path) -> None:
    """A folder is a common slip for the python in it."""
    with pytest.raises(ProbeError, match="not a file"):
        probe(tmp_path)


def test_file_without_permission_is_not_executable(make_fake: MakeFake) -> None:
    """It is told before anything is run."""
    path = make_fake("exit 0")
    path.chmod(0o644)

    with pytest.raises(ProbeError, match="not executable"):
        probe(path)


def test_file_of_no_known_format_cannot_be_run(tmp_path: Path) -> None:
    """What the system refuses to run is told in the system's words."""
    path = tmp_path / "python3"
    path.write_bytes(b"\x7fELF but cut off")
    path.chmod(0o755)

    with pytest.raises(ProbeError, match=r"cannot be started: .*another machine"):
        probe(path)


def test_program_that_hangs_is_given_up(make_fake: MakeFake) -> None:
    """A program that never answers ends with the limit in the message."""
    path = make_fake("exec sleep 60")

    with pytest.raises(ProbeError, match=r"did not end within 0\.2 s"):
        probe(path, timeout_s=0.2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("echo 'I am a teapot'", "not Python: it printed 'I am a teapot'"),
        ("exit 0", "not Python: it printed 'nothing'"),
        ("printf '\\377\\376\\000'", "not Python"),
        ("echo 'pybench-probe {'", "its answer is cut off"),
        ("echo 'pybench-probe [1]'", "its answer is no description"),
        (
            "echo 'command not found' >&2; exit 127",
            "ended with exit status 127: command not found",
        ),
        ("exit 3", "ended with exit status 3: no message"),
    ],
    ids=["rubbish", "silence", "bytes", "cut", "list", "error", "mute"],
)
def test_wrong_answer_is_quoted(make_fake: MakeFake, body: str, message: str) -> None:
    """The message holds what the program did instead of answering."""
    with pytest.raises(ProbeError) as caught:
        probe(make_fake(body))

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("version", None), ("gil_enabled", "yes"), ("prefix", 3)],
    ids=["version", "gil_enabled", "prefix"],
)
def test_answer_of_another_type_is_refused(
    make_fake: MakeFake, name: str, value: object
) -> None:
    """A description with a wrong field is none."""
    with pytest.raises(ProbeError, match=f"no usable '{name}'"):
        probe(answering(make_fake, **{name: value}))


@pytest.mark.parametrize("version", ["", "3", "three.eleven"])
def test_version_that_is_none_is_refused(make_fake: MakeFake, version: str) -> None:
    """The kind could not be told from it."""
    with pytest.raises(ProbeError, match="its version is"):
        probe(answering(make_fake, version=version))
