"""The counters area: exact sums, rejected arguments, plausible results."""

from typing import Any

import pytest

import _pybench

OPERATIONS = ("store", "relaxed", "acq_rel", "seq_cst", "cas")
LAYOUTS = ("padded", "unpadded", "shared")
STRIDES = (8, 16, 32, 64, 128, 256)
# Not a multiple of eight, so that the rest of the unrolled loop runs as well.
ITERATIONS = 10_003


def detail_of(result: _pybench.KernelResult) -> dict[str, tuple[int, ...]]:
    """Return the detail, which every kernel of this area has."""
    detail: dict[str, tuple[int, ...]] = result.detail
    return detail


def test_is_listed_as_detached_and_available() -> None:
    """KERNELS says what the kernel is before it is called."""
    listing = _pybench.KERNELS["counters_increment"]

    assert listing == {
        "area": "counters",
        "attached": False,
        "attached_by": {},
        "missing": "",
    }


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_counts_exactly(operation: str, layout: str, threads: int) -> None:
    """No update is lost or invented, whatever is shared."""
    rounds = _pybench.counters_increment(
        ITERATIONS, rounds=3, threads=threads, operation=operation, layout=layout
    )

    last = max(detail_of(rounds[-1])["counter"])
    shared = layout == "shared" and operation != "store"
    assert last == 3 * ITERATIONS * (threads if shared else 1)


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_counts_exactly_at_every_stride(operation: str, stride: int) -> None:
    """Counters beside each other keep their own sums."""
    rounds = _pybench.counters_increment(
        ITERATIONS, threads=3, operation=operation, layout="strided", stride=stride
    )

    assert detail_of(rounds[0])["counter"] == (ITERATIONS,) * 3


@pytest.mark.parametrize("operation", OPERATIONS)
def test_counts_on_from_round_to_round(operation: str) -> None:
    """The counter is zeroed once per call, before its first round."""
    rounds = _pybench.counters_increment(ITERATIONS, rounds=4, operation=operation)

    counters = [detail_of(result)["counter"][0] for result in rounds]
    assert counters == [ITERATIONS * turn for turn in (1, 2, 3, 4)]


def test_counts_exactly_over_many_blocks() -> None:
    """A window of several blocks is not cut short or run over."""
    iterations = 100_003

    rounds = _pybench.counters_increment(iterations, threads=2, layout="shared")

    assert rounds[0].operations == (iterations, iterations)
    assert max(detail_of(rounds[0])["counter"]) == 2 * iterations


def test_runs_one_iteration() -> None:
    """The smallest count is one, not one unrolled turn of eight."""
    rounds = _pybench.counters_increment(1)

    assert detail_of(rounds[0])["counter"] == (1,)


def test_only_the_exchange_loop_tells_its_retries() -> None:
    """An addition in hardware cannot fail, so it has no retries to tell."""
    (exchanged,) = _pybench.counters_increment(ITERATIONS, operation="cas")
    (added,) = _pybench.counters_increment(ITERATIONS, operation="relaxed")

    assert set(detail_of(exchanged)) == {"counter", "retries"}
    assert detail_of(exchanged)["retries"][0] >= 0
    assert set(detail_of(added)) == {"counter"}


def test_result_fields_have_their_types_and_units() -> None:
    """Per-thread fields have one item per thread, times are in nanoseconds."""
    (result,) = _pybench.counters_increment(ITERATIONS, threads=2)

    assert (result.iterations, result.threads) == (ITERATIONS, 2)
    assert result.operations == (ITERATIONS, ITERATIONS)
    for name in (
        "operations",
        "start_ns",
        "stop_ns",
        "wall_ns",
        "cpu_ns",
        "attach_wait_ns",
        "involuntary_switches",
        "cpus",
    ):
        values = getattr(result, name)
        assert isinstance(values, tuple)
        assert [type(value) for value in values] == [int, int], name
    spans = zip(result.start_ns, result.stop_ns, result.wall_ns, strict=True)
    assert all(start + wall == stop for start, stop, wall in spans)
    assert result.elapsed_ns == max(result.stop_ns) - min(result.start_ns)
    mean = sum(wall / ITERATIONS for wall in result.wall_ns) / 2
    assert result.ns_per_operation == pytest.approx(mean)


@pytest.mark.parametrize("threads", [1, 2])
def test_is_never_serialised(threads: int) -> None:
    """Detached threads do not take turns, with the GIL on or off."""
    (result,) = _pybench.counters_increment(ITERATIONS, threads=threads)

    assert result.attached is False
    assert result.serialised is False
    assert set(detail_of(result)["counter"]) == {ITERATIONS}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"iterations": 0}, ValueError, r"iterations must be from 1 to .*, not 0"),
        ({"iterations": -1}, ValueError, r"iterations must be from 1 to .*, not -1"),
        ({"iterations": 10**12 + 1}, ValueError, r"iterations must be .*1000000000001"),
        ({"iterations": 10**30}, ValueError, r"iterations must be .* above 2\*\*63"),
        ({"iterations": 1.0}, TypeError, r"iterations must be an int, not float"),
        ({"iterations": True}, TypeError, r"iterations must be an int, not bool"),
        ({"iterations": "9"}, TypeError, r"iterations must be an int, not str"),
        ({"iterations": None}, TypeError, r"iterations must be an int, not NoneType"),
        ({"rounds": 0}, ValueError, r"rounds must be from 1 to 100000, not 0"),
        ({"rounds": 100_001}, ValueError, r"rounds must be .*, not 100001"),
        ({"rounds": 2.5}, TypeError, r"rounds must be an int, not float"),
        ({"threads": 0}, ValueError, r"threads must be from 1 to 256, not 0"),
        ({"threads": 257}, ValueError, r"threads must be from 1 to 256, not 257"),
        ({"threads": "2"}, TypeError, r"threads must be an int, not str"),
        (
            {"operation": "add"},
            ValueError,
            r"operation must be one of 'store', 'relaxed', 'acq_rel', 'seq_cst', "
            r"'cas', not 'add'",
        ),
        ({"operation": 1}, TypeError, r"must be str, not int"),
        (
            {"layout": "diagonal"},
            ValueError,
            r"layout must be one of 'padded', 'unpadded', 'shared', 'strided', "
            r"not 'diagonal'",
        ),
        ({"layout": None}, TypeError, r"must be str, not None"),
        (
            {"stride": 64},
            ValueError,
            r"stride is only for layout='strided', not for layout='padded' .*64",
        ),
        (
            {"layout": "shared", "stride": 8},
            ValueError,
            r"stride is only for layout='strided', not for layout='shared' .*8",
        ),
        (
            {"layout": "strided"},
            ValueError,
            r"stride must be given with layout='strided': 8, 16, 32, 64, 128 or 256",
        ),
        (
            {"layout": "strided", "stride": 0},
            ValueError,
            r"stride must be from 8 to 256, not 0",
        ),
        (
            {"layout": "strided", "stride": 4},
            ValueError,
            r"stride must be from 8 to 256, not 4",
        ),
        (
            {"layout": "strided", "stride": 24},
            ValueError,
            r"stride must be 8, 16, 32, 64, 128 or 256, not 24",
        ),
        (
            {"layout": "strided", "stride": 12},
            ValueError,
            r"stride must be 8, 16, 32, 64, 128 or 256, not 12",
        ),
        (
            {"layout": "strided", "stride": 512},
            ValueError,
            r"stride must be from 8 to 256, not 512",
        ),
        (
            {"layout": "strided", "stride": 64.0},
            TypeError,
            r"stride must be an int, not float",
        ),
        ({"width": 3}, TypeError, r"width"),
    ],
)
def test_rejects_a_bad_argument(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The message names the argument, the value and what is allowed."""
    call = {"iterations": 100, **arguments}
    iterations = call.pop("iterations")

    with pytest.raises(error, match=message):
        _pybench.counters_increment(iterations, **call)


def test_rejects_positional_variants() -> None:
    """Everything after the count is keyword-only."""
    untyped: Any = _pybench.counters_increment

    with pytest.raises(TypeError, match="positional"):
        untyped(100, 1)


def test_takes_none_for_a_stride_that_is_not_asked_for() -> None:
    """A row may pass its parameters through without leaving one out."""
    (result,) = _pybench.counters_increment(100, layout="padded", stride=None)

    assert result.operations == (100,)
