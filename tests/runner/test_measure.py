"""One suite on one interpreter, in a child: what is kept, and what is said."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pybench.runner import Interpreter, NotReadyError, check_ready, measure, probe

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

    measured = measure(python, tmp_path, [], tmp_path / "out.json")

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

    measured = measure(fake_pytest(body), tmp_path, [], tmp_path / "out.json")

    assert measured.document == {}
    assert measured.counts == {}
    assert (tmp_path / "out.json").read_text() == '{"older": true}'


def test_no_file_is_left_when_nothing_was_saved(
    fake_pytest: FakePytest, tmp_path: Path
) -> None:
    """Neither an empty one nor a folder of ours."""
    measure(fake_pytest("exit 3"), tmp_path, [], tmp_path / "out.json")

    assert [path.name for path in tmp_path.iterdir()] == ["python"]


def test_nothing_is_saved_unasked(fake_pytest: FakePytest, tmp_path: Path) -> None:
    python = fake_pytest('test -z "$json" && exit 0')

    assert measure(python, tmp_path, [], None).status == 0


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
