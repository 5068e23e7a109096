"""Suites of asv are rows: found, run, skipped with the reason asv has, or a value."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# With what it imports by itself, which no test may import twice.
pytest.importorskip(
    "asv_runner.benchmarks", reason="n/a: asv_runner is not installed here"
)

Run = Callable[..., dict[str, dict[str, Any]]]

# `LOG` has a letter for each set-up, call and tear-down.
SUITE = """
import os
from asv_runner.benchmarks.mark import SkipNotImplemented, skip_for_params

# Of all benchmarks of the module that have none of their own.
warmup_time = 0
sample_time = 0.001

LOG = {log!r} + str(os.getpid())

def note(letter):
    with open(LOG, "a") as file:
        file.write(letter)

class Sorting:
    params = [[1, 2], ["int", "complex", "text"]]
    param_names = ["size", "kind"]

    def setup(self, size, kind):
        if kind == "complex":
            raise NotImplementedError("no order")
        if kind == "text" and size == 2:
            raise ValueError("out of letters")
        self.data = [size]

    def time_sorted(self, size, kind):
        \"\"\"Sort a list.\"\"\"
        sorted(self.data)

class Logged:
    number = 2
    repeat = 3

    def setup(self):
        note("s")

    def time_logged(self):
        note("c")

    def teardown(self):
        note("t")

class Cached:
    def setup_cache(self):
        note("m")
        with open("made", "w") as file:
            file.write("")
        return dict(pid=os.getpid())

    def setup(self, cache):
        assert os.path.exists("made")
        self.changed = "changed" in cache

    def time_cached(self, cache):
        assert not self.changed and cache["pid"] != os.getpid()

    def time_changed(self, cache):
        cache["changed"] = True

    def track_made(self, cache):
        return len(cache)
    track_made.unit = "keys"

class Unmade:
    def setup_cache(self):
        raise OSError("no disk")

    def time_unmade(self, cache):
        pass

class Once:
    number = repeat = 1

    def time_once(self):
        self.calls = getattr(self, "calls", 0) + 1
        assert self.calls == 1

class Skipping:
    params = [1, 2]
    skip_params = [(2,)]

    def time_skipping(self, number):
        pass

    @skip_for_params([(1,)])
    def time_marked(self, number):
        pass

    def time_raising(self, number):
        raise SkipNotImplemented("not today")
    time_raising.skip_params = []

class Alike:
    params = [[len, object(), object()], [[object()], "a\\nb"]]

    def time_alike(self, what, where):
        pass

def timeraw_statement():
    return "pass"
timeraw_statement.repeat = 1

def peakmem_list():
    return [0] * 1000

def track_endless():
    while True:
        pass
track_endless.timeout = 0.5

def track_nan():
    return float("nan")

def track_text():
    return "a text"

def helper():
    raise AssertionError("no benchmark")
"""

# One that cannot be made, beside one that can.
MORE = """
class Broken:
    def __init__(self):
        raise RuntimeError("out of order")

    def time_broken(self):
        pass

def time_fine():
    pass

def time_odd():
    pass
time_odd.params = 3
"""


def write_suite(folder: Path) -> Path:
    """Write a suite into a folder; return it."""
    suite = folder / "asv_suite"
    (suite / "inside").mkdir(parents=True)
    (suite / "__init__.py").write_text("def time_package():\n    pass\n")
    (suite / "inside" / "__init__.py").write_text("")
    (suite / "inside" / "more.py").write_text(MORE)
    (suite / "bench.py").write_text(SUITE.format(log=str(folder / "log-")))
    (suite / "test_broken.py").write_text("import no_such_module\n")
    return suite


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Return what runs the suite in this process; it returns the status by row."""
    write_suite(pytester.path)

    def rows(*words: str) -> dict[str, dict[str, Any]]:
        pytester.makeconftest(
            "def pytest_benchmark_generate_machine_info():\n"
            "    return {'node': '', 'release': '', 'python_compiler': '', 'cpu': {}}\n"
        )
        pytester.runpytest_inprocess(
            *("-p", "pybench.target.suites.asv", "--benchmark-only", *words),
            *("--continue-on-collection-errors", "--benchmark-json=saved.json"),
        )
        document = json.loads((pytester.path / "saved.json").read_text())
        return {row["fullname"]: row for row in document["pybench"]["rows"]}

    return rows


def test_each_set_of_parameters_is_a_row(run: Run) -> None:
    """One that cannot be set up costs only itself."""
    rows = run("asv_suite", "-k", "Sorting")

    where = "asv_suite/bench.py::Sorting::time_sorted"
    assert {name: (row["status"], row["reason"]) for name, row in rows.items()} == {
        f"{where}[1, 'int']": ("measured", ""),
        f"{where}[1, 'text']": ("measured", ""),
        f"{where}[2, 'int']": ("measured", ""),
        f"{where}[2, 'text']": ("error", "ValueError: out of letters"),
        **{
            f"{where}[{size}, 'complex']": (
                "n/a",
                "set-up: NotImplementedError('no order')",
            )
            for size in (1, 2)
        },
    }


def test_rows_are_set_up_again(run: Run, pytester: pytest.Pytester) -> None:
    """Before each sample of `number` calls, and torn down behind it."""
    rows = run("asv_suite/bench.py", "-k", "Logged")

    assert [row["status"] for row in rows.values()] == ["measured"]
    (log,) = pytester.path.glob("log-*")
    assert re.fullmatch("(scct){4}", log.read_text())


def test_a_cache_is_made_once(run: Run) -> None:
    """In a process and a folder of its own; each row gets a copy."""
    rows = run("asv_suite", "-k", "Cached or Unmade")

    statuses = {name.rpartition("::")[2]: row for name, row in rows.items()}
    assert [row["status"] for row in statuses.values()] == [
        *("measured", "measured", "value", "error")
    ]
    assert statuses["track_made"]["reason"] == "1 keys"
    assert "no disk" in statuses["time_unmade"]["reason"]


def test_processes_of_one_arm_share_a_cache(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder that a variable names."""
    monkeypatch.setenv("PYBENCH_ASV_CACHE", str(pytester.mkdir("shared")))

    first = run("asv_suite/bench.py", "-k", "time_cached")
    second = run("asv_suite/bench.py", "-k", "time_cached")

    statuses = [row["status"] for rows in (first, second) for row in rows.values()]
    assert statuses == ["measured", "measured"]
    logs = [path.read_text() for path in pytester.path.glob("log-*")]
    assert logs.count("m") == 1


def test_what_is_skipped_says_why(run: Run) -> None:
    """As n/a, whatever way the suite takes."""
    rows = run("asv_suite", "-k", "Skipping or nan")

    assert [(row["status"], row["reason"][:20]) for row in rows.values()] == [
        ("n/a", "its parameters are i"),
        ("measured", ""),
        ("n/a", "SkipNotImplemented: "),
        ("n/a", "SkipNotImplemented: "),
        ("measured", ""),
        ("n/a", "its parameters are i"),
        ("n/a", "its value is nan, by"),
    ]


def test_values_and_children(run: Run) -> None:
    """Rows that are no calls in this process; a value has to be a number."""
    rows = run(
        "asv_suite", "-k", "once or statement or peakmem or endless or track_text"
    )

    found = {name.rpartition("::")[2]: row for name, row in rows.items()}
    assert {name: row["status"] for name, row in found.items()} == {
        "time_once": "measured",
        "timeraw_statement": "measured",
        "peakmem_list": "value",
        "track_endless": "error",
        "track_text": "error",
    }
    assert found["peakmem_list"]["reason"].endswith(" MiB")
    assert "did not end within 0.5 s" in found["track_endless"]["reason"]
    assert "'a text' is no number" in found["track_text"]["reason"]


def test_names_are_the_same_in_each_process(run: Run) -> None:
    """No address is in them, and no two are alike."""
    rows = run("asv_suite", "-k", "Alike")

    assert [name.rpartition("::")[2] for name in rows] == [
        "time_alike[<built-in function len>, [<object object>]]",
        "time_alike[<built-in function len>, 'a\\nb']",
        "time_alike[<object object> (0), [<object object>]]",
        "time_alike[<object object> (0), 'a\\nb']",
        "time_alike[<object object> (1), [<object object>]]",
        "time_alike[<object object> (1), 'a\\nb']",
    ]


def test_what_cannot_be_made_costs_nothing_else(
    run: Run, pytester: pytest.Pytester
) -> None:
    """Neither a module nor a class; the package itself may have benchmarks."""
    rows = run("asv_suite", "-k", "fine or package or broken or odd")

    assert {name: row["status"] for name, row in rows.items()} == {
        "asv_suite/__init__.py::time_package": "measured",
        "asv_suite/inside/more.py::Broken::time_broken": "error",
        "asv_suite/inside/more.py::time_fine": "measured",
        "asv_suite/inside/more.py::time_odd": "error",
    }
    assert [row["reason"] for row in rows.values() if "Broken" in row["fullname"]] == [
        "Failed: RuntimeError: out of order"
    ]
    result = pytester.runpytest_inprocess(
        "-p", "pybench.target.suites.asv", "asv_suite", "--collect-only", "-q"
    )
    result.stdout.fnmatch_lines(["*No module named 'no_such_module'*"])
