"""What a row leaves changed in the process: put back before the next row begins.

The state is taken before a row's own fixtures are set up, and put back when they are
torn down. Fixtures of a wider scope are left alone: what they change is meant
for the rows after them.
"""

import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, NoReturn

import pytest

from pybench.target.plugin.marking import is_row
from pybench.target.plugin.replacing import replace_methods
from pybench.target.process import clocks

# So long a clock may stand still before its row is ended.
STILL_MOST_S = 1.0

_limits: Any
try:
    import resource as _limits
except ImportError:  # on Windows, where there are none to put back
    _limits = None

_LIMITS = [
    getattr(_limits, name) for name in dir(_limits) if name.startswith("RLIMIT_")
]
# What may be set at all: two cannot, and asking for some raises.
_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
_CLOCKS = [
    name
    for stem in ("time", "monotonic", "perf_counter", "process_time", "thread_time")
    for name in (stem, f"{stem}_ns")
    if hasattr(time, name)
] + ["sleep"]


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - a text, taken for each row
    except OSError:
        return None


def _put_handlers(before: dict[int, Any]) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number, handler in before.items():
        # None: set by C, of which Python knows no more.
        if handler is not None and signal.getsignal(number) != handler:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, handler)


def _put_limits(before: dict[int, int]) -> None:
    for kind, soft in before.items():
        now, hard = _limits.getrlimit(kind)
        if now == soft:
            continue
        # The hard limit may have been lowered as well: then up to that.
        is_too_much = hard != _limits.RLIM_INFINITY and (
            soft == _limits.RLIM_INFINITY or soft > hard
        )
        with contextlib.suppress(OSError, ValueError):
            _limits.setrlimit(kind, (hard if is_too_much else soft, hard))


def _put_folder(before: str | None) -> None:
    if before is not None:
        with contextlib.suppress(OSError):
            os.chdir(before)


def _put_collector(before: tuple[bool, tuple[int, ...]]) -> None:
    is_on, thresholds = before
    (gc.enable if is_on else gc.disable)()
    gc.set_threshold(*thresholds)


def _put_clocks(before: dict[str, Any]) -> None:
    for name, function in before.items():
        setattr(time, name, function)


# In words: how it is read, and how it is put back.
_STATES: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    # The first: with few files left, the others could not be read.
    "resource limits": (
        lambda: {kind: _limits.getrlimit(kind)[0] for kind in _LIMITS},
        _put_limits,
    ),
    "signal handlers": (
        lambda: {number: signal.getsignal(number) for number in _SIGNALS},
        _put_handlers,
    ),
    "the current folder": (_folder, _put_folder),
    "the collector": (lambda: (gc.isenabled(), gc.get_threshold()), _put_collector),
    "the switch interval": (sys.getswitchinterval, sys.setswitchinterval),
    "the recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "the clock": (
        lambda: {name: getattr(time, name, None) for name in _CLOCKS},
        _put_clocks,
    ),
}


def take_state() -> dict[str, Any]:
    """Return the state as it is now, by the names of its parts."""
    return {name: read() for name, (read, _) in _STATES.items()}


def restore_state(before: dict[str, Any]) -> list[str]:
    """Put back what is no longer as it was; return its names."""
    changed = []
    for name, value in before.items():
        read, put = _STATES[name]
        if read() != value:
            changed.append(name)
            put(value)
    return changed


def limit_calibration() -> Callable[[], None]:
    """End a row whose clock stands still, which stock calibrates for ever.

    Returns what takes the limit off the fixture again.
    """
    from pytest_benchmark.fixture import BenchmarkFixture

    calibrate: Any = BenchmarkFixture._calibrate_timer

    def limited(benchmark: Any, runner: Callable[[range], float]) -> Any:
        def watched(loops: range) -> float:
            began = clocks.wall_ns()
            duration = runner(loops)
            if duration <= 0 and clocks.wall_ns() - began > STILL_MOST_S * 1e9:
                _fail_still(benchmark._timer)
            return duration

        try:  # for a second at most
            is_still = benchmark._get_precision(benchmark._timer) is None
        except TypeError:  # stock cannot put into words that it found none
            is_still = True
        if is_still:
            _fail_still(benchmark._timer)
        return calibrate(benchmark, watched)

    return replace_methods(BenchmarkFixture, _calibrate_timer=limited)


def _fail_still(timer: object) -> NoReturn:
    pytest.fail(
        f"the clock of this row stands still: {timer!r} gives the same reading after "
        "a second as before; something has replaced it, or it is no clock",
        pytrace=False,
    )


class RowState:
    """Puts back what rows leave changed, and says of which rows by `say`."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._row = ""
        self._before: dict[str, Any] = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: "pytest.FixtureDef[Any]", request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Take the state before a row's first own fixture: that one ends last."""
        node: Any = request.node
        if fixturedef.scope != "function":
            return (yield from self._keep_changes())
        if is_row(node) and not self._row:
            self._row, self._before = node.nodeid, take_state()
            # Before its own set-up, so that this runs behind its own tear-down.
            fixturedef.addfinalizer(self._put_back)
        return (yield)

    def _keep_changes(self) -> Generator[None, object, object]:
        """Let what a fixture of a wider scope changes in the midst of a row stay."""
        before = take_state()
        result = yield
        after = take_state()
        changed = {name: after[name] for name in after if after[name] != before[name]}
        self._before.update(changed)
        return result

    def _put_back(self) -> None:
        row, before = self._row, self._before
        self._row, self._before = "", {}
        if changed := restore_state(before):
            self._say(f"{row} left {', '.join(changed)} changed: put back")
