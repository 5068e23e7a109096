"""What a measured child does with the sampler: how much of its CPU time is C code.

*C code* is CPU time below a callable that is written in C and that an instruction
called, without the Python frames that it calls back. What helps the evaluation loop is
none: operators, iterators, making a frame.

A sample is in C code when the instruction of its frame calls a C callable, and neither
the evaluation loop itself was interrupted nor a frame was under way. Most instructions
that call say what they call, since the interpreter specialises them. What the others
call is asked once more after sampling, without a clock.
"""

import dis
import gc
import sys
import threading
import types
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import Any, NamedTuple

from pybench.records.profile_run import SampledFunction, SamplesSeen
from pybench.target.programs.profile_observers import (
    FUNCTIONS_KEPT,
    Observer,
    is_around,
    named,
)


class Sample(NamedTuple):
    """One of ``_pybench.sampler_drain``; ``entering`` is a frame under way."""

    thread: int
    ns: int
    code: int  # its id
    offset: int  # in bytes
    opcode: int
    place: int
    entering: bool

    @property
    def site(self) -> tuple[int, int]:
        """The instruction."""
        return self.code, self.offset


# An instruction that calls: id of the code, offset in bytes.
Site = tuple[int, int]

LOOP, OWN, LIBRARY = range(3)

BYTECODE = "bytecode"
NATIVE = "native"
OPEN = "open"

# In the names of the specialised instructions that call; 3.11 calls in PRECALL too.
C_CALLEES = (
    "BUILTIN", "METHOD_DESCRIPTOR", "TYPE_1", "STR_1", "TUPLE_1", "_LEN", "ISINSTANCE",
    "LIST_APPEND",
)  # fmt: skip
# Those that leave the callee open. A class may be in NON_PY, whose code is Python.
UNTOLD = {
    "CALL", "CALL_ADAPTIVE", "CALL_KW", "CALL_FUNCTION_EX", "CALL_EX_NON_PY_GENERAL",
    "CALL_KW_NON_PY", "CALL_NON_PY_GENERAL",
}  # fmt: skip


def opcode_names() -> Sequence[str]:
    """Return the names of the instructions as they are in memory, by opcode."""
    names: Sequence[str] = getattr(dis, "_all_opname", dis.opname)
    return names


def kind_of(name: str) -> str:
    """Say by its name whether an instruction runs C code, bytecode, or either."""
    plain = name.removeprefix("INSTRUMENTED_")
    if plain in UNTOLD:
        return OPEN
    is_call = plain.startswith(("CALL_", "PRECALL_"))
    return NATIVE if is_call and any(map(plain.__contains__, C_CALLEES)) else BYTECODE


def tally(
    samples: Sequence[Sample],
    names: Sequence[str],
    callees: Mapping[Site, Counter[str]],
) -> SamplesSeen:
    """Add up the time of C code, of bytecode, and of what remains open.

    ``callees`` has how often C and how often Python was called by the instructions that
    leave it open. One that called both is split in this ratio.
    """
    native = bytecode = untold = library = unread = 0.0
    for sample in samples:
        if sample.opcode < 0:
            unread += sample.ns
            continue
        in_c, in_either = part_native(sample, names, callees)
        native += sample.ns * in_c
        untold += sample.ns * in_either
        bytecode += sample.ns * (1 - in_c - in_either)
        if sample.place == LIBRARY and not in_c and not in_either:
            library += sample.ns
    return SamplesSeen(
        native=native,
        bytecode=bytecode,
        open=untold,
        library=library,
        unread=unread,
        samples=len(samples),
        threads=len({sample.thread for sample in samples}),
    )


def part_native(
    sample: Sample, names: Sequence[str], callees: Mapping[Site, Counter[str]]
) -> tuple[float, float]:
    """Return what part of a sample is C code, and what part cannot be told."""
    kind = kind_of(names[sample.opcode])
    if kind == BYTECODE or sample.place == LOOP or sample.entering:
        return 0.0, 0.0
    if kind == NATIVE:
        return 1.0, 0.0
    called = callees.get(sample.site)
    if not called:
        return 0.0, 1.0
    return called[NATIVE] / called.total(), 0.0


def open_sites(samples: Iterable[Sample], names: Sequence[str]) -> set[Site]:
    """Return the instructions whose callee the samples leave open."""
    return {sample.site for sample in samples if part_native(sample, names, {})[1]}


def is_python(called: object) -> bool:
    """Tell whether what was called is written in Python: its frame shows its work."""
    if isinstance(called, types.MethodType):
        return is_python(called.__func__)
    if isinstance(called, types.FunctionType):
        return True
    if isinstance(called, type):
        makers = ("__init__", "__new__")
        own = [vars(base).get(name) for base in called.__mro__ for name in makers]
        return any(
            isinstance(getattr(maker, "__func__", maker), types.FunctionType)
            for maker in own
        )
    methods = [vars(base).get("__call__") for base in type(called).__mro__]
    return any(isinstance(method, types.FunctionType) for method in methods)


def code_objects() -> dict[int, types.CodeType]:
    """Return the code of all functions that are there, and within it, by id."""
    codes: dict[int, types.CodeType] = {}
    waiting: list[Any] = [
        thing.__code__
        for thing in gc.get_objects()
        if type(thing) is types.FunctionType
    ]
    frame: types.FrameType | None = sys._getframe().f_back
    while frame:
        waiting.append(frame.f_code)
        frame = frame.f_back
    while waiting:
        code = waiting.pop()
        if type(code) is types.CodeType and id(code) not in codes:
            codes[id(code)] = code
            waiting.extend(code.co_consts)
    return codes


def callees_of(
    call: Callable[[], object],
    sites: Iterable[Site],
    codes: Mapping[int, types.CodeType],
) -> dict[Site, Counter[str]]:
    """Call once, and return what the sites called: how often C, how often Python."""
    callees: dict[Site, Counter[str]] = {site: Counter() for site in sites}
    if hasattr(sys, "monitoring"):
        watched = [codes[code] for code in {code for code, _ in callees} & {*codes}]
        _monitored(call, callees, watched)
    else:
        _hooked(call, callees)
    return {site: called for site, called in callees.items() if called}


def _monitored(
    call: Callable[[], object],
    callees: Mapping[Site, Counter[str]],
    watched: Sequence[types.CodeType],
) -> None:
    monitoring: Any = getattr(sys, "monitoring")  # noqa: B009 - not in 3.11
    free = [tool for tool in range(6) if monitoring.get_tool(tool) is None]
    if not free:
        return
    tool, event = free[-1], monitoring.events.CALL

    def note(code: types.CodeType, offset: int, called: object, _: object) -> None:
        site = callees.get((id(code), offset))
        if site is not None:
            site[BYTECODE if is_python(called) else NATIVE] += 1

    monitoring.use_tool_id(tool, "pybench")
    try:
        monitoring.register_callback(tool, event, note)
        for code in watched:
            monitoring.set_local_events(tool, code, event)
        call()
    finally:
        for code in watched:
            monitoring.set_local_events(tool, code, 0)
        monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)


def _hooked(call: Callable[[], object], callees: Mapping[Site, Counter[str]]) -> None:
    """Do it where there is no monitoring (3.11): by the profile hook.

    It tells of functions and methods, and of frames that begin. An instruction that
    it tells nothing of called a type.
    """
    native: set[Site] = set()
    python: set[Site] = set()

    def note(frame: types.FrameType, event: str, _: object) -> None:
        if event == "c_call":
            native.add((id(frame.f_code), frame.f_lasti))
        elif event == "call" and frame.f_back:
            python.add((id(frame.f_back.f_code), frame.f_back.f_lasti))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    for site, called in callees.items():
        # Frames that a C callable calls back begin at the same instruction.
        is_bytecode = site in python and site not in native
        called[BYTECODE if is_bytecode else NATIVE] += 1


def load(path: str) -> Any:
    """Load the extension from a file, under no name that the target could see."""
    loader = ExtensionFileLoader("_pybench", path)
    spec = spec_from_loader("_pybench", loader)
    if spec is None:
        raise ImportError(f"{path} is no extension")
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


class Samples(Observer):
    """Samples all threads that `threading` starts, and the one that makes this."""

    def __init__(self, path: str | None) -> None:
        self.missing = ""
        self.samples: list[Sample] = []
        self._lost = 0
        self._sampler: Any = None
        try:
            if path is None:
                raise ImportError("the extension is not built for this interpreter")
            self._sampler = load(path)
            self._sampler.sampler_start()
        except (ImportError, AttributeError, OSError, RuntimeError) as error:
            self._sampler, self.missing = None, str(error)
            return
        names: Any = threading.Thread
        bootstrap = names._bootstrap_inner
        sampler = self._sampler

        def run(thread: threading.Thread) -> None:
            try:
                sampler.sampler_join()
            except (OSError, RuntimeError):  # too many, or in a child of a fork
                bootstrap(thread)
                return
            try:
                bootstrap(thread)
            finally:
                with suppress(RuntimeError):  # the child of a fork by this thread
                    sampler.sampler_leave()

        names._bootstrap_inner = run

    def begin(self) -> None:
        """Forget what was seen so far."""
        self.samples.clear()
        self._lost = 0

    def enable(self) -> None:
        """Keep what is seen from now on."""
        self._drained()
        # Samples of the time that it took to hand out many are not of the target.
        self._drained()

    def disable(self) -> None:
        """Keep what was seen until now."""
        samples, lost = self._drained()
        self.samples += map(Sample._make, samples)
        self._lost += lost

    def _drained(self) -> tuple[list[Any], int]:
        if self._sampler is None:
            return [], 0
        try:
            samples, lost = self._sampler.sampler_drain()
        except RuntimeError as error:  # the target took the signal
            self._sampler, self.missing = None, str(error)
            return [], 0
        return samples, lost

    def settle(self, run: Callable[[], object], seen: object) -> SamplesSeen:
        """Stop, and return what the samples say; see `Observer`."""
        if self._sampler is None:
            return SamplesSeen(missing=self.missing)
        self._sampler.sampler_stop()
        names, codes = opcode_names(), code_objects()
        sites = open_sites(self.samples, names)
        callees = callees_of(run, sites, codes) if sites else {}
        return replace(
            tally(self.samples, names, callees),
            lost=self._lost,
            functions=functions(self.samples, names, callees, codes),
        )


def functions(
    samples: Sequence[Sample],
    names: Sequence[str],
    callees: Mapping[Site, Counter[str]],
    codes: Mapping[int, types.CodeType],
) -> tuple[SampledFunction, ...]:
    """Return the Python functions on top: CPU time of their own, and of their C calls.

    Those whose code is gone have no name, and are left out. So are those that stand
    around the target: they run what it leaves to them, such as the end of a result,
    which counts in the whole, and nobody could look them up in the program.
    """
    whole: Counter[int] = Counter()
    native: Counter[int] = Counter()
    for sample in samples:
        whole[sample.code] += sample.ns
        in_c = sample.ns * part_native(sample, names, callees)[0]
        native[sample.code] += int(in_c)
    everything = max(1, whole.total())
    known = [
        (codes[code], ns, native[code])
        for code, ns in whole.most_common()
        if code in codes and not is_around(codes[code].co_filename)
    ]
    return tuple(
        SampledFunction(
            name=named(code, code.co_qualname),
            share=ns / everything,
            native=in_c / everything,
        )
        for code, ns, in_c in known[:FUNCTIONS_KEPT]
    )
