"""Tell CPython builds apart: native kernels and a pytest-benchmark harness.

Importing this is cheap; the extension `_pybench` is loaded when a function needs it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pybench.notebook.callables import CallableComparison
    from pybench.notebook.listing import KernelList
    from pybench.notebook.loaded import Loaded
    from pybench.notebook.measurement import Measurement

__version__ = "0.1.0"

__all__ = [
    "KernelInfo",
    "compare",
    "false_sharing_stride",
    "kernels",
    "load",
    "measure",
]

# Bytes between two counters; no machine shares more than 256 bytes at a time.
_STRIDES = (8, 16, 32, 64, 128, 256)

# Sharing costs a factor of several, noise well below this.
_STILL_HELPS = 1.25
_SHARING_SEEN = 1.5

_STRIDE_ITERATIONS = 100_000
_STRIDE_ROUNDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelInfo:
    """A native kernel: its name in `_pybench`, its area and what it measures."""

    name: str
    area: str
    attached: bool
    missing: str
    doc: str

    @property
    def is_available(self) -> bool:
        """Whether this interpreter can run it; `missing` says why not."""
        return not self.missing


def kernels() -> KernelList:
    """List the native kernels, also those that this interpreter cannot run.

    Raises
    ------
    ImportError
        If the extension is not built; says how to build it.
    """
    from pybench.notebook.listing import KernelList

    native = _native()
    return KernelList(
        KernelInfo(
            name=name,
            area=facts["area"],
            attached=facts["attached"],
            missing=facts["missing"],
            doc=(getattr(native, name).__doc__ or "").strip(),
        )
        for name, facts in sorted(native.KERNELS.items())
    )


def measure(
    subject: Callable[..., object] | str,
    /,
    *arguments: object,
    threads: int | Iterable[int] = 1,
    rounds: int | None = None,
    iterations: int | None = None,
    isolated: bool = False,
    **keywords: object,
) -> Measurement:
    """Measure a callable, or a native kernel, in this process.

    Parameters
    ----------
    subject : callable or str
        What to call; a function of `_pybench`, or its name.
    *arguments, **keywords
        What to call it with; those of a kernel go by name.
    threads : int or iterable of int
        How many threads do it at the same time. With several numbers, one thread is
        measured too, and the speed-up is relative to it.
    rounds, iterations : int, optional
        How often is measured, and the calls of each thread in a round; what fits into
        about a second, and into 10 ms (kernels: 25 rounds of a millisecond).
    isolated : bool
        In a fresh process; `subject` has to be importable there.

    Returns
    -------
    Measurement
        Times in ns; in a notebook a table and a chart. Void if something turned the
        GIL on meanwhile.

    Raises
    ------
    TypeError, ValueError
        For what cannot be called, is no kernel, or is no number of threads.
    NotImplementedError
        For a kernel that this interpreter cannot run.
    Exception
        What the callable raises, with a note of how far it got.
    """
    if isolated:
        from pybench.notebook.isolated import measure_isolated, order

        asked = order(
            subject,
            arguments,
            keywords,
            threads=threads,
            rounds=rounds,
            iterations=iterations,
        )
        return measure_isolated(asked)
    from pybench.notebook import session

    return session.measure(
        subject,
        arguments,
        keywords,
        threads=threads,
        rounds=rounds,
        iterations=iterations,
    )


def compare(
    a: Callable[[], object] | str | Path,
    b: Callable[[], object] | str | Path,
    *more: str | Path,
    **options: Any,
) -> Loaded | CallableComparison:
    """Say what differs between two interpreters, saved results or callables.

    Parameters
    ----------
    a, b, *more : str, Path or callable
        Two or more interpreters (``"3.14"``, ``"3.14t"``, a path), measured now, the
        first being the baseline; or saved files; or two callables of no argument.
    **options
        For interpreters ``suite``, ``benchmarks``, ``keyword``, ``quick``, ``budget``
        (seconds), ``pairs``, ``margin``, ``seed``, ``output`` (a folder); for saved
        files ``margin``; for callables ``rounds``, ``margin``, and with ``isolated``
        ``pairs``.

    Raises
    ------
    TypeError, ValueError
        For sides of unlike kinds, or an option or value that they do not take.
    ImportError
        If a library of the host is not installed; names it.
    """
    from pybench.notebook import comparing

    return comparing.compare((a, b, *more), options)


def load(path: str | Path, *more: str | Path) -> Loaded:
    """Read results: a run's folder, ``summary.json``, saved files, profiles.

    Raises
    ------
    ValueError
        If it is nothing of that, of another schema, or cut off; names the file.
    ImportError
        If a library of the host is not installed; names it.
    """
    from pybench.notebook import loaded

    return loaded.load([Path(path), *map(Path, more)])


def load_ipython_extension(shell: Any) -> None:
    """Add ``%bench`` and ``%%bench``: what ``%load_ext pybench`` calls."""
    from pybench.notebook.magics import BenchMagics

    shell.register_magics(BenchMagics)


def unload_ipython_extension(shell: Any) -> None:
    """Remove them again."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("bench", None)


def false_sharing_stride(threads: int = 2) -> int:
    """Measure how far apart two counters must be not to disturb each other.

    Parameters
    ----------
    threads : int
        Threads that increment a counter each; at least 2.

    Returns
    -------
    int
        Bytes: the smallest stride from which a doubling no longer helps.

    Raises
    ------
    ImportError
        If the extension is not built; says how to build it.
    ValueError
        If `threads` is below 2.
    RuntimeError
        If no false sharing was seen, as on a single CPU.
    """
    if threads < 2:
        raise ValueError(f"threads must be at least 2, not {threads}")
    import statistics  # here: each worker of a scenario pays for what is above

    native = _native()
    cost_ns = {}
    for stride in _STRIDES:
        rounds = native.counters_increment(
            _STRIDE_ITERATIONS,
            rounds=_STRIDE_ROUNDS,
            threads=threads,
            operation="relaxed",
            layout="strided",
            stride=stride,
        )
        cost_ns[stride] = statistics.median(one.ns_per_operation for one in rounds)
    smallest = _smallest_private_stride(cost_ns)
    if smallest is None:
        seen = ", ".join(f"{cost:.1f} ns at {step} B" for step, cost in cost_ns.items())
        raise RuntimeError(f"no false sharing seen with {threads} threads: {seen}")
    return smallest


def _smallest_private_stride(cost_ns: Mapping[int, float]) -> int | None:
    """Return the stride from which no larger one helps; None if none ever helped.

    Compared with the best of all larger strides, not with the next one alone: lines
    are fetched in pairs on some machines, and the step to the pair is the smaller.
    """
    strides = sorted(cost_ns)
    if cost_ns[strides[0]] < _SHARING_SEEN * min(cost_ns.values()):
        return None
    for index, stride in enumerate(strides):
        best_beyond = min(cost_ns[larger] for larger in strides[index:])
        if cost_ns[stride] <= _STILL_HELPS * best_beyond:
            return stride
    return None


def _native() -> ModuleType:
    # Imported here: the plugin package needs pytest, which a notebook may lack.
    try:
        module = importlib.import_module("_pybench")
    except ImportError as error:
        raise ImportError(f"{_BUILD_IT} ({error})") from error
    # The folder of the C sources imports as an empty namespace package.
    if getattr(module, "BUILD", None) is None:
        raise ImportError(_BUILD_IT)
    return module


_BUILD_IT = (
    "the extension _pybench is not built for this interpreter; "
    "build it with `make bench` or `pip install -e .`"
)
