"""What a measured child does with the sampler: how much of its CPU time is C code.

Loaded by its path in the child, beside the program `profile_target`, so it imports the
standard library alone. *C code* is CPU time below a callable that is written in C and
that an instruction called, without the Python frames that it calls back. What helps the
evaluation loop is none: operators, iterators, making a frame.

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
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import Any

# Thread, ns, id of the code, offset in bytes, opcode, place, a frame under way.
Sample = tuple[int, int, int, int, int, int, bool]
# An instruction that calls: id of the code, offset in bytes.
Site = tuple[int, int]

LOOP, OWN, LIBRARY = range(3)

BYTECODE = "bytecode"
NATIVE = "native"
OPEN = "open"

# In the names of the specialised instructions that call; 3.11 calls in PRECALL too.
C_CALLEES = (
    "BUILTIN",
    "METHOD_DESCRIPTOR",
    "TYPE_1",
    "STR_1",
    "TUPLE_1",
    "_LEN",
    "ISINSTANCE",
    "LIST_APPEND",
)
# Those that leave the callee open. A class may be in NON_PY, whose code is Python.
UNTOLD = {
    "CALL",
    "CALL_ADAPTIVE",
    "CALL_KW",
    "CALL_FUNCTION_EX",
    "CALL_EX_NON_PY_GENERAL",
    "CALL_KW_NON_PY",
    "CALL_NON_PY_GENERAL",
}

# Python functions that are kept, by the CPU time of what they do themselves.
FUNCTIONS = 15


def opcode_names() -> Sequence[str]:
    """Return the names of the instructions as they are in memory, by opcode."""
    names: Sequence[str] = getattr(dis, "_all_opname", dis.opname)
    return names


def kind_of(name: str) -> str:
    """Say by its name whether an instruction runs C code, bytecode, or either."""
    plain = name.removeprefix("INSTRUMENTED_")
    if plain in UNTOLD:
        return OPEN
    if plain.startswith(("CALL_", "PRECALL_")) and any(
        word in plain for word in C_CALLEES
    ):
        return NATIVE
    return BYTECODE


def tally(
    samples: Iterable[Sample],
    names: Sequence[str],
    callees: Mapping[Site, Counter[str]],
) -> dict[str, float]:
    """Return nanoseconds of C code, of bytecode, and of what remains open.

    Parameters
    ----------
    samples : iterable of Sample
        As ``_pybench.sampler_drain`` returns them.
    names : sequence of str
        Of the instructions, by opcode.
    callees : mapping
        What the instructions that leave it open called: how often C, how often
        Python. One that called both is split in this ratio.
    """
    found = {NATIVE: 0.0, BYTECODE: 0.0, OPEN: 0.0, "library": 0.0, "unread": 0.0}
    for sample in samples:
        ns, place = sample[1], sample[5]
        if sample[4] < 0:
            found["unread"] += ns
            continue
        native, untold = part_native(sample, names, callees)
        found[NATIVE] += ns * native
        found[OPEN] += ns * untold
        found[BYTECODE] += ns * (1 - native - untold)
        if place == LIBRARY and not native and not untold:
            found["library"] += ns
    return found


def part_native(
    sample: Sample, names: Sequence[str], callees: Mapping[Site, Counter[str]]
) -> tuple[float, float]:
    """Return what part of a sample is C code, and what part cannot be told."""
    _, _, code, offset, opcode, place, entering = sample
    kind = kind_of(names[opcode])
    if kind == BYTECODE or place == LOOP or entering:
        return 0.0, 0.0
    if kind == NATIVE:
        return 1.0, 0.0
    called = callees.get((code, offset))
    if not called:
        return 0.0, 1.0
    return called[NATIVE] / called.total(), 0.0


def open_sites(samples: Iterable[Sample], names: Sequence[str]) -> set[Site]:
    """Return the instructions whose callee the samples leave open."""
    return {(one[2], one[3]) for one in samples if part_native(one, names, {})[1]}


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
    found = [vars(base).get("__call__") for base in type(called).__mro__]
    return any(isinstance(one, types.FunctionType) for one in found)


def code_objects() -> dict[int, types.CodeType]:
    """Return the code of all functions that are there, and within it, by id."""
    found: dict[int, types.CodeType] = {}
    waiting: list[Any] = [
        one.__code__ for one in gc.get_objects() if type(one) is types.FunctionType
    ]
    frame = sys._getframe()
    while frame.f_back:
        frame = frame.f_back
        waiting.append(frame.f_code)
    while waiting:
        code = waiting.pop()
        if type(code) is types.CodeType and id(code) not in found:
            found[id(code)] = code
            waiting.extend(code.co_consts)
    return found


def callees_of(
    call: Callable[[], object],
    sites: Iterable[Site],
    codes: Mapping[int, types.CodeType],
) -> dict[Site, Counter[str]]:
    """Call once, and return what the sites called: how often C, how often Python."""
    found: dict[Site, Counter[str]] = {site: Counter() for site in sites}
    if hasattr(sys, "monitoring"):
        _monitored(call, found, codes)
    else:
        _hooked(call, found)
    return {site: called for site, called in found.items() if called}


def _monitored(
    call: Callable[[], object],
    found: Mapping[Site, Counter[str]],
    codes: Mapping[int, types.CodeType],
) -> None:
    monitoring: Any = getattr(sys, "monitoring")  # noqa: B009 - not in 3.11
    free = [tool for tool in range(6) if monitoring.get_tool(tool) is None]
    if not free:
        return
    tool, event = free[-1], monitoring.events.CALL
    watched = [codes[code] for code in {site[0] for site in found} if code in codes]

    def note(code: types.CodeType, offset: int, called: object, _: object) -> None:
        site = found.get((id(code), offset))
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


def _hooked(call: Callable[[], object], found: Mapping[Site, Counter[str]]) -> None:
    """Do it where there is no monitoring (3.11): by the profile hook.

    It tells of functions and methods, and of frames that begin. An instruction that
    it tells nothing of called a type.
    """
    native: Counter[Site] = Counter()
    python: Counter[Site] = Counter()

    def note(frame: types.FrameType, event: str, _: object) -> None:
        if event == "c_call":
            native[id(frame.f_code), frame.f_lasti] += 1
        elif event == "call" and frame.f_back:
            python[id(frame.f_back.f_code), frame.f_back.f_lasti] += 1

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    for site, called in found.items():
        if native[site] or not python[site]:
            # Frames that a C callable calls back begin at the same instruction.
            called[NATIVE] += 1
        else:
            called[BYTECODE] += 1


def load(path: str) -> Any:
    """Load the extension from a file, under no name that the target could see."""
    loader = ExtensionFileLoader("_pybench", path)
    spec = spec_from_loader("_pybench", loader)
    if spec is None:
        raise ImportError(f"{path} is no extension")
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


class Samples:
    """Samples all threads that `threading` starts, and the one that makes this."""

    def __init__(self, path: str | None) -> None:
        self.missing = ""
        self.samples: list[Sample] = []
        self.lost = 0
        # What is switched on and off around each batch, as a profile is.
        self.profile = self
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
        self.lost = 0

    def end(self) -> dict[str, Any]:
        """Return nothing: `settle` says what was seen."""
        return {}

    def enable(self) -> None:
        """Keep what is seen from now on."""
        self._drained()
        # Samples of the time that it took to hand out many are not of the target.
        self._drained()

    def disable(self) -> None:
        """Keep what was seen until now."""
        samples, lost = self._drained()
        self.samples += samples
        self.lost += lost

    def _drained(self) -> tuple[list[Sample], int]:
        if self._sampler is None:
            return [], 0
        try:
            samples, lost = self._sampler.sampler_drain()
        except RuntimeError as error:  # the target took the signal
            self._sampler, self.missing = None, str(error)
            return [], 0
        return samples, lost

    def settle(
        self, run: Callable[[], object], is_ours: Callable[[str], bool]
    ) -> dict[str, Any]:
        """Stop, and return what the samples say.

        Parameters
        ----------
        run : callable
            Runs the target once more, to see what it calls where that is open.
        is_ours : callable
            Tells whether a file is one of those that stand around the target.
        """
        if self._sampler is None:
            return {"missing": self.missing}
        self._sampler.sampler_stop()
        names, codes = opcode_names(), code_objects()
        sites = open_sites(self.samples, names)
        callees = callees_of(run, sites, codes) if sites else {}
        return {
            **tally(self.samples, names, callees),
            "samples": len(self.samples),
            "lost": self.lost,
            "threads": len({one[0] for one in self.samples}),
            "functions": functions(self.samples, names, callees, codes, is_ours),
        }


def functions(
    samples: Sequence[Sample],
    names: Sequence[str],
    callees: Mapping[Site, Counter[str]],
    codes: Mapping[int, types.CodeType],
    is_ours: Callable[[str], bool],
) -> list[dict[str, Any]]:
    """Return the Python functions on top: CPU time of their own, and of their C calls.

    Those whose code is gone have no name, and are left out. So are those that stand
    around the target: they run what it leaves to them, such as the end of a result,
    which counts in the whole, and nobody could look them up in the program.
    """
    whole: Counter[int] = Counter()
    native: Counter[int] = Counter()
    for sample in samples:
        whole[sample[2]] += sample[1]
        native[sample[2]] += int(sample[1] * part_native(sample, names, callees)[0])
    everything = max(1, whole.total())
    found: list[dict[str, Any]] = []
    for code, ns in whole.most_common():
        known = codes.get(code)
        if known is None or is_ours(known.co_filename):
            continue
        if len(found) < FUNCTIONS:
            found.append(
                {
                    "name": f"{known.co_filename}:{known.co_firstlineno}"
                    f"({known.co_qualname})",
                    "share": ns / everything,
                    "native": native[code] / everything,
                }
            )
    return found
