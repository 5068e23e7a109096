"""The churn area: exact counts, destructors counted, nothing left behind."""

import subprocess
import sys
import textwrap
from typing import Any

import pytest

import _pybench

KINDS = (
    "int",
    "float",
    "str",
    "bytes",
    "tuple",
    "list",
    "dict",
    "object",
    "heap",
    "heap_private",
)
SIZED = {"str": 16, "bytes": 16, "tuple": 3, "list": 0}
ORDERS = ("lifo", "fifo")


def gil_enabled() -> bool:
    """Tell whether the GIL is on in this process now."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def is_free_threaded() -> bool:
    """Tell whether this is a free-threaded build, whatever its GIL does now."""
    return bool(_pybench.BUILD["free_threaded"])


def run_child(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter, under a watchdog."""
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_is_listed_as_attached_and_available() -> None:
    """KERNELS says what the kernels are before they are called."""
    available = {
        "area": "churn",
        "attached": True,
        "attached_by": {},
        "missing": "",
    }

    assert _pybench.KERNELS["churn_create"] == available
    assert _pybench.KERNELS["churn_handover"] == available
    assert _pybench.KERNELS["churn_replace"] == available


@pytest.mark.parametrize("batch", [1, 2, 7, 5000])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_makes_exactly_as_many_as_asked(kind: str, order: str, batch: int) -> None:
    """Batches that do not divide the iterations do not round them."""
    results = _pybench.churn_create(
        12_003, rounds=2, threads=2, kind=kind, order=order, batch=batch
    )

    assert [result.operations for result in results] == [(12_003, 12_003)] * 2
    assert results[0].serialised is gil_enabled()


@pytest.mark.parametrize("kind", KINDS)
def test_makes_a_single_object(kind: str) -> None:
    """The smallest count is one, in whatever batch."""
    for batch in (1, 65_536):
        (result,) = _pybench.churn_create(1, kind=kind, batch=batch)
        assert result.operations == (1,)


@pytest.mark.parametrize("size", [2, 17, 1 << 20])
@pytest.mark.parametrize("kind", SIZED)
def test_makes_objects_of_a_size(kind: str, size: int) -> None:
    """Sizes up to a million are made, alone and in a small batch."""
    for batch in (1, 3):
        (result,) = _pybench.churn_create(7, kind=kind, size=size, batch=batch)
        assert result.operations == (7,)


def test_runs_with_the_collector_on() -> None:
    """Tracked objects that are made and dropped in masses survive a collector."""
    child = run_child(
        """
        import gc, _pybench
        gc.set_threshold(1)
        for kind in ("tuple", "list", "dict", "heap"):
            _pybench.churn_create(5000, kind=kind, batch=100, threads=2)
        _pybench.churn_handover(5000)
        """
    )

    assert child.returncode == 0, child.stderr


@pytest.mark.parametrize("iterations", [1, 9, 4096, 100_003])
def test_handover_destroys_every_object_once(iterations: int) -> None:
    """The destructors that ran are as many as there were objects, each round."""
    results = _pybench.churn_handover(iterations, rounds=3)

    for result in results:
        assert result.detail["destroyed"] == (iterations,)
        assert result.operations == (iterations,)


OWNERS = ("running", "attached", "detached", "gone")


def handover(owner: str, **arguments: Any) -> list[_pybench.KernelResult]:
    """Drop a thousand objects of such an owner; skip what cannot be."""
    try:
        return _pybench.churn_handover(1000, owner=owner, **arguments)
    except NotImplementedError as error:
        assert owner == "attached"
        assert gil_enabled()
        pytest.skip(f"n/a: {error}")


@pytest.mark.parametrize("owner", OWNERS)
def test_handover_destroys_in_the_dropper_with_plain_counts(owner: str) -> None:
    """On a GIL build the last decref destroys at once, whoever does it."""
    if is_free_threaded():
        pytest.skip("n/a: a free-threaded build")

    for result in handover(owner, rounds=2):
        assert result.detail["backlog"] == (0,)
        assert result.detail["finalised_ns"] == (0,)


@pytest.mark.parametrize("owner", OWNERS)
def test_handover_queues_for_an_owner_that_is_there(owner: str) -> None:
    """With biased counts the owner destroys, at its next bytecode, unless it is gone.

    One that is running does so without being asked.
    """
    if not is_free_threaded():
        pytest.skip("n/a: not a free-threaded build")

    for result in handover(owner, rounds=3):
        (backlog,) = result.detail["backlog"]
        assert result.detail["destroyed"] == (1000,)
        if owner == "running":
            assert 0 <= backlog <= 1000
            assert result.detail["drain_ns"] == (0,)
        else:
            assert backlog == (0 if owner == "gone" else 1000)
        assert (result.detail["finalised_ns"] == (0,)) is (backlog == 0)


READERS = ("none", "running", "attached", "detached")


def replaced(count: int, rounds: int, **arguments: Any) -> list[dict[str, int]]:
    """Return the details of some replacements; skip what cannot be."""
    try:
        results = _pybench.churn_replace(count, rounds=rounds, pin=False, **arguments)
    except NotImplementedError as error:
        assert arguments["reader"] == "attached"
        assert gil_enabled()
        pytest.skip(f"n/a: {error}")
    assert [result.operations for result in results] == [(count,)] * rounds
    return [{key: value[0] for key, value in r.detail.items()} for r in results]


@pytest.mark.parametrize("reader", READERS)
def test_memory_of_ones_own_is_used_again(reader: str) -> None:
    """No reader has to be waited for: a few places do for all replacements."""
    for detail in replaced(20_000, 3, reader=reader, layout="private"):
        assert 0 < detail["places"] < 5_000
        assert detail["retained_bytes"] == 32 * detail["places"]
        assert detail["reuse_after"] > 0


@pytest.mark.parametrize("reader", ["none", "detached"])
def test_shared_memory_is_used_again_where_nobody_may_read_it(reader: str) -> None:
    """The first round may still find new memory, the later ones do not need it."""
    *_, detail = replaced(20_000, 4, reader=reader)

    assert 0 < detail["places"] < 5_000


def test_all_shared_memory_is_kept_under_an_attached_reader() -> None:
    """As many places as replacements, until the reader lets go once."""
    rounds = 20
    details = replaced(2_000, rounds, reader="attached")

    assert len(details) == rounds
    kept = [detail for detail in details if detail["lapses"] == 0]
    assert [detail["places"] for detail in kept] == [2_000] * len(kept)
    assert [detail["retained_bytes"] for detail in kept] == [64_000] * len(kept)
    assert any(detail["reuse_after"] > 0 for detail in details)


def test_handover_measures_the_dropper_alone() -> None:
    """The owner dilutes nothing: one measured thread, the whole window its own."""
    (result,) = _pybench.churn_handover(1000, threads=2)

    assert set(result.detail) == {
        "enqueue_ns",
        "backlog",
        "drain_ns",
        "finalised_ns",
        "destroyed",
    }
    assert result.threads == 1
    assert result.serialised is False
    assert result.detail["enqueue_ns"] == result.wall_ns
    assert result.ns_per_operation == pytest.approx(result.wall_ns[0] / 1000)
    assert result.detail["drain_ns"][0] > 0


@pytest.mark.parametrize(
    "call",
    [
        "churn_create(10**12, threads=2)",
        "churn_create(10**12, kind='dict', batch=65536)",
        "churn_create(10**12, kind='heap', threads=3)",
        "churn_create(10**12, kind='list', size=2**20)",
        "churn_handover(10**6, rounds=10**5)",
        "churn_handover(1, rounds=10**5)",
        "churn_handover(10**6, rounds=10**5, owner='running')",
        "churn_handover(10, rounds=10**5, owner='gone')",
        "churn_replace(10**6, rounds=10**5, reader='running')",
    ],
)
def test_an_interrupt_ends_it_and_leaves_no_thread(call: str) -> None:
    """Ctrl-C is obeyed in the window and between rounds, and nothing stays."""
    child = run_child(
        f"""
        import os, signal, threading, time, _pybench
        own = 1 + (_pybench.BUILD["flavour"] == "tsan")  # it has one itself
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            for _ in range(1000):  # one call may be over before the signal comes
                _pybench.{call}
        except KeyboardInterrupt:
            print("interrupted")
        timer.join()
        if os.path.isdir("/proc/self/task"):
            # A joined thread stays listed for a moment.
            assert any(len(os.listdir("/proc/self/task")) <= own
                       or time.sleep(0.01) for _ in range(500))
        assert _pybench.churn_handover(10)[0].detail["destroyed"] == (10,)
        """
    )

    assert child.returncode == 0, child.stderr
    assert child.stdout == "interrupted\n"


def test_an_interrupted_handover_keeps_no_object() -> None:
    """What was made and not dropped, or dropped and not drained, is destroyed."""
    child = run_child(
        """
        import gc, os, signal, sys, threading, _pybench
        def interrupted():
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            try:
                _pybench.churn_handover(300_000, rounds=10**5)
            except KeyboardInterrupt:
                pass
            gc.collect()
            return sys.getallocatedblocks()
        def interrupt(*ignored):
            raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, interrupt)
        before = interrupted()
        after = [interrupted() for _ in range(5)][-1]
        print(after - before)
        """,
    )

    assert child.returncode == 0, child.stderr
    assert int(child.stdout) < 5000


def test_works_in_a_subinterpreter() -> None:
    """Types and objects are the interpreter's own."""
    child = run_child(
        """
        import sys
        try:
            from concurrent import interpreters
            run = lambda code: interpreters.create().exec(code)
        except ImportError:
            import importlib
            low = importlib.import_module(
                "_interpreters" if sys.version_info >= (3, 13)
                else "_xxsubinterpreters")
            def run(code):
                number = low.create()
                failure = low.run_string(number, code)
                assert not failure, failure
                low.destroy(number)
        run('''if True:
            import _pybench
            for kind in ("int", "list", "object", "heap", "heap_private"):
                (result,) = _pybench.churn_create(500, kind=kind, threads=2, batch=9)
                assert result.operations == (500, 500)
            (result,) = _pybench.churn_handover(500)
            print(result.detail["destroyed"], flush=True)
        ''')
        """
    )

    assert child.returncode == 0, child.stderr
    assert child.stdout == "(500,)\n"


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(SIZED)))
def test_rejects_a_size_for_a_kind_that_has_none(kind: str) -> None:
    """A size that means nothing is not ignored."""
    with pytest.raises(ValueError, match=f"size must be 0 with kind='{kind}'.*not 5"):
        _pybench.churn_create(10, kind=kind, size=5)


@pytest.mark.parametrize(
    ("kernel", "arguments", "error", "message"),
    [
        (
            "churn_create",
            {"kind": "set"},
            ValueError,
            r"kind must be one of 'int', 'float', .*'heap_private', not 'set'",
        ),
        ("churn_create", {"kind": None}, TypeError, r"must be str, not None"),
        (
            "churn_create",
            {"order": "random"},
            ValueError,
            r"order must be one of 'lifo', 'fifo', not 'random'",
        ),
        ("churn_create", {"batch": 0}, ValueError, r"batch must be from 1 .*, not 0"),
        (
            "churn_create",
            {"batch": 65_537},
            ValueError,
            r"batch must be from 1 to 65536, not 65537",
        ),
        ("churn_create", {"batch": 2.0}, TypeError, r"batch must be an int, not float"),
        ("churn_create", {"size": -1}, ValueError, r"size must be from 0 .*, not -1"),
        (
            "churn_create",
            {"size": 1_048_577},
            ValueError,
            r"size must be from 0 to 1048576, not 1048577",
        ),
        ("churn_create", {"size": "4"}, TypeError, r"size must be an int, not str"),
        (
            "churn_create",
            {"kind": "bytes", "size": 1},
            ValueError,
            r"size must be 0 \(for 16\) or from 2 to 1048576 with kind='bytes', not 1",
        ),
        (
            "churn_create",
            {"kind": "str", "size": 1},
            ValueError,
            r"size must be 0 \(for 16\) or from 2 to 1048576 with kind='str', not 1",
        ),
        (
            "churn_create",
            {"kind": "list", "size": 1 << 20, "batch": 9},
            ValueError,
            r"batch must be smaller: 9 objects of size 1048576 on 1 thread",
        ),
        (
            "churn_create",
            {"kind": "str", "size": 1 << 20, "batch": 30, "threads": 200},
            ValueError,
            r"batch must be smaller: 30 objects of size 1048576 on 200 thread",
        ),
        ("churn_create", {"iterations": 0}, ValueError, r"iterations .*, not 0"),
        ("churn_create", {"colour": 1}, TypeError, r"colour"),
        (
            "churn_handover",
            {"threads": 1},
            ValueError,
            r"threads must be 2 for churn_handover.*, not 1",
        ),
        (
            "churn_handover",
            {"threads": 3},
            ValueError,
            r"threads must be 2 for churn_handover.*, not 3",
        ),
        (
            "churn_handover",
            {"iterations": 1_000_001},
            ValueError,
            r"iterations must be from 1 to 1000000 for churn_handover.*, not 1000001",
        ),
        ("churn_handover", {"iterations": 0}, ValueError, r"iterations .*, not 0"),
        (
            "churn_handover",
            {"owner": "asleep"},
            ValueError,
            r"owner must be one of 'running', .*'gone', not 'asleep'",
        ),
        (
            "churn_replace",
            {"threads": 2},
            ValueError,
            r"threads must be 1 for churn_replace, the writer, not 2",
        ),
        ("churn_replace", {"reader": 1}, TypeError, r"reader must be str, not int"),
        ("churn_replace", {"layout": "x"}, ValueError, r"layout must be one of"),
        ("churn_replace", {"iterations": 10**7}, ValueError, r"iterations must be"),
        ("churn_handover", {"rounds": 1.5}, TypeError, r"rounds must be an int"),
    ],
)
def test_rejects_a_bad_argument(
    kernel: str, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The message names the argument, the value and what is allowed."""
    call = {"iterations": 10, **arguments}

    with pytest.raises(error, match=message):
        getattr(_pybench, kernel)(**call)


def test_running_out_of_memory_is_an_error_that_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch that does not fit raises MemoryError and drops what it had made."""
    pytest.importorskip("resource")
    if sys.platform != "linux":
        pytest.skip("only Linux holds a process to an address space")
    if is_free_threaded():
        pytest.skip("its allocator has reserved its address space before the limit")
    # Nor may malloc have reserved any for threads.
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    child = run_child(
        """
        import gc, os, resource, sys, _pybench
        _pybench.churn_create(100)
        used = int(open("/proc/self/statm").read().split()[0]) * 4096
        limit = used + (20 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        before = sys.getallocatedblocks()
        try:
            _pybench.churn_create(100, kind="bytes", size=2**20, batch=30)
        except MemoryError:
            print("out of memory")
        except RuntimeError as error:
            print(error)
        resource.setrlimit(
            resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        gc.collect()
        assert sys.getallocatedblocks() - before < 100
        assert _pybench.churn_create(100)[0].operations == (100,)
        """
    )

    assert child.returncode == 0, child.stderr
    # Where even a thread's stack does not fit, the driver says that.
    assert "out of memory" in child.stdout or "could not start" in child.stdout


def test_leaves_no_memory_behind() -> None:
    """A thousand calls of every kind, with their types, do not grow the heap."""
    # A type of each thread's own leaves a block or two on a free-threaded 3.13.
    most_per_call = 1.0 if is_free_threaded() else 0.1
    child = run_child(
        """
        import gc, sys, _pybench
        kinds = ("int", "str", "tuple", "dict", "object", "heap", "heap_private")
        def calls(count):
            for turn in range(count):
                kind = kinds[turn % len(kinds)]
                _pybench.churn_create(20, kind=kind, batch=7, threads=2)
                _pybench.churn_handover(20, owner=("detached", "gone")[turn % 2])
                _pybench.churn_replace(20)
            gc.collect()
            return sys.getallocatedblocks()
        before = calls(100)
        print(calls(1000) - before)
        """,
    )

    assert child.returncode == 0, child.stderr
    assert int(child.stdout) / 1000 < most_per_call
