"""What a container costs from C when threads share it: the container, not the bytecode.

Native rows with two threads. One operation is one call of the C API, as an extension
or a built-in function makes it. Each comes with its control: a container for each
thread. With the GIL on, the threads are serialised and the rows show CPU time.
"""

import pytest

from pybench.target.plugin import Kernel

pytestmark = pytest.mark.threads(2)

KINDS = ["list", "dict", "set", "attribute"]


@pytest.mark.parametrize("kind", KINDS)
def test_benchmark_threading_capi_read_own(kernel: Kernel, kind: str) -> None:
    """Read an item of a container of 64 that is the thread's own: the control.

    Expect 1 to 20 ns, a little more on a free-threaded build.
    """
    kernel("containers_read", kind=kind, threads=2)


@pytest.mark.parametrize("kind", KINDS)
def test_benchmark_threading_capi_read_both(kernel: Kernel, kind: str) -> None:
    """Read an item, an object with a count, of a container that both threads share.

    Expect `capi_read_own` with the GIL on. On a free-threaded build expect two to
    thirty times that: both threads write the item's count (of a set there is none to
    write, but up to 3.14 a lock to take).
    """
    kernel("containers_read", kind=kind, layout="shared", threads=2)


@pytest.mark.parametrize("kind", ["list", "dict", "attribute"])
def test_benchmark_threading_capi_read_none(kernel: Kernel, kind: str) -> None:
    """Read None out of a container that both threads share.

    Expect of a list `capi_read_own`: without a count to write, nothing is shared but
    what is read. A dict may still take its lock. n/a before 3.12.
    """
    kernel("containers_read", kind=kind, value="immortal", layout="shared", threads=2)


@pytest.mark.parametrize("kind", ["list", "dict", "attribute"])
def test_benchmark_threading_capi_store_own(kernel: Kernel, kind: str) -> None:
    """Store an object in the thread's own container, where one was: the control.

    Expect 2 to 30 ns: the store, an uncontended lock on a free-threaded
    build, and two counts.
    """
    kernel("containers_write", kind=kind, threads=2)


@pytest.mark.parametrize("kind", ["list", "dict", "attribute"])
def test_benchmark_threading_capi_store_both(kernel: Kernel, kind: str) -> None:
    """Store an object at the same place of one container that both threads share.

    Expect two to five times `capi_store_own` on a free-threaded build: its lock is
    contended, and so is the object's count.
    """
    kernel("containers_write", kind=kind, layout="shared", threads=2)
