"""Tell CPython builds apart: native kernels and a pytest-benchmark harness.

Importing this is cheap; the extension `_pybench` is loaded when a function needs it.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

__version__ = "0.1.0"

__all__ = ["KernelInfo", "false_sharing_stride", "kernels"]

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


def kernels() -> list[KernelInfo]:
    """List the native kernels, also those that this interpreter cannot run.

    Raises
    ------
    ImportError
        If the extension is not built; says how to build it.
    """
    native = _native()
    return [
        KernelInfo(
            name=name,
            area=facts["area"],
            attached=facts["attached"],
            missing=facts["missing"],
            doc=(getattr(native, name).__doc__ or "").strip(),
        )
        for name, facts in sorted(native.KERNELS.items())
    ]


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
