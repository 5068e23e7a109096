"""Windows that callgrind counts, in one process under it."""

import json
import os
import sys
from pathlib import Path

import pytest

import _pybench
from pybench import children
from pybench.children import CallgrindError, find_callgrind

# Of two windows of a loop, one has twice the iterations; of a kernel's call only its
# rounds are counted. What is outside of windows is not, and nothing is after the end.
CHILD = """
import json, os
from itertools import repeat
import _pybench as native

base, files = os.environ["PYBENCH_CALLGRIND"], 0

def take():
    global files
    native.instructions_dump()
    files += 1
    lines = open(f"{base}.{files}").read().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("totals:")))

def window(count):
    times = repeat(None, count)
    native.instructions_start()
    for _ in times:
        pass
    native.instructions_stop()

def outside():
    return sum(range(1000))

assert native.instructions_lacks() == "", native.instructions_lacks()
native.instructions_begin()
take()
found = {}
for name, call in (
    ("empty", lambda: window(0)),
    ("once", lambda: window(2000)),
    ("twice", lambda: window(4000)),
    ("outside", outside),
    ("kernel", lambda: native.refcount_pair(1024)),
    ("kernel twice", lambda: native.refcount_pair(2048)),
):
    call(); take()
    call()
    found[name] = take()
native.instructions_end()
window(100)
found["ended"] = take()
print(json.dumps(found))
"""


def test_outside_of_callgrind_nothing_is_counted() -> None:
    """The requests do nothing there; why nothing is counted is said."""
    assert _pybench.instructions_lacks()
    _pybench.instructions_begin()
    _pybench.instructions_start()
    _pybench.instructions_stop()
    _pybench.instructions_dump()
    _pybench.instructions_end()


def test_windows_are_counted_and_nothing_else(tmp_path: Path) -> None:
    if "compiled without" in _pybench.instructions_lacks():
        pytest.skip(f"n/a: {_pybench.instructions_lacks()}")
    if _pybench.BUILD["flavour"] not in ("release", "debug"):
        pytest.skip(f"valgrind cannot run a {_pybench.BUILD['flavour']} build")
    try:
        callgrind = find_callgrind(tmp_path)
    except CallgrindError as error:
        pytest.skip(f"n/a: {error}")
    folder = Path(str(_pybench.__file__)).resolve().parent
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environ |= {**callgrind.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": "0"}

    done = children.run(
        [*callgrind.command, sys.executable, "-S", "-c", CHILD], env=environ
    )

    if done.problem and "Assertion" not in done.stderr:
        pytest.skip(f"n/a: valgrind does not run this interpreter: {done.last_line}")
    assert done.problem == "", done.stderr
    found = json.loads(done.stdout)
    once, twice = (found[name] - found["empty"] for name in ("once", "twice"))
    assert once > 2000
    assert twice == pytest.approx(2 * once, rel=0.01)
    assert found["outside"] == found["ended"] == 0
    assert 1024 < found["kernel"] < 1024 * 100
    assert found["kernel twice"] == pytest.approx(2 * found["kernel"], rel=0.1)
