"""What commands need is imported before they measure, not while Ctrl-C may come."""

import subprocess
import sys

import pytest

from pybench.cli import status

pytest.importorskip("_pybench")
# An import that Ctrl-C ends in the middle leaves parts behind with which the next
# try, of the report on what was measured, fails.
DRIVER = """
import sys

before = set()

def watch(event, arguments):
    if event != "subprocess.Popen":
        return
    if not before:
        before.update(sys.modules)
    # It need not be exact, nor of everything: what is imported is the same.
    if experiments := sys.modules.get("pybench.profiles.experiments"):
        few = [experiments.under.WHOLE, experiments.under.PLAIN]
        experiments.BUDGET_S = 0.01
        experiments.conditions_of = lambda *words, **how: few
    if memory := sys.modules.get("pybench.profiles.memory"):
        memory.KINDS = memory.KINDS[:1]

sys.addaudithook(watch)
from pybench.cli import main

try:
    main(sys.argv[1:])
finally:
    late = sorted(m for m in {*sys.modules} - before if m.split(".")[0] in NEEDS)
    print("before:", len(before), "late:", *late, file=sys.stderr)
"""
NEEDS = ("numpy", "scipy", "msgspec")


@pytest.mark.parametrize(
    "words",
    [
        "profile gc --shapes lists --sizes 1e4 --modes off --repeats 1 --pairs 1",
        "profile memory --only each --repeats 1",
        "profile run platform:machine --repeat 1",
        "profile imports json --repeat 2",
        "scenario sum --compare threads processes --pairs 1 --work-iters 1",
    ],
)
def test_nothing_large_is_imported_once_a_process_runs(words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER.replace("NEEDS", repr(NEEDS)), *words.split()],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode in (status.OK, status.FAILED), done.stderr
    *_, last = done.stderr.splitlines()
    before, late = last.split("late:")
    assert int(before.removeprefix("before: ")) > 0
    assert not late.split()
