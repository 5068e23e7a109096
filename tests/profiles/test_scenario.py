"""Scenarios: what is printed and saved, who is lost, and what is refused."""

import importlib
import json
import math
import os
import pickle
import platform
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pybench import children
from pybench.interpreters import find
from pybench.progress import Meter
from pybench.records.scenario import (
    Extremes,
    ScenarioError,
    ScenarioRecord,
    Settings,
    add_options,
    settings_of,
)
from pybench.target.programs import (
    scenario_client,
    scenario_interpreters,
    scenario_memory,
    scenario_pools,
    scenario_record,
    scenario_work,
)
from pybench.target.programs.scenario_record import Measured
from pybench.target.programs.scenario_work import Job

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scenario1.py"
SMALL = ("--workers=3", "--iterations=4", "--warmup=1", "--work-iters=200")

Scenario = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    """Return what runs the script, with small work, somewhere else."""

    def run(
        *words: str, python: str = sys.executable
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, str(SCRIPT), *SMALL, *words],
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture(scope="module")
def with_interpreters() -> str:
    """Return a Python that has interpreters with a GIL each."""
    if sys.hexversion >= 0x030D0000:
        return sys.executable
    # To ask all Pythons of the machine takes long: first those of pyenv.
    for environ in (os.environ | {"PATH": "", "PYBENCH_PYTHONS": ""}, None):
        for python in reversed(find(environ).interpreters):
            if python.kind not in ("3.11", "3.12", "3.12t"):
                return str(python.path)
    pytest.skip("n/a: no Python from 3.13 on is here")


def run(settings: Settings) -> ScenarioRecord:
    """Run a scenario in this process."""
    module = importlib.import_module("pybench.target.programs.scenario")
    measured = Measured(
        settings=settings, environment=scenario_record.environment(settings)
    )
    module.run(measured, Meter(after_s=math.inf))
    return measured.record()


def small(**more: Any) -> Settings:
    """Return settings of little work."""
    few = {"workers": 3, "iterations": 4, "warmup": 1, "work_iters": 200}
    return Settings(**{**few, "timeout": 300.0, **more})


def lines_after(output: str, head: str) -> dict[str, str]:
    """Return the lines ``name: value`` of a part of the output."""
    part = output.split(head)[1].split("===")[0]
    pairs = (line.partition(": ") for line in part.splitlines())
    return {name: value for name, _, value in pairs if name}


def test_output_has_the_lines_of_both_parts(scenario: Scenario) -> None:
    """The names are an interface: people compare them over versions."""
    done = scenario()

    assert done.returncode == 0, done.stdout + done.stderr
    facts = lines_after(done.stdout, "=== environment ===")
    assert facts[f"Python ({sys.implementation.name})"] == sys.version.replace(
        "\n", " "
    )
    assert facts["OS"].endswith(f", arch {platform.machine()}")
    assert [*facts][1:] == ["OS", "Mode", "Profile", "gil_enabled", "workers"]
    assert facts["workers"] == "3  iterations: 4  warmup: 1  work_iters: 200"
    result = lines_after(done.stdout, "=== result ===")
    assert [*result] == [
        *("total_wall_s", "avg_iter_s", "p50_iter_s", "p95_iter_s", "memory"),
        *("p99_iter_s", "max_iter_s", "overhead_iter_s"),
    ]
    times = [name for name in result if name.endswith("_s")]
    assert all(re.match(r"\d+\.\d{9}(?!\d)", result[name]) for name in times)
    # Each block is closed, and the memory stands apart.
    lines = done.stdout.splitlines()
    closing = [n for n, line in enumerate(lines) if {*line} == {"="}]
    assert lines[closing[0] + 1] == "=== result ==="
    assert closing[1] == len(lines) - 1
    assert lines[lines.index("memory: (disabled)") - 1] == ""
    assert result["memory"] == "(disabled)"
    assert float(result["max_iter_s"]) >= float(result["p50_iter_s"]) > 0


def test_defaults_are_those_that_are_published() -> None:
    assert Settings() == Settings(
        mode="threads",
        start_method="forkserver",
        profile="overhead",
        workers=8,
        iterations=1000,
        warmup=5,
        work_iters=20000,
    )
    memory = Settings(profile="memory")
    assert (memory.iterations, memory.warmup) == (30, 2)
    assert (memory.hold_ms, memory.mem_interval_ms) == (1000, 50)


def test_both_scripts_are_one_code() -> None:
    """And name psutil only, never this distribution."""
    texts = [SCRIPT.read_text(), (ROOT / "scripts" / "scenario1.py").read_text()]

    assert 'dependencies = ["psutil>=6"]' in texts[0]
    assert texts[1] == texts[0].replace(".parent /", ".parent.parent /").replace(
        "3.14t scenario1.py", "3.14t scripts/scenario1.py"
    )


# How the command reads and writes, which all commands share.
SHARED = {
    "pybench.children",
    "pybench.progress",
    "pybench.records",
    "pybench.records.files",
    "pybench.records.scenario",
    "pybench.records.texts",
    "pybench.records.usage",
    "pybench.streams",
}


@pytest.mark.parametrize(
    ("module", "shared"), [("scenario", SHARED), ("scenario_work", set())]
)
def test_needs_nothing_but_the_standard_library(module: str, shared: set[str]) -> None:
    """Neither what else is installed nor the rest of pybench is imported."""
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); "
        f"import pybench.target.programs.{module}; "
        "print(*{n.split('.')[0] for n in sys.modules} - {*sys.stdlib_module_names}); "
        "print(*(n for n in sys.modules if n.startswith('pybench.')))"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )

    foreign, ours = (line.split() for line in done.stdout.splitlines())
    assert {*foreign} <= {"pybench", "__main__", "__mp_main__"}
    others = {name for name in ours if ".programs.scenario" not in name}
    assert others == {"pybench.target", "pybench.target.programs", *shared}


@pytest.mark.parametrize("mode", ["threads", "processes"])
@pytest.mark.parametrize("name", ["shared", "queue", "map", "sum", "server"])
def test_every_scenario_runs_in_threads_and_processes(mode: str, name: str) -> None:
    record = run(small(scenario=name, mode=mode))

    assert record.problems == ()
    assert record.environment.scenario == name
    assert len(record.iter_s) == 4
    assert record.result.overhead_iter_s


def test_record_is_the_only_thing_on_standard_output(scenario: Scenario) -> None:
    done = scenario("sum", "--json=-")

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(json.loads(done.stdout)["iter_s"]) == 4
    assert "=== result ===" in done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_start_by_every_method(scenario: Scenario, method: str) -> None:
    done = scenario("--mode=processes", "--start-method", method)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"mp_start_method: {method}\n" in done.stdout


@pytest.mark.parametrize("name", ["cpu", "shared", "map", "sum", "server"])
def test_interpreters(scenario: Scenario, with_interpreters: str, name: str) -> None:
    done = scenario(name, "--mode=interpreters", python=with_interpreters)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "avg_iter_s: 0." in done.stdout


def test_workers_without_common_memory_hear_of_the_writes_of_others() -> None:
    """The dict of one after a round holds what the other wrote in the one before."""
    jobs = [
        Job(scenario="shared", place=place, workers=2, work_iters=1001)
        for place in (0, 1)
    ]
    first, second = (scenario_work.SCENARIOS["shared"](job, None) for job in jobs)

    assert len(first(None)) == 2
    assert min(second(None).values()) < 1000
    assert min(second(dict.fromkeys(range(scenario_work.KEYS), 1000)).values()) >= 1000


def test_worker_that_stops_in_the_middle_of_its_answer_is_lost() -> None:
    """Nobody waits for the rest for longer than the time-out."""
    job = Job(scenario="cpu", place=0, workers=1, work_iters=1)
    pool = scenario_pools.SocketPool("worker", [job])
    with pool._connect() as theirs:
        theirs.sendall(pickle.dumps(("done", [1] * 1000))[:100])

        lost = pool.start(0.01)
        pool.stop()

    assert lost == {0: "it stopped in the middle of its answer"}
    assert pool.alive == {}


@pytest.mark.parametrize("mode", ["threads", "processes"])
def test_map_and_sum_give_what_one_worker_gives(mode: str) -> None:
    """Whatever the parts, and in order."""
    settings = Settings(scenario="map", mode=mode, workers=3, work_iters=100)
    module = importlib.import_module("pybench.target.programs.scenario")
    jobs = module.jobs_of(settings)
    shared = scenario_pools.shared_object("map", mode, range(100))
    with scenario_pools.make_pool(mode, "forkserver", jobs, shared) as pool:
        assert pool.start(300) == {}
        bounds = [(0, 33), (33, 66), (66, 100)]
        done = pool.round(
            30,
            {
                place: (a, b) if mode == "threads" else [*range(a, b)]
                for place, (a, b) in enumerate(bounds)
            },
        )

    found = [value for place in range(3) for value in done.values[place]]
    assert found == [scenario_work.squared(value) for value in range(100)]


@pytest.mark.parametrize(
    ("mode", "fault", "why"),
    [
        ("threads", "raise", "RuntimeError: injected in round 3"),
        ("threads", "exit", "SystemExit: 3"),
        ("processes", "raise", "RuntimeError: injected in round 3"),
        ("processes", "exit", "SystemExit: 3"),
        ("processes", "die", "ended by SIGKILL"),
    ],
)
def test_lost_worker_is_named_and_the_others_finish(
    mode: str, fault: str, why: str
) -> None:
    """The round it was lost in does not count: it is that of fewer workers."""
    record = run(small(mode=mode, fault=f"{fault}:2:3"))

    name = {"threads": "thread-2", "processes": "process-2"}[mode]
    (problem,) = record.problems
    assert problem.startswith(name)
    assert f"was lost in round 2: {why}" in problem
    assert f"problem: {problem}" in scenario_record.result_lines(record)
    assert len(record.iter_s) == 3
    assert record.result.iterations_left_out == 1


def test_lost_worker_is_told_by_the_exit_status(
    scenario: Scenario, tmp_path: Path
) -> None:
    done = scenario("--fault=raise:2:3", "--json=out.json")

    assert done.returncode == 4, done.stdout + done.stderr
    (problem,) = json.loads((tmp_path / "out.json").read_text())["problems"]
    assert f"problem: {problem}" in done.stdout


@pytest.mark.parametrize(
    ("mode", "what"), [("threads", "a thread cannot"), ("processes", "it was killed")]
)
def test_worker_that_hangs_is_lost_at_the_time_out(mode: str, what: str) -> None:
    module = importlib.import_module("pybench.target.programs.scenario")
    jobs = module.jobs_of(small(mode=mode, workers=1, fault="hang:1:1:2"))
    with scenario_pools.make_pool(mode, "forkserver", jobs) as pool:
        assert pool.start(300) == {}
        done = pool.round(0.2)

    assert done.lost[0].startswith(f"no answer within 0.2 s (--timeout); {what}")
    assert pool.abandoned == (mode == "threads")


def test_lost_interpreter_is_named(scenario: Scenario, with_interpreters: str) -> None:
    done = scenario(
        *("--mode=interpreters", "--fault=raise:2:3"), python=with_interpreters
    )

    assert done.returncode == 4, done.stdout + done.stderr
    assert (
        "interpreter-2 was lost in round 2: RuntimeError: injected in round 3"
        in done.stdout
    )
    assert "iterations: 3 of 4" in done.stdout


def test_module_that_refuses_interpreters_is_named(
    scenario: Scenario, with_interpreters: str
) -> None:
    """With a real one: each is of the old kind, which may be loaded once."""
    old = ("_testsinglephase", "readline", "_curses")
    known = [name for name in old if can_import(with_interpreters, name)]
    if not known:
        pytest.skip(f"n/a: {with_interpreters} has none of {', '.join(old)}")

    done = scenario(
        *("--mode=interpreters", f"--import={known[0]}"), python=with_interpreters
    )

    assert done.returncode == 4, done.stdout + done.stderr
    reason = f"module {known[0]} does not support loading in subinterpreters"
    for name in ("interpreter-1", "interpreter-2", "interpreter-3"):
        assert f"problem: {name} was lost in its start: " in done.stdout
    assert done.stdout.count(reason) == 3
    assert "problem: no worker is left" in done.stdout


def can_import(python: str, name: str) -> bool:
    """Tell whether an interpreter has a module."""
    return (
        subprocess.run(
            [python, "-c", f"import {name}"], stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )


def test_module_that_cannot_be_imported_names_all_workers() -> None:
    """As one that refuses subinterpreters does; with nobody left it ends."""
    record = run(small(imports=("no_such_module",)))

    lines = "\n".join(scenario_record.result_lines(record))
    assert lines.count("No module named 'no_such_module'") == 3
    assert "problem: no worker is left" in lines
    assert "avg_iter_s: n/a" in lines


def test_consumers_that_wait_for_a_lost_producer_end_the_run(
    scenario: Scenario,
) -> None:
    done = scenario("queue", "--fault=raise:1:3", "--timeout=2")

    assert done.returncode == 4
    assert "thread-1 was lost in round 2: RuntimeError" in done.stdout
    assert "the others wait for its items: ended early" in done.stdout
    assert "iterations: 1 of 4" in done.stdout


def test_stall_of_the_server_is_seen_at_its_full_length(scenario: Scenario) -> None:
    """By the request that met it and by all that were due meanwhile.

    A client that waits with the server would see one slow request of a hundred.
    """
    stall_s, rate = 0.5, 100
    done = scenario(
        *("server", "--workers=1", "--iterations=100", "--warmup=0", "--load=0"),
        *(f"--rate={rate}", "--work-iters=1", f"--fault=stall:1:30:{stall_s}"),
        "--json=-",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    latencies = json.loads(done.stdout)["iter_s"]
    assert len(latencies) == 100
    assert latencies[29] >= stall_s
    # So long after request 30 was due was the server still asleep.
    for later in range(1, int(stall_s * rate)):
        assert latencies[29 + later] >= stall_s - later / rate - 1e-9


def test_server_that_loses_a_worker_says_how_many_were_not_answered(
    scenario: Scenario,
) -> None:
    """The others are asked instead."""
    done = scenario(
        *("server", "--workers=2", "--iterations=40", "--warmup=0", "--load=0"),
        *("--rate=400", "--fault=raise:2:5", "--timeout=1", "--json=-"),
    )

    assert done.returncode == 4
    record = json.loads(done.stdout)
    unanswered = record["result"]["server"]["unanswered"]
    assert unanswered >= 1
    assert len(record["iter_s"]) == 40 - unanswered
    assert "thread-2 was lost in the requests" in record["problems"][0]


def test_client_and_workers_agree_on_a_request() -> None:
    request = scenario_client.REQUEST.pack(-1, 7)

    assert scenario_work.REQUEST.unpack(request) == (-1, 7)


@pytest.mark.parametrize("mode", ["threads", "processes"])
def test_ctrl_c_prints_and_saves_what_there_is(tmp_path: Path, mode: str) -> None:
    """Also from --json, and also with a worker in the middle of its work."""
    with subprocess.Popen(
        [
            *(sys.executable, str(SCRIPT), "--workers=2", "--work-iters=200"),
            *("--mode", mode, "--iterations=1000000", "--json=out.json"),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stderr is not None
        while "scenario: round" not in child.stderr.readline():
            assert child.poll() is None
        os.killpg(child.pid, signal.SIGINT)
        output, errors = child.communicate(timeout=300)

    assert child.returncode == 130, output + errors
    assert "=== result ===" in output
    assert "of 1000000" in output
    assert "Traceback" not in errors
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["interrupted"]
    assert len(record["iter_s"]) > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--workers=0",), "--workers must be at least 1, not 0"),
        (("--iterations=0",), "--iterations must be at least 1, not 0"),
        (("--work-iters=-1",), "--work-iters must be at least 0, not -1"),
        (("--timeout=0",), "'0' is no time: say 90s"),
        (("--rate=nan",), "--rate must be above 0, not nan"),
        (("queue", "--workers=1"), "--workers must be at least 2 for scenario queue"),
        (("--json=no/such/out.json",), "there is no folder no/such"),
        (("--json=.",), "is a folder: name a file in it"),
        (("--mode=rockets",), "invalid choice: 'rockets'"),
        (("--fault=burn:1:1",), "--fault 'burn:1:1': say KIND:WORKER:ROUND"),
    ],
)
def test_usage_errors(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    """Each before a worker is started."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    module = importlib.import_module("pybench.target.programs.scenario")

    with pytest.raises(SystemExit) as refusal:
        module.main([*words])

    assert refusal.value.code == 2
    assert message in capsys.readouterr().err


def test_words_ask_for_the_same_again() -> None:
    """What another interpreter is told is what was asked for here."""
    import argparse

    settings = Settings(
        scenario="sum", mode="processes", profile="memory", imports=("json", "re")
    )
    parser = argparse.ArgumentParser()
    add_options(parser)

    again = settings_of(parser.parse_args(settings.words()))

    assert again == settings


def test_fork_with_running_threads_is_refused() -> None:
    """By name: a lock that the other holds would stay locked in the children."""
    end = threading.Event()
    other = threading.Thread(target=end.wait, name="the-other")
    other.start()
    try:
        with pytest.raises(ScenarioError, match=r"the-other.*Choose forkserver"):
            run(Settings(mode="processes", start_method="fork", iterations=1))
    finally:
        end.set()
        other.join()


def test_interpreters_before_3_12_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "hexversion", 0x030B07F0)

    with pytest.raises(ScenarioError, match=r"needs 3\.12 or later.*share one GIL"):
        run(Settings(mode="interpreters", iterations=1))


def test_build_without_a_module_for_interpreters_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lacking(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(sys, "hexversion", 0x030D00F0)
    monkeypatch.setattr(importlib, "import_module", lacking)

    with pytest.raises(ScenarioError, match="No module named '_interpreters'"):
        scenario_interpreters.Interpreters()


def test_queue_between_interpreters_before_3_14_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = SimpleNamespace(create=None)
    monkeypatch.setattr(sys, "hexversion", 0x030D00F0)
    monkeypatch.setattr(importlib, "import_module", lambda name: module)

    with pytest.raises(ScenarioError, match=r"3\.14 or later"):
        scenario_interpreters.Interpreters().create_queue(1)


class FakeProcess:
    """A process whose memory can be read, or not."""

    def __init__(self, pid: int, full: Any, plain: Any = None) -> None:
        self.pid, self._full, self._plain = pid, full, plain
        self.below: list[FakeProcess] = []

    def children(self, *, recursive: bool) -> "list[FakeProcess]":
        assert recursive
        return self.below

    def memory_full_info(self) -> Any:
        if isinstance(self._full, Exception):
            raise self._full
        return self._full

    def memory_info(self) -> Any:
        return self._plain


class GoneError(Exception):
    pass


class DeniedError(Exception):
    pass


def tree(*below: FakeProcess) -> dict[str, int | str]:
    """Return what is said of a root of 10, 4 and 5 bytes and those below it."""
    root = FakeProcess(1, SimpleNamespace(rss=10, uss=4, pss=5))
    root.below = [*below]
    psutil = SimpleNamespace(
        Process=lambda pid: root, NoSuchProcess=GoneError, AccessDenied=DeniedError
    )
    return scenario_memory.tree_memory(psutil, 1, leave_out=99)


def test_memory_is_that_of_the_tree_without_the_sampler() -> None:
    """One that ends between the list and its turn has no memory any more."""
    full = SimpleNamespace(rss=100, uss=40, pss=50)
    found = tree(
        FakeProcess(2, full), FakeProcess(99, full), FakeProcess(3, GoneError())
    )

    assert found == {"rss": 110, "uss": 44, "pss": 55, "processes": 2}


def test_sum_that_lacks_a_process_is_no_sum() -> None:
    """Without permission RSS is there, and for the others there is the reason."""
    denied = FakeProcess(2, DeniedError(), SimpleNamespace(rss=100))

    found = tree(denied)

    assert found["rss"] == 110
    assert found["uss"] == found["pss"] == "no permission to read it of process 2"


def test_kind_that_the_system_does_not_tell_has_a_reason() -> None:
    """As PSS outside Linux."""
    found = tree(FakeProcess(2, SimpleNamespace(rss=1, uss=1)))

    assert found["uss"] == 5
    assert "does not tell it" in str(found["pss"])


def test_course_of_many_samples_is_thinned_evenly() -> None:
    one = {"rss": 10, "uss": 4, "pss": 5, "processes": 3}
    times = [0.05 * number for number in range(1001)]
    document = {"times_s": times, "samples": [one] * 1001, "problem": ""}

    course = scenario_memory.summary(document, 0.05).course

    assert [moment for moment, *_ in course] == times[::3]
    assert len(course) <= scenario_memory.COURSE_MOST


@pytest.mark.parametrize(
    ("times", "kept"),
    [([0, 0.05, 0.1, 0.15], True), ([0, 0.05, 0.12, 0.15], False), ([0.0], False)],
)
def test_summary_says_whether_the_interval_was_kept(
    times: list[float], kept: bool
) -> None:
    one = {"rss": 10, "uss": 4, "pss": "no permission", "processes": 3}
    document = {"times_s": times, "samples": [one] * len(times), "problem": ""}

    found = scenario_memory.summary(document, 0.05)

    assert found.course == tuple((moment, 10, 4, None) for moment in times)
    assert found.interval_kept is kept
    assert found.rss == Extremes(min=10, max=10, avg=10)
    assert found.pss == Extremes(reason="no permission")
    assert found.processes_max == 3


def test_lines_say_what_is_missing_and_that_the_interval_was_not_kept() -> None:
    settings = Settings(profile="memory")
    one = {"rss": 1 << 20, "uss": 1 << 20, "pss": "no permission", "processes": 1}
    document = {"times_s": [0, 0.2], "samples": [one] * 2, "problem": "it was killed"}
    measured = Measured(
        settings=settings,
        environment=scenario_record.environment(settings),
        memory=scenario_memory.summary(document, 0.05),
    )

    lines = scenario_record.result_lines(measured.record())

    head = lines.index("--- memory (bytes) via psutil.memory_full_info() ---")
    assert lines[head + 1 : head + 4] == [
        "rss_min: 1048576  rss_max: 1048576  rss_avg: 1048576",
        "uss_min: 1048576  uss_max: 1048576  uss_avg: 1048576",
        "pss: n/a: no permission",
    ]
    assert lines[head - 1] == lines[head + 4] == ""
    assert any("interval of 50 ms NOT kept" in line for line in lines)
    assert "sampling ended early: it was killed" in lines


@pytest.mark.parametrize("mode", ["threads", "processes"])
def test_memory_profile_samples_the_whole_tree(scenario: Scenario, mode: str) -> None:
    """While all are there: a sample after their end would be the least of all."""
    pytest.importorskip("psutil", reason="n/a: psutil is not installed here")

    done = scenario(
        *("--mode", mode, "--profile=memory", "--hold-ms=40", "--json=-"),
        "--mem-interval-ms=20",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    memory = json.loads(done.stdout)["result"]["memory"]
    assert memory["samples"] >= 2
    # With the fork server and its tracker, without the sampler.
    assert memory["processes_max"] == {"threads": 1, "processes": 6}[mode]
    assert memory["rss"]["min"] > memory["rss"]["max"] / 2
    if "reason" not in memory["pss"]:
        assert memory["uss"]["max"] <= memory["pss"]["max"] <= memory["rss"]["max"]
    assert "sampling: interval of 20 ms " in done.stderr
    assert "hold_ms: 40  mem_sample: True  mem_interval_ms: 20\n" in done.stderr


class Clock:
    """Time that passes in sleeps, and by a millisecond whenever it is asked for."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def perf_counter(self) -> float:
        """Return the seconds that have passed."""
        self._now_s += 1e-3
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self._now_s += seconds


@pytest.mark.once
@pytest.mark.parametrize(
    ("profile", "is_part"), [("memory", True), ("overhead", False)]
)
def test_hold_is_part_of_an_iteration_of_the_memory_profile(
    monkeypatch: pytest.MonkeyPatch, profile: str, is_part: bool
) -> None:
    """Elsewhere it comes between the rounds; what was held is saved beside."""
    module = importlib.import_module("pybench.target.programs.scenario")
    monkeypatch.setattr(module, "time", Clock())
    memory = scenario_memory.summary({"times_s": [], "samples": [], "problem": ""}, 1)
    sampler = SimpleNamespace(begin=lambda: None, end=lambda: memory)
    monkeypatch.setattr(module, "Sampler", lambda interval_s: sampler)
    settings = Settings(
        profile=profile, workers=1, iterations=2, warmup=1, work_iters=1, hold_ms=7000
    )

    record = run(settings)

    assert [value > 7 for value in record.iter_s] == [is_part] * 2
    held_s = record.document()["result"].get("avg_hold_s")
    assert held_s == (pytest.approx(7, abs=0.1) if is_part else None)


@pytest.mark.once
@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        (
            Settings(mode="processes", hold_ms=5),
            [
                "Mode: processes",
                "Profile: overhead",
                "mp_start_method: forkserver",
                "gil_enabled: True",
                "workers: 8  iterations: 1000  warmup: 5  work_iters: 20000",
                "hold_ms: 5",
            ],
        ),
        (
            Settings(profile="memory", scenario="sum"),
            [
                "Mode: threads",
                "Profile: memory",
                "gil_enabled: True",
                "workers: 8  iterations: 30  warmup: 2  work_iters: 20000",
                "hold_ms: 1000  mem_sample: True  mem_interval_ms: 50",
                "scenario: sum",
            ],
        ),
    ],
)
def test_environment_of_processes_and_of_memory(
    settings: Settings, lines: list[str]
) -> None:
    """The form is that of others, line by line."""
    facts = replace(
        scenario_record.environment(settings),
        build="3.14.2 free-threading build (main)\n[GCC]", system="Linux 6",
        arch="x86_64", gil_enabled=True, implementation="cpython",
    )  # fmt: skip

    assert scenario_record.environment_lines(facts) == [
        "=== environment ===",
        "Python (cpython): 3.14.2 free-threading build (main) [GCC]",
        "OS: Linux 6, arch x86_64",
        *lines,
        "=" * 60,
    ]


def test_memory_profile_without_psutil_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before a worker is started, with the reason."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(children, "start", without_packages(children.start))

    with pytest.raises(ScenarioError, match="psutil cannot be imported by"):
        run(Settings(profile="memory", iterations=1))


def without_packages(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return what starts Python without its packages."""
    return lambda words, **more: start([words[0], "-I", "-S", *words[1:]], **more)


def test_machine_without_proc_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In place of "ready", so that the scenario is refused with the reason."""

    def lacking(pid: int) -> None:
        raise FileNotFoundError(2, "No such file or directory", "/proc/stat")

    psutil = SimpleNamespace(Process=lacking)
    monkeypatch.setattr(scenario_memory, "import_module", lambda name: psutil)
    monkeypatch.setattr(Path, "exists", lambda self: False)

    scenario_memory._main(["1", "0.05"])

    said = capsys.readouterr().out
    assert said.startswith("memory cannot be read: no /proc here: FileNotFoundError")


def test_sampler_that_dies_leaves_the_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a problem of the record, and no figure is made up."""
    pytest.importorskip("psutil", reason="n/a: psutil is not installed here")
    sampler = scenario_memory.Sampler(0.01)
    sampler.begin()
    sampler._process.kill()

    found = sampler.end()

    assert "it gave no samples" in found.problem
    assert found.rss == Extremes(reason=found.problem)


def test_sampler_ends_with_the_one_that_it_samples(tmp_path: Path) -> None:
    """Its input ends; nobody is left behind."""
    pytest.importorskip("psutil", reason="n/a: psutil is not installed here")
    sampler = scenario_memory.Sampler(0.01)
    sampler.begin()
    assert sampler._process.stdin is not None
    assert sampler._process.stdout is not None
    sampler._process.stdin.close()

    assert select.select([sampler._process.stdout], [], [], 300)[0]
    assert sampler._process.wait(300) == 0
    sampler._process.stdout.close()
    assert sampler._process.stderr is not None
    sampler._process.stderr.close()


def test_quantile_is_a_value_that_was_measured() -> None:
    assert scenario_record.quantile([], 0.5) is None
    assert scenario_record.quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert scenario_record.quantile([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0
