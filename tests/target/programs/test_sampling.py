"""What samples say: recorded ones by hand, and programs whose shares are known."""

import dis
import functools
import json
import re
import subprocess
import sys
import timeit
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pybench.interpreters import Interpreter, probe
from pybench.profiles import experiments, extensions
from pybench.profiles.bottleneck import sampled_ends
from pybench.profiles.extensions import ExtensionMissingError, extension_of
from pybench.profiles.targets import parse_target
from pybench.records.bottleneck import Run
from pybench.records.profile_run import NATIVE, SamplesSeen
from pybench.target.programs import profile_target, sampling, target_calls
from pybench.target.programs.sampling import Sample

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")

PROGRAMS = Path(__file__).parents[2] / "data" / "programs"
SAMPLES = Path(__file__).parents[2] / "data" / "profiles" / "samples.json"
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="n/a: Linux's timers")

NAMES = ["LOAD_FAST", "CALL_BUILTIN_FAST", "CALL", "CALL_PY_EXACT_ARGS", "BINARY_OP"]
LOAD, BUILTIN, CALL, PYTHON, OPERATOR = range(5)


def sample(
    opcode: int, ns: int = 1, place: int = 1, entering: bool = False, offset: int = 0
) -> Sample:
    return Sample(1, ns, 7, offset, opcode, place, entering)


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        # 3.11, 3.12
        ("PRECALL_NO_KW_BUILTIN_FAST", sampling.NATIVE),
        ("PRECALL_NO_KW_LEN", sampling.NATIVE),
        ("CALL_NO_KW_METHOD_DESCRIPTOR_O", sampling.NATIVE),
        ("PRECALL_PYFUNC", sampling.BYTECODE),
        ("PRECALL_ADAPTIVE", sampling.BYTECODE),
        ("CALL_ADAPTIVE", sampling.OPEN),
        # 3.13 and later
        ("CALL_BUILTIN_CLASS", sampling.NATIVE),
        ("CALL_TYPE_1", sampling.NATIVE),
        ("CALL_LIST_APPEND", sampling.NATIVE),
        ("CALL_KW_NON_PY", sampling.OPEN),
        ("CALL_FUNCTION_EX", sampling.OPEN),
        ("INSTRUMENTED_CALL", sampling.OPEN),
        ("CALL_PY_EXACT_ARGS", sampling.BYTECODE),
        ("CALL_KW_BOUND_METHOD", sampling.BYTECODE),
        ("CALL_ALLOC_AND_ENTER_INIT", sampling.BYTECODE),
        ("CALL_INTRINSIC_1", sampling.BYTECODE),
        ("BINARY_OP_ADD_INT", sampling.BYTECODE),
        ("FOR_ITER_GEN", sampling.BYTECODE),
    ],
)
def test_instruction_says_what_it_runs(name: str, kind: str) -> None:
    assert sampling.kind_of(name) == kind


def test_names_are_those_of_this_interpreter() -> None:
    """A list that lacked the specialised ones would find bytecode alone."""
    kinds = Counter(map(sampling.kind_of, sampling.opcode_names()))

    assert kinds[sampling.NATIVE] >= 5
    assert kinds[sampling.OPEN] >= 2


@pytest.mark.once
@pytest.mark.parametrize(
    ("recorded", "native", "bytecode", "remains"),
    [
        ([sample(BUILTIN, 3), sample(LOAD, 1)], 3, 1, 0),
        # An operator's C code helps the loop, wherever it lies.
        ([sample(OPERATOR, 2), sample(OPERATOR, 5, place=2)], 0, 7, 0),
        # The loop itself: arguments of a call, or a frame that has just begun.
        ([sample(BUILTIN, 4, place=0)], 0, 4, 0),
        # C code that calls Python back: the frame is there, and not yet current.
        ([sample(BUILTIN, 4, entering=True), sample(BUILTIN, 1)], 1, 4, 0),
        ([sample(PYTHON, 2)], 0, 2, 0),
        # Callees that a look told: C, Python, both, and one that it did not see.
        ([sample(CALL, 2, offset=10)], 2, 0, 0),
        ([sample(CALL, 2, offset=20)], 0, 2, 0),
        ([sample(CALL, 8, offset=30)], 6, 2, 0),
        ([sample(CALL, 2, offset=40)], 0, 0, 2),
    ],
)
def test_recorded_samples_are_told_apart(
    recorded: list[Any], native: float, bytecode: float, remains: float
) -> None:
    callees = {
        (7, 10): Counter({sampling.NATIVE: 2}),
        (7, 20): Counter({sampling.BYTECODE: 5}),
        (7, 30): Counter({sampling.NATIVE: 3, sampling.BYTECODE: 1}),
    }

    found = sampling.tally(recorded, NAMES, callees)

    assert (found.native, found.bytecode, found.open) == (native, bytecode, remains)


@pytest.mark.once
def test_sample_without_a_frame_is_no_share() -> None:
    found = sampling.tally([sample(-1, 5), sample(LOAD, 2)], NAMES, {})

    assert found.unread == 5
    assert sampled_ends(found) == (0.0, 0.0)
    assert sampled_ends(SamplesSeen(missing="why")) is None
    assert sampled_ends(sampling.tally([], NAMES, {})) is None


@pytest.mark.once
def test_what_remains_open_widens_the_share() -> None:
    recorded = [sample(LOAD, 5), sample(BUILTIN, 3), sample(CALL, 2)]

    assert sampled_ends(sampling.tally(recorded, NAMES, {})) == (0.3, 0.5)
    assert sampling.open_sites(recorded, NAMES) == {(7, 0)}


class Written:
    """A class of Python code, and instances that are called."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def __call__(self) -> int:
        return self.number

    def method(self) -> int:
        return self.number


class Plain(dict[str, int]):
    """A class whose instances C code makes."""


@pytest.mark.once
@pytest.mark.parametrize(
    ("called", "expected"),
    [
        (sampled_ends, True),
        (Written().method, True),
        (Written, True),
        (Written(), True),
        (len, False),
        ("".join, False),
        (str.upper, False),
        (int, False),
        (Plain, False),
        (functools.partial(sampled_ends, SamplesSeen()), False),
    ],
)
def test_callable_is_written_in_python_or_c(called: object, expected: bool) -> None:
    assert sampling.is_python(called) is expected


def test_call_sites_are_asked_what_they_call() -> None:
    """One calls C, one Python with keywords, one is C that calls Python back."""

    def callee(**_: int) -> int:
        return 1

    words = {"default": 0}
    by_key = {"key": int}

    def target() -> None:
        max(*[3, 4], **by_key)
        callee(**words)

    def key(number: int) -> int:
        return number

    by_key["key"] = key  # type: ignore[assignment]

    sites = {
        (id(target.__code__), one.offset)
        for one in dis.get_instructions(target)
        if one.opname == "CALL_FUNCTION_EX"
    }
    codes = {id(target.__code__): target.__code__}

    found = sampling.callees_of(target, sites, codes)

    assert sorted(map(tuple, found.values())) == [
        (sampling.BYTECODE,),
        (sampling.NATIVE,),
    ]


@pytest.fixture(scope="module")
def python() -> Interpreter:
    return probe(sys.executable)


def sampled_run(python: Interpreter, word: str, extension: Path | None) -> Run:
    return experiments.run(python, parse_target(word), NATIVE, 0, 60.0, extension)


with SAMPLES.open() as file:
    RECORDED = json.load(file)


@pytest.mark.once
@pytest.mark.parametrize("build", RECORDED)
@pytest.mark.parametrize(
    ("function", "least", "most"),
    [
        # Bytecode, though C code calls it: a tenth is what C adds.
        ("summed_generator", 0.0, 0.2),
        # Bytecode: what helps operators is no C code.
        ("big_numbers", 0.0, 0.1),
        # Bytecode: calls by keywords and by star of Python functions.
        ("starred_calls", 0.0, 0.1),
        ("checksum", 0.9, 1.0),
        ("checksum_starred", 0.9, 1.0),
        # Threads that nobody told of the sampler, two of them in C code.
        ("checksum_in_threads", 0.9, 1.0),
        ("halves", 0.3, 0.7),
    ],
)
def test_share_of_c_code_is_that_of_the_program(
    build: str, function: str, least: float, most: float
) -> None:
    """As recorded: the instructions are those of a build, the time is not ours."""
    recorded = RECORDED[build][function]
    names = sorted({word for *_, word, _, _ in recorded["samples"]})
    samples = [
        Sample(1, ns, code, offset, names.index(word), place, entering)
        for ns, code, offset, word, place, entering in recorded["samples"]
    ]
    callees = {
        (code, offset): Counter(called) for code, offset, called in recorded["callees"]
    }

    ends = sampled_ends(sampling.tally(samples, names, callees))

    assert ends is not None
    assert ends[0] == pytest.approx(recorded["native"], abs=1e-6)
    assert least <= ends[0] <= ends[1] <= most


@ON_LINUX
@pytest.mark.parametrize("function", ["checksum_in_threads", "halves"])
def test_samples_of_a_program_are_told_apart(
    python: Interpreter, function: str
) -> None:
    extension = extension_of(python)

    ran = sampled_run(python, f"{PROGRAMS / 'shares.py'}:{function}", extension)

    seen = ran.report.observed
    assert (ran.problem, seen.missing, seen.lost) == ("", "", 0)
    assert 0 <= seen.native <= seen.told_ns
    assert all(0 <= one.native <= one.share <= 1 for one in seen.functions)


@pytest.mark.once
def test_without_the_extension_the_reason_is_said(python: Interpreter) -> None:
    ran = sampled_run(python, f"{PROGRAMS / 'shares.py'}:checksum", None)

    assert ran.problem == ""
    assert "not built" in ran.report.observed.missing


@ON_LINUX
@pytest.mark.once
def test_program_that_takes_the_signal_is_told(
    python: Interpreter, tmp_path: Path
) -> None:
    (tmp_path / "taker.py").write_text(
        "import signal\n"
        "def run():\n"
        "    for number in range(signal.SIGRTMIN, signal.SIGRTMAX):\n"
        "        signal.signal(number, signal.SIG_IGN)\n"
        "    sum(range(100_000))\n"
    )

    ran = sampled_run(python, f"{tmp_path / 'taker.py'}:run", extension_of(python))

    assert ran.problem == ""
    assert "the program took signal" in ran.report.observed.missing


FORKING_THREAD = """
import os, sys, threading
from pybench.target.programs import sampling
assert not sampling.Samples(sys.argv[1]).missing
children = []
thread = threading.Thread(target=lambda: children.append(os.fork()))
thread.start()
thread.join()
_, status = os.waitpid(children[0], 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_child_that_a_thread_forked_ends_without_a_word(python: Interpreter) -> None:
    """The thread's end is in the child too, where there is no sampler to leave."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING_THREAD, extension_of(python)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.once
def test_interpreter_without_extension_is_named(
    python: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extensions, "_asked", lambda path: (None, ".none.so"))

    with pytest.raises(ExtensionMissingError, match=re.escape(python.label)):
        extension_of(python)


@pytest.mark.once
def test_interpreter_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExtensionMissingError, match="nowhere did not answer"):
        extensions._asked(tmp_path / "nowhere")


def test_extension_is_a_file_that_loads(python: Interpreter) -> None:
    path = extension_of(python)

    module = sampling.load(str(path))

    assert hasattr(module, "sampler_start")
    assert path.suffix == ".so"


@pytest.mark.once
@pytest.mark.parametrize("drained", [0, 1, 1000])
def test_time_that_it_takes_to_hand_samples_out_is_not_the_targets(
    drained: int,
) -> None:
    """Samples go on while a list of the earlier ones is made."""
    handing_out, of_target = sample(BUILTIN, offset=2), sample(LOAD, offset=4)

    class Sampler:
        """Answers as `_pybench` does: many, those of that time, the target's."""

        answers = iter(([sample(LOAD)] * drained, [handing_out], [of_target]))

        def sampler_drain(self) -> tuple[list[Any], int]:
            return next(self.answers), 0

    samples = sampling.Samples(None)
    samples._sampler = Sampler()
    samples.enable()
    samples.disable()

    assert samples.samples == [of_target]


@pytest.mark.once
@pytest.mark.parametrize(
    "path",
    [
        sampling.__file__,
        "<timeit-src>",
        profile_target.__file__,
        target_calls.__file__,
        timeit.__file__,
    ],
)
def test_what_stands_around_the_target_is_no_function_on_top(path: str) -> None:
    """What it runs for the target counts in the whole all the same."""
    around = compile("0", path, "exec")
    target = compile("0", "program.py", "exec")
    codes = {7: around, 8: target}
    samples = [sample(LOAD, ns=3), Sample(1, 1, 8, 0, LOAD, 1, False)]

    listed = sampling.functions(samples, NAMES, {}, codes)

    assert [(one.name, one.share) for one in listed] == [
        ("program.py:1(<module>)", 0.25)
    ]
