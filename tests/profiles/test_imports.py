"""Imports in fresh processes: modules that behave, and all the others."""

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from pybench.interpreters import Interpreter, probe
from pybench.profiles import import_processes
from pybench.profiles.import_processes import ImportsError, NoSuchModuleError
from pybench.profiles.imports import ImportsMeasurement, check_name
from pybench.profiles.importtime import walk
from pybench.records.imports import ImportsProfile

Measure = Callable[..., ImportsProfile]

FORGED = "import time:      1000 |    9000000 | {name}\\n"


@pytest.fixture(scope="module")
def python() -> Interpreter:
    """Return the interpreter that runs this."""
    return probe(sys.executable)


@pytest.fixture
def measure(
    python: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Measure:
    """Return what profiles a module with the given source, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(source: str, **others: str) -> ImportsProfile:
        for name, text in {"subject": source, **others}.items():
            (tmp_path / f"{name}.py").write_text(text)
        measurement = ImportsMeasurement(python, "subject")
        assert [*measurement.measure(2)] == [1, 2]
        return measurement.profile()

    return run


def names(profile: ImportsProfile) -> list[tuple[int, str]]:
    """List depth and name of the tree."""
    return [(depth, one.name) for depth, one in walk(profile.tree)]


def test_profile_has_parts_times_and_tree(measure: Measure, tmp_path: Path) -> None:
    profile = measure("import below\n", below="import lowest\n", lowest="")

    assert names(profile) == [(0, "subject"), (1, "below"), (2, "lowest")]
    assert profile.modules == 3
    assert profile.repeats == 2
    assert [*profile.startup] == [
        *("interpreter", "site", "environment", "imports", "whole process")
    ]
    *parts, whole = profile.startup.values()
    assert sum(part.wall.mean_ns for part in parts) == pytest.approx(whole.wall.mean_ns)
    assert profile.compiling.wall.mean_ns == pytest.approx(
        profile.cold.wall.mean_ns - profile.warm.wall.mean_ns
    )
    for _, one in walk(profile.tree):
        assert one.warm is not None
        assert one.cold is not None
        assert one.warm.total.processes == one.cold.total.processes == 2
    assert profile.notes == ()
    # The .pyc files that it needed are gone, and none is beside the module.
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("below.py", "lowest.py", "subject.py")
    ]


def test_warm_has_pyc_and_cold_has_none(measure: Measure) -> None:
    """The module itself writes down how it was loaded."""
    measure(
        "import os, sys\n"
        "kind = os.path.basename(sys.pycache_prefix)\n"
        "open('log', 'a').write(f'{kind} {os.path.exists(__spec__.cached)}\\n')\n"
    )

    assert {*Path("log").read_text().splitlines()} == {"warm True", "cold False"}


def test_users_switches_for_bytecode_have_no_say(
    measure: Measure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")

    profile = measure("import below\n", below="")

    assert names(profile) == [(0, "subject"), (1, "below")]
    assert not (tmp_path / "elsewhere").exists()


def test_features_that_are_lacking_say_so(measure: Measure) -> None:
    """A number where the build has them, a reason where it has not."""
    profile = measure("def function(a: list[int]) -> int: return 1\n")

    has_lazy = hasattr(sys, "set_lazy_imports")
    assert (profile.lazy.times is not None) == has_lazy
    assert has_lazy or "no lazy imports" in profile.lazy.reason
    is_deferred = hasattr(measure, "__annotate__")
    assert (profile.annotations.times is not None) == is_deferred
    assert is_deferred or "evaluates annotations at import" in (
        profile.annotations.reason
    )


def test_document_is_a_record_of_plain_values(measure: Measure) -> None:
    document = asdict(measure(""))

    assert document["pybench"] == "imports"
    assert document["schema"] == 1
    assert document["warm"]["wall"]["processes"] == 2
    assert document["tree"][0]["name"] == "subject"


def test_what_is_printed_does_not_reach_the_tree(measure: Measure) -> None:
    """Not from Python, and not from below it when it looks like importtime's."""
    profile = measure(
        "import os, sys\n"
        f"print('{FORGED.format(name='nonsense')}', file=sys.stderr)\n"
        f"os.write(2, b'{FORGED.format(name='nonsense')}')\n"
        f"os.write(2, b'{FORGED.format(name='  below')}')\n"
        "os.write(2, b'no newline')\n"
        "import below\n"
        "os.write(2, b'\\xff\\x00 rubbish')\n",
        below="",
    )

    assert names(profile) == [(0, "subject"), (1, "below")]
    (note,) = profile.notes
    assert note.startswith("8 lines that look like -X importtime's")


def test_imports_of_forked_processes_are_not_in_the_tree(measure: Measure) -> None:
    """And those that stay are ended: the test ends when they do."""
    # An empty file a process: the module is measured in many.
    profile = measure(
        "import os, time\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    import below\n"
        "    open(f'alive-{os.getpid()}', 'w').close()\n"
        "    time.sleep(600)\n"
        "while not os.path.exists(f'alive-{pid}'): pass\n",
        below="",
    )

    assert names(profile) == [(0, "subject")]
    assert "forks while it is imported" in profile.notes[0]
    pids = [int(path.name.removeprefix("alive-")) for path in Path().glob("alive-*")]
    assert pids
    while any(is_running(pid) for pid in pids):
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        os.kill(pid, 0)
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_forked_process_that_returns_is_not_taken_for_the_first(
    measure: Measure,
) -> None:
    profile = measure("import os\nos.fork()\nimport below\n", below="")

    assert names(profile) == [(0, "subject"), (1, "below")]


def test_closed_standard_error_costs_the_tree_alone(measure: Measure) -> None:
    profile = measure("import os; os.close(2)\n")

    assert profile.tree == ()
    assert profile.warm.wall.mean_ns > 0
    assert "no tree of 4 of 4 processes" in profile.notes[0]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import sys; sys.exit('usage: subject')", r"SystemExit: usage: subject\)"),
        (
            "import os; os._exit(3)",
            "ended the process during the import: it ended with exit status 3",
        ),
        ("import os; os.kill(os.getpid(), 11)", "it was ended by SIGSEGV"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
        ("x =", "cannot be imported: SyntaxError"),
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("raise KeyboardInterrupt", "cannot be imported: KeyboardInterrupt"),
    ],
    ids=["exits", "_exits", "dies", "raises", "syntax", "needs", "interrupts"],
)
def test_import_that_fails_says_how(
    measure: Measure, source: str, message: str
) -> None:
    with pytest.raises(ImportsError, match=message) as caught:
        measure(source)

    assert not isinstance(caught.value, NoSuchModuleError)
    assert "'subject'" in str(caught.value)


class EndsWhenOver:
    """A timer that ends a process once it has written a file."""

    def __init__(self, seconds: float, end: Callable[[], None]) -> None:
        self.end = end
        self.daemon = False
        self.is_cancelled = False

    def start(self) -> None:
        """Wait for the file in the background."""
        threading.Thread(target=self.wait, daemon=True).start()

    def wait(self) -> None:
        """Wait for the file, and end the process."""
        while not Path("over").exists():
            if self.is_cancelled:
                return
            time.sleep(0.01)
        self.end()

    def cancel(self) -> None:
        """End the wait."""
        self.is_cancelled = True


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "open('over', 'w').close()\nwhile True: pass",
            "never returned from the import",
        ),
        (
            "import threading, time\n"
            "def stay():\n"
            "    threading.main_thread().join()\n"
            "    open('over', 'w').close()\n"
            "    time.sleep(600)\n"
            "threading.Thread(target=stay).start()",
            "but the process did not end: a thread or exit handler",
        ),
    ],
    ids=["import", "exit"],
)
def test_process_that_does_not_end_is_ended(
    measure: Measure, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    monkeypatch.setattr(import_processes, "Timer", EndsWhenOver)

    with pytest.raises(ImportsError, match=message) as caught:
        measure(source)

    assert "--timeout" in str(caught.value)


def test_failure_in_the_middle_keeps_whole_repeats(
    python: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that works so many times: some repeats are whole, the last is not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "subject.py").write_text(
        "with open('count', 'a+') as file:\n"
        "    file.write('x'); file.seek(0)\n"
        "    if len(file.read()) > 17: raise RuntimeError('worn out')\n"
    )
    measurement = ImportsMeasurement(python, "subject")

    with pytest.raises(ImportsError, match="worn out"):
        [*measurement.measure(20)]

    assert 1 <= measurement.repeats < 20
    assert measurement.profile().repeats == measurement.repeats


def test_missing_module_is_told_from_a_missing_need(
    python: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("not_there", "json.not_there"):
        with pytest.raises(NoSuchModuleError, match=f"has no module '{name}'"):
            [*ImportsMeasurement(python, name).measure(2)]


def test_module_of_every_start_says_so(python: Interpreter) -> None:
    measurement = ImportsMeasurement(python, "sys")
    assert [*measurement.measure(2)] == [1, 2]

    profile = measurement.profile()

    assert profile.tree == ()
    assert "imported at every start" in profile.notes[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scripts/tool.py", "is a path.*cd scripts and give 'tool'"),
        ("./tool", "is a path.*cd . and give 'tool'"),
        (".tool", "is relative.*package.tool"),
        ("pytest-benchmark", "is no name of a module"),
        ("json..tool", "is no name of a module"),
        ("os; print(1)", "is no name of a module"),
        ("", "is no name of a module"),
    ],
)
def test_what_is_no_module_is_refused(name: str, message: str) -> None:
    with pytest.raises(NoSuchModuleError, match=message):
        check_name(name)


def test_script_in_this_folder_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file of that name it is a module `py` in a package."""
    monkeypatch.chdir(tmp_path)
    check_name("tool.py")
    Path("tool.py").touch()

    with pytest.raises(NoSuchModuleError, match="is a path"):
        check_name("tool.py")


def test_one_repeat_is_no_repeat(python: Interpreter) -> None:
    with pytest.raises(ValueError, match="2 are the least"):
        [*ImportsMeasurement(python, "json").measure(1)]
    with pytest.raises(ImportsError, match="no repeat was done"):
        ImportsMeasurement(python, "json").profile()


def test_lazy_imports_that_do_not_work_are_the_reason(
    measure: Measure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A module that needs the side effect of an import fails with all of them lazy."""
    program = import_processes._PROGRAM.read_text()
    for text, other in (
        ('getattr(sys, "set_lazy_imports", None)', "lambda mode: sys.path.clear()"),
        ('hasattr(sys, "set_lazy_imports")', "True"),
    ):
        assert text in program
        program = program.replace(text, other)
    changed = tmp_path / "changed.py"
    changed.write_text(program)
    monkeypatch.setattr(import_processes, "_PROGRAM", changed)

    profile = measure("")

    assert profile.lazy.times is None
    assert profile.lazy.reason.startswith("it does not work with all imports lazy")
