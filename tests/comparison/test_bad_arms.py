"""What may go wrong with a side, the machine or the disk while two are compared.

Most of it is played by a session that speaks as the plugin's `interleaving` does
without being pytest: it starts at once and goes wrong exactly where it is told to.
"""

from __future__ import annotations

import ast
import errno
import itertools
import json
import os
import platform
import re
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

from pybench.cli import main, status
from pybench.comparison import live, pairs, suspension, worker
from pybench.comparison.judging import judge
from pybench.comparison.live import Comparison
from pybench.comparison.sessions import Arm, ComparisonError, RefusedError
from pybench.comparison.suites import Suite
from pybench.comparison.worker import Worker, WorkerError
from pybench.interpreters import prepare, probe, requests
from pybench.records import run as record
from pybench.records.documents import DocumentError
from pybench.records.json_lines import JsonLines
from pybench.records.messages import Ended
from pybench.records.run import LostRecord, Run, RunHeader
from pybench.records.run_file import RecordWriter, read_run
from pybench.target.plugin import interleaving
from tests.comparison.conftest import MakePython

Go = Callable[..., Run]

FIRST = "suite/test_rows.py::test_first"
SECOND = "suite/test_rows.py::test_second"

# In the middle of the first pair, once for each row where a row is not asked for.
STOP_ITSELF = """
if at == "sample 3" and start == 2:
    resume_later(os.getpid())
    os.kill(os.getpid(), signal.SIGSTOP)
"""
STOP_THE_CONTROLLER = STOP_ITSELF.replace("getpid", "getppid")
TURN_THE_GIL_ON = """
if at == "WHERE" and start == WHEN and row.endswith("second"):
    raise Ended("void", "GIL turned on by module 'old'", "gil turned on")
"""


@pytest.fixture
def go(python: MakePython, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """Return what compares two such interpreters; the record is in ``out``."""
    # On a busy machine a row may take any time: for that no pair ends early, and none
    # takes fewer samples.
    monkeypatch.setattr(pairs, "ROW_MOST_NS", 1e15)
    monkeypatch.setattr(pairs, "SAMPLES_NS", 1e15)

    def compare(
        *, a: str = "", b: str = "", pairs: int = 2, alternate: bool = False, **how: Any
    ) -> Run:
        sides = [
            Arm(
                name=name,
                python=python(name, odd, alternate=alternate),
                environ=os.environ,
            )
            for name, odd in (("a", a), ("b", b))
        ]
        run = Run(header=header(pairs))
        with RecordWriter(tmp_path / "out", run.header) as writer:
            Comparison(
                sides,
                Suite(text="suite", paths=("suite",)),
                folder=tmp_path,
                record=run,
                writer=writer,
                **how,
            ).run()
        return run

    return compare


def header(pairs: int | None = 2) -> RunHeader:
    """Return the beginning of a record."""
    return RunHeader(
        version="0",
        started="now",
        command=("test",),
        seed=1,
        margin=0.03,
        pairs=pairs,
        suite="suite",
    )


def counts(run: Run) -> dict[str, int]:
    """Return how many pairs each row has."""
    return {row: len(run.pairs.get(row, {})) for row in run.rows}


def lost(run: Run) -> list[tuple[str, int, str, str]]:
    """Return the pairs that came to nothing."""
    return [(one.row, one.pair, one.side, one.reason) for one in run.lost]


@pytest.fixture
def command(
    python: MakePython, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., int]]:
    """Return what runs `pybench compare` here, on two such interpreters."""
    (tmp_path / "benchmarks").mkdir()
    monkeypatch.chdir(tmp_path)
    kept = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
    }
    # Where this run is a job of a shell, an interrupt may be ignored for good.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def run(*words: str, a: str = "", b: str = "") -> int:
        made = iter([python("a", a), python("b", b)])
        monkeypatch.setattr(
            prepare,
            "prepare",
            lambda *_, **__: prepare.Environment(python=next(made), made=False),
        )
        sides = [f"{name}={sys.executable}" for name in "ab"]
        with pytest.raises(SystemExit) as ended:
            main(["compare", *sides, "-o", "out", "--pairs", "2", *words])
        code = ended.value.code
        assert isinstance(code, int)
        return code

    yield run
    for number, handler in kept.items():
        signal.signal(number, handler)


# Interpreters that are none


OLD = {
    "implementation": "CPython",
    "version": "3.9.18",
    "soabi": "cpython-39",
    "prefix": "/opt/python",
    "free_threaded": False,
    "gil_enabled": True,
    "jit": None,
    "pgo": False,
    "lto": False,
    "debug": False,
}


def other_machine() -> bytes:
    """Return the head of a program for a machine that this one is not."""
    number = 183 if platform.machine() != "aarch64" else 62
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    return head + struct.pack("<HH", 2, number) + bytes(200)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (other_machine(), "another machine"),
        (b"#!/bin/sh\nexit 3\n", "ended with exit status 3"),
        (b"#!/bin/sh\necho 'pybench-probe OLD'\n", "3.9.18; pybench measures CPython"),
        (b"#!/bin/sh\nexec sleep 60\n", "did not end within 0.2 s"),
    ],
    ids=["missing", "other machine", "fails", "too old", "hangs"],
)
def test_interpreter_that_cannot_be_used_is_a_usage_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    said: str,
) -> None:
    """Before anything is prepared or written."""
    path = tmp_path / "python"
    if content is not None:
        path.write_bytes(content.replace(b"OLD", json.dumps(OLD).encode()))
        path.chmod(0o755)
    (tmp_path / "benchmarks").mkdir()
    monkeypatch.chdir(tmp_path)
    # The others have to answer first, however busy this machine is.
    if said.endswith("0.2 s"):
        monkeypatch.setattr(requests, "probe", partial(probe, timeout_s=0.2))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        main(["compare", f"b={path}", f"a={path}", "-o", "out"])

    assert ended.value.code == status.USAGE
    error = capsys.readouterr().err
    assert str(path) in error
    assert said in error
    assert not (tmp_path / "out").exists()


def hurry_starts(
    monkeypatch: pytest.MonkeyPatch, hangs: Callable[[Worker], bool]
) -> None:
    """Have no patience with a session that hangs; others start as slowly as they do."""
    await_hello = Worker.await_hello

    def hurried(session: Worker) -> None:
        with monkeypatch.context() as hurry:
            if hangs(session):
                hurry.setattr(worker, "START_PATIENCE_S", 0.1)
            await_hello(session)

    monkeypatch.setattr(Worker, "await_hello", hurried)


@pytest.mark.parametrize(
    ("content", "said"),
    [(other_machine(), "cannot be started"), (b"#!/bin/sh\nexec sleep 60\n", "silent")],
    ids=["other machine", "hangs"],
)
def test_environment_that_was_replaced_names_its_side(
    go: Go,
    python: MakePython,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    said: str,
) -> None:
    """After it was probed and prepared: in the first session, or in a later one."""
    monkeypatch.setattr(live, "STARTS_FAILED_MOST", 1)
    broken = tmp_path / "broken"
    # It is moved to where the side's interpreter was.
    hurry_starts(monkeypatch, lambda one: one.name == "b" and not broken.exists())
    broken.write_bytes(content)
    broken.chmod(0o755)
    odd = f"if at == 'end': os.replace({str(broken)!r}, {str(tmp_path / 'python-b')!r})"
    with pytest.raises(ComparisonError, match=f"^b: {said}"):
        go(b=odd)

    assert [*read_run(tmp_path / "out").rows] == [FIRST, SECOND]


def test_session_that_hangs_at_its_start_once_is_started_again(
    go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts_of_b = itertools.count(1)
    hurry_starts(monkeypatch, lambda one: one.name == "b" and next(starts_of_b) == 2)
    run = go(b="if at == 'start' and start == 2: time.sleep(60)")

    assert counts(run) == {FIRST: 2, SECOND: 2}
    assert run.lost == []


def test_session_that_talks_nonsense_is_named(go: Go) -> None:
    run = go(b="if at == 'sample 2' and start > 1: channel.sendall(b'what?\\n')")

    assert counts(run) == {FIRST: 0, SECOND: 0}
    assert all("no JSON: b'what?" in reason for *_, reason in lost(run))


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("say(say='bye'); sys.exit(2)", "this row ended its session, as pytest.exit"),
        (
            "print('gone', flush=True); os._exit(7)",
            "exit status 7:\n    gone",
        ),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
        ("channel.shutdown(2); time.sleep(60)", "closed its socket to pybench, as a"),
        ("say(say='ready', row=row)", "sent 'ready' instead of 'sample'"),
        ("say(say='sample', sample=[1])", "sent [1] instead of a sample"),
        ("say(say='ended', row=row, outcome='measured', reason='')", "in the middle"),
        ("channel.sendall(b'[]\\n')", "sent what is no message: b'[]"),
    ],
    ids=["bye", "exit", "kill", "socket", "ready", "sample", "ended", "list"],
)
def test_row_that_takes_its_session_with_it_says_what_happened(
    go: Go, monkeypatch: pytest.MonkeyPatch, odd: str, said: str
) -> None:
    """In the words of what it did, not of what was waited for."""
    if "sleep" in odd:  # the others end, when this machine comes to it
        monkeypatch.setattr(worker, "END_PATIENCE_S", 0.1)
    at = "if start == 2 and at == 'sample 1' and row.endswith('first'): "
    run = go(b=at + odd, control=False)

    [(row, _, side, reason)] = lost(run)
    assert (row, side) == (FIRST, "b")
    assert said in reason
    assert counts(run) == {FIRST: 2, SECOND: 2}


def test_folder_that_is_deleted_is_told_and_what_was_measured_is_shown(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    odd = "if start == 3 and at == 'start': import shutil; shutil.rmtree('out')"

    assert command(b=odd) == status.FAILED
    shown = capsys.readouterr()
    assert "run.jsonl was deleted while the run went on: nothing is kept" in shown.err
    assert "no summary: the folder was deleted or moved" in shown.err
    assert "b against a: " in shown.out


# A pair, and one side of it


def test_row_that_fails_in_pairs_only_is_void_and_the_other_goes_on(go: Go) -> None:
    """It was well when it was tried out; no time of the other side counts."""
    odd = """
    if start > 1 and at == "sample 2" and row.endswith("first"):
        raise Ended("error", "call: ValueError: now")
    """
    run = go(a=odd, control=False)

    assert counts(run) == {FIRST: 0, SECOND: 2}
    assert lost(run) == [(FIRST, 1, "a", "error: call: ValueError: now")] * 2


def test_side_upgraded_between_pairs_ends_the_run(go: Go, tmp_path: Path) -> None:
    """What is on the disk is of the one that was."""
    odd = "if start == 3: hello['identity']['version'] = '9.9.9'"
    with pytest.raises(RefusedError, match=r"^b is no longer.*version.*'9\.9\.9'"):
        go(b=odd)

    assert counts(read_run(tmp_path / "out")) == {FIRST: 1, SECOND: 1}


def test_upgraded_side_shows_what_there_is_and_exits_3(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    odd = "if start == 3: hello['identity']['version'] = '9.9.9'"

    assert command(b=odd) == status.NO_VERDICT
    shown = capsys.readouterr()
    assert "b is no longer what it was" in shown.err
    assert shown.out.startswith("b against a: ")
    assert json.loads(Path("out/summary.json").read_text())["rows"][0]["pairs"] == 1


def test_row_that_fails_on_one_side_exits_4_and_is_named(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    odd = """
    if at == "ready" and row.endswith("first"):
        raise Ended("error", "setup: OSError: not here")
    """

    assert command("--all", b=odd) == status.FAILED
    assert "b: error: setup: OSError: not here" in capsys.readouterr().out


# The GIL


@pytest.mark.parametrize(
    ("where", "when", "measured"), [("ready", 1, 0), ("sample 4", 3, 3)]
)
def test_gil_turned_on_refuses_verdicts(
    go: Go, tmp_path: Path, where: str, when: int, measured: int
) -> None:
    """Whether a row does it when it is tried out, or only in a pair."""
    odd = TURN_THE_GIL_ON.replace("WHERE", where).replace("WHEN", str(when))
    with pytest.raises(RefusedError, match=r"^b: GIL turned on by module 'old' .*row"):
        go(b=odd)

    run = read_run(tmp_path / "out")
    assert sum(counts(run).values()) == measured
    judgement = judge(run)
    assert {*judgement.withheld} == {"cpu", "wall"}
    assert all(SECOND in reason for reason in judgement.withheld.values())


def test_gil_turned_on_exits_3_also_when_it_is_judged_again(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    odd = TURN_THE_GIL_ON.replace("WHERE", "sample 1").replace("WHEN", "3")

    assert command(b=odd) == status.NO_VERDICT
    shown = capsys.readouterr()
    assert "leave out the row" in shown.err
    assert "no verdicts: the GIL was turned on" in shown.out
    with pytest.raises(SystemExit) as ended:
        main(["compare", "out"])
    assert ended.value.code == status.NO_VERDICT


# Suspended, resumed, interrupted


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="n/a: no waitid here")
@pytest.mark.parametrize("alternate", [False, True])
def test_pair_in_which_a_session_was_stopped_is_repeated(
    go: Go, alternate: bool
) -> None:
    """Whatever its times say; and it does not count against the row."""
    run = go(a=STOP_ITSELF, control=False, alternate=alternate)

    reason = pairs.SUSPENDED
    assert sorted(lost(run)) == [(FIRST, 1, "a", reason), (SECOND, 1, "a", reason)]
    assert counts(run) == {FIRST: 2, SECOND: 2}


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="n/a: no waitid here")
def test_stop_in_the_last_row_is_noticed_although_its_session_has_ended(
    go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has ended no longer says whether it was stopped before."""
    stop_row = Worker.stop_row
    ended_rows: Counter[int] = Counter()

    def stop_and_await_end(session: Worker, row: str) -> Ended:
        how = stop_row(session, row)
        pid = session._child.pid
        ended_rows[pid] += 1
        if ended_rows[pid] == 2:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return how

    monkeypatch.setattr(Worker, "stop_row", stop_and_await_end)
    run = go(a=STOP_ITSELF, control=False)

    reason = pairs.SUSPENDED
    assert sorted(lost(run)) == [(FIRST, 1, "a", reason), (SECOND, 1, "a", reason)]


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="n/a: no waitid here")
def test_row_that_is_suspended_always_comes_to_an_end(
    go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under cpulimit, which stops and continues all the time."""
    monkeypatch.setattr(live, "SUSPENDED_MOST", 2)
    run = go(a=STOP_ITSELF.replace("start == 2", "start > 1"), control=False)

    assert counts(run) == {FIRST: 0, SECOND: 0}
    assert len(run.lost) == 4


def test_session_stopped_between_rows_costs_nothing(go: Go) -> None:
    """Nothing is measured before its first row."""
    run = go(a=STOP_ITSELF.replace('"sample 3"', '"start"'), control=False)

    assert run.lost == []


COMMAND = """
import sys
from pathlib import Path
from pybench.comparison import worker
from pybench.interpreters import prepare
pythons = iter(sys.argv.pop(1).split(":"))
prepare.prepare = lambda *_, **__: prepare.Environment(
    python=Path(next(pythons)), made=False
)
worker.END_PATIENCE_S = 2.0
from pybench.cli import main
main()
"""


def start_command(
    folder: Path, pythons: list[str], *words: str
) -> subprocess.Popen[str]:
    """Start `pybench compare` as a process of its own."""
    (folder / "benchmarks").mkdir(exist_ok=True)
    sides = [f"{name}={sys.executable}" for name in "ab"]
    line = [sys.executable, "-c", COMMAND, ":".join(pythons), "compare", *sides]
    return subprocess.Popen(
        [*line, "-o", "out", *words],
        cwd=folder,
        env=os.environ | {"PYBENCH_TEST_MARK": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_pair_in_which_the_controller_was_stopped_is_repeated(
    python: MakePython, tmp_path: Path
) -> None:
    """As by Ctrl-Z and fg: the sessions went on meanwhile, and waited."""
    pythons = [str(python("a")), str(python("b", STOP_THE_CONTROLLER))]
    child = start_command(tmp_path, pythons, "--pairs", "2")
    _, said = child.communicate(timeout=300)

    assert child.returncode in (status.OK, status.NO_VERDICT), said
    run = read_run(tmp_path / "out")
    assert sorted(lost(run)) == [
        (row, 1, "the controller", pairs.SUSPENDED) for row in (FIRST, SECOND)
    ]
    assert counts(run) == {FIRST: 2, SECOND: 2}


def test_machine_that_slept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the difference of two clocks, of which neither can be set."""
    # When it is made, asked, asked, told to forget, asked.
    slept_s = iter([100.0, 100.1, 130.0, 130.0, 130.0])
    monkeypatch.setattr(suspension, "_asleep_s", lambda: next(slept_s))
    watch = suspension.Suspension()
    before = watch.happened
    after = watch.happened
    watch.forget()

    assert (before, after, watch.happened) == (False, True, False)


def marked(folder: Path) -> list[str]:
    """List the processes that descend from a command started in a folder."""
    mark = f"PYBENCH_TEST_MARK={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # ended meanwhile, or not ours
            continue
    return found


# Its fixture has a child, as the rows of servers do.
CHILD_ROW = """
import subprocess
import pytest

@pytest.fixture(scope="module")
def child():
    with subprocess.Popen(["sleep", "300"]) as running:
        yield
        running.kill()

def test_child(benchmark, child):
    benchmark(sum, range(1000))
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="n/a: no /proc")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running(tmp_path: Path, signum: signal.Signals) -> None:
    """Real sessions, one of whose rows has a child; also after kill -9."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "test_child.py").write_text(CHILD_ROW)
    child = start_command(tmp_path, [sys.executable] * 2, "--pairs", "60")
    path = tmp_path / "out" / record.NAME
    wait_until(lambda: path.exists() and '"record":"pair"' in path.read_text())
    wait_until(lambda: any(line.startswith("sleep") for line in marked(tmp_path)))
    child.send_signal(signum)
    _, said = child.communicate(timeout=300)
    wait_until(lambda: not marked(tmp_path))

    assert marked(tmp_path) == []
    assert read_run(tmp_path / "out").pairs
    if signum == signal.SIGTERM:
        assert child.returncode == status.INTERRUPTED, said
        assert "--resume" in said
        assert "Traceback" not in said


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for something that is to happen; whether it did is for the test to say."""
    deadline = time.monotonic() + 120
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_session_that_does_not_end_is_ended(
    python: MakePython, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that it started."""
    monkeypatch.setattr(worker, "END_PATIENCE_S", 0.2)
    odd = "if at == 'sample 0': subprocess.run(['sleep', '300'])"
    environ = os.environ | {"PYBENCH_TEST_MARK": str(tmp_path)}
    command = [str(python("a", odd))]
    with Worker("a", command, environ=environ, folder=tmp_path) as session:
        session.await_hello()
        session.choose([FIRST])
        session.await_row(FIRST)
        session.send(do="sample", numbers={"count": 1})
        wait_until(lambda: len(marked(tmp_path)) == 2)

    wait_until(lambda: not marked(tmp_path))
    assert marked(tmp_path) == []


def test_interrupted_while_rows_are_tried_out_is_resumed(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """There are no pairs yet, and all rows are tried out again."""
    odd = "if at == 'end' and start == 1: os.kill(os.getppid(), signal.SIGTERM)"

    assert command(b=odd) == status.INTERRUPTED
    shown = capsys.readouterr()
    assert "--resume" in shown.err
    assert command("--resume", b=odd) in (status.OK, status.NO_VERDICT)
    assert counts(read_run(Path("out"))) == {FIRST: 2, SECOND: 2}


def test_interrupted_in_a_pair_is_resumed(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the pairs that were whole."""
    odd = "if at == 'sample 2' and start == 3: os.kill(os.getppid(), signal.SIGINT)"

    assert command(b=odd) == status.INTERRUPTED
    shown = capsys.readouterr()
    assert "--resume" in shown.err
    assert "Traceback" not in shown.err
    assert counts(read_run(Path("out"))) == {FIRST: 1, SECOND: 1}
    assert command("--resume", b=odd) in (status.OK, status.NO_VERDICT)
    assert counts(read_run(Path("out"))) == {FIRST: 2, SECOND: 2}


def test_rows_that_a_kill_left_unsaid_are_tried_out_again(
    go: Go, python: MakePython, tmp_path: Path
) -> None:
    """It came between two of their lines: the second is not forgotten for it."""
    go()
    path = tmp_path / "out" / record.NAME
    lines = path.read_bytes().splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if b'"record":"row"' in line)
    path.write_bytes(b"".join(lines[: first + 1]))
    run = read_run(tmp_path / "out")
    sides = [Arm(name=n, python=python(n), environ=os.environ) for n in "ab"]
    with RecordWriter(tmp_path / "out", None) as writer:
        Comparison(
            sides,
            Suite(text="suite", paths=("suite",)),
            folder=tmp_path,
            record=run,
            writer=writer,
        ).run()

    assert counts(run) == {FIRST: 2, SECOND: 2}


def test_run_is_resumed_with_its_own_sides_only(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    command()
    sides = [f"{name}={sys.executable}" for name in "ca"]
    with pytest.raises(SystemExit) as ended:
        main(["compare", *sides, "-o", "out", "--resume"])

    assert ended.value.code == status.USAGE
    assert "the run compares a, b, and this asks for c, a" in capsys.readouterr().err


def test_budget_that_is_spent_before_the_first_pair_is_no_interruption(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--budget", "0.001s") == status.NO_VERDICT
    shown = capsys.readouterr()
    assert "interrupted" not in shown.err
    assert shown.out.startswith("nothing could be compared")


# Clocks

RUNNER = Path(live.__file__).parent
SETTABLE = {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "now"}


@pytest.mark.parametrize(
    "path",
    [*sorted(RUNNER.glob("*.py")), Path(interleaving.__file__)],
    ids=lambda path: path.name,
)
def test_no_clock_is_read_that_can_be_set(path: Path) -> None:
    """So that one which is set back in the middle of a run changes nothing."""
    tree = ast.parse(path.read_text())
    read = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("time", "datetime", "date")
    }
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "datetime")
        for alias in node.names
    }
    assert not (read | imported) & SETTABLE


def test_clock_that_is_set_back_changes_nothing(
    go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(times)))
    told: list[live.Progress] = []
    run = go(on_progress=told.append, budget_s=600.0)

    assert counts(run) == {FIRST: 2, SECOND: 2}
    elapsed = [one.elapsed_s for one in told]
    assert elapsed == sorted(elapsed)


# Disks


def refuse(number: int) -> OSError:
    """Return what the system says of a disk."""
    return OSError(number, os.strerror(number), "the disk")


def test_read_only_place_for_the_run_is_a_usage_error(
    command: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is measured; root may write everywhere, so it is played."""

    def mkdir(path: Path, *_: object, **__: object) -> None:
        raise refuse(errno.EROFS)

    monkeypatch.setattr(Path, "mkdir", mkdir)

    assert command() == status.USAGE
    said = capsys.readouterr().err
    assert re.search(r"out.run\.jsonl: Read-only file system", said)


def test_full_disk_at_the_start_leaves_nothing_in_the_way(
    command: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of a run without a first line nothing could be resumed."""
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(refuse(errno.ENOSPC)))
        assert command() == status.FAILED
    assert "No space left on device" in capsys.readouterr().err
    assert not Path("out/run.jsonl").exists()
    assert command() in (status.OK, status.NO_VERDICT)


def test_disk_that_fills_up_ends_the_run_and_it_can_be_resumed(
    command: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What fits is shown; a disk may take half a line, and then go on."""
    written = 0
    append = JsonLines.append

    def fill_up(lines: JsonLines, line: bytes) -> None:
        nonlocal written
        written += b'"record":"pair"' in line
        with disk_full(monkeypatch) if written >= 3 else nullcontext():
            append(lines, line)

    def replace(path: Path, target: Path) -> None:
        raise refuse(errno.ENOSPC)

    with monkeypatch.context() as full:
        full.setattr(JsonLines, "append", fill_up)
        full.setattr(Path, "replace", replace)
        assert command() == status.FAILED
    shown = capsys.readouterr()
    assert "No space left on device; what was measured before is in it" in shown.err
    assert "the disk" in shown.err  # of the summary
    assert shown.out.startswith("b against a: ")
    assert not read_run(Path("out")).torn
    assert command("--resume") in (status.OK, status.NO_VERDICT)
    assert counts(read_run(Path("out"))) == {FIRST: 2, SECOND: 2}


@contextmanager
def disk_full(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the disk have room for a part of what it is given, and then for nothing."""
    room = [50]
    write = os.write

    def write_half(descriptor: int, data: bytes) -> int:
        if not room:
            raise refuse(errno.ENOSPC)
        return write(descriptor, data[: room.pop()])

    with monkeypatch.context() as full:
        full.setattr(os, "write", write_half)
        yield


def test_summary_that_cannot_be_written_is_said_and_the_table_shown(
    command: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not with exit 1, which would be a confirmed change."""

    def replace(path: Path, target: Path) -> None:
        raise refuse(errno.EROFS)

    monkeypatch.setattr(Path, "replace", replace)

    assert command() == status.FAILED
    shown = capsys.readouterr()
    assert "Read-only file system: 'the disk'" in shown.err
    assert shown.out.startswith("b against a: ")


def test_cache_that_cannot_be_written_is_named(
    command: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """The real `prepare`, with a file where its folder should be."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    sides = [f"{name}={sys.executable}" for name in "ab"]
    with pytest.raises(SystemExit) as ended:
        main(["compare", *sides, "-o", "out"])

    assert ended.value.code == status.USAGE
    said = capsys.readouterr().err
    assert f"a: [Errno {errno.ENOTDIR}]" in said
    assert "fewer than two interpreters are left" in said


def test_record_on_a_disk_that_is_full_is_not_continued_behind_half_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with RecordWriter(tmp_path, header()) as writer:
        lost = LostRecord(row="r" * 200, pair=1, side="a", reason="gone")
        with (
            disk_full(monkeypatch),
            pytest.raises(DocumentError, match="No space left"),
        ):
            writer.append(lost)
        assert not read_run(tmp_path).torn
        writer.append(lost)

    assert read_run(tmp_path).lost == [lost]


def test_session_whose_socket_is_closed_says_how_it_ended(
    python: MakePython, tmp_path: Path
) -> None:
    odd = "if at == 'sample 0': sys.exit('no more')"
    command = [str(python("a", odd))]
    with Worker("a", command, environ=os.environ, folder=tmp_path) as session:
        session.await_hello()
        session.choose([FIRST])
        session.await_row(FIRST)
        with pytest.raises(WorkerError, match=r"a: ended with .* 1:\n +no more"):
            session.sample({"count": 1})


def thousands() -> float:
    """Be a clock on which each step of a row takes 1,000 s."""
    return next(THOUSANDS)


THOUSANDS = itertools.count(step=1000.0)


def test_row_whose_steps_take_too_long_together_is_ended(
    python: MakePython, tmp_path: Path
) -> None:
    """Each of them may be short enough; the row, the limit and a way out are named."""
    with Worker(
        "a", [str(python("a"))], environ=os.environ, folder=tmp_path,
        row_s=2500, clock=thousands,
    ) as session:  # fmt: skip
        session.await_hello()
        session.choose([FIRST])
        session.await_row(FIRST)
        session.sample({"count": 1})
        session.sample({"count": 1})
        with pytest.raises(WorkerError) as ended:
            session.sample({"count": 1})

    assert str(ended.value) == (
        f"a: ended after 3000 s, more than all steps of {FIRST} may take in one "
        "process, 2500 s: let one call of it do less, or leave the row out with -k"
    )


def test_rows_have_a_limit_each(python: MakePython, tmp_path: Path) -> None:
    with Worker(
        "a", [str(python("a"))], environ=os.environ, folder=tmp_path,
        row_s=2500, clock=thousands,
    ) as session:  # fmt: skip
        session.await_hello()
        session.choose([FIRST, SECOND])
        outcomes = []
        for row in (FIRST, SECOND):
            session.await_row(row)
            session.sample({"count": 1})
            outcomes.append(session.stop_row(row).outcome)

    assert outcomes == ["measured", "measured"]


def test_row_that_hangs_in_what_is_left_of_its_limit_is_ended(
    python: MakePython, tmp_path: Path
) -> None:
    odd = "if at == 'sample 0': subprocess.run(['sleep', '300'])"
    with Worker(
        "a", [str(python("a", odd))], environ=os.environ, folder=tmp_path, row_s=0.3
    ) as session:
        session.await_hello()
        session.choose([FIRST])
        limit = rf"{FIRST} may take in one process, 0\.3 s.*leave the row out with -k"
        with pytest.raises(WorkerError, match=limit):
            reach_and_sample(session)


def reach_and_sample(session: Worker) -> None:
    """Do two steps of the first row."""
    session.await_row(FIRST)
    session.sample({"count": 1})
