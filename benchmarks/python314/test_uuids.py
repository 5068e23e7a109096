"""What making a UUID costs, by its version (RFC 9562)."""

import uuid
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.benchmark(group="uuids", max_time=0.15)

Statement = Callable[..., object]


@pytest.mark.parametrize("version", [4, 6, 7, 8], ids=lambda v: f"version={v}")
def test_benchmark_python314_uuid(statement: Statement, version: int) -> None:
    """Make a UUID.

    One operation is `uuid4` (random, everywhere), or one of 3.14's: `uuid6` (time,
    in an order that sorts), `uuid7` (milliseconds, a counter and random bits) and
    `uuid8` (all one's own, here random). Expect 0.4 to 3 us: the system is asked for
    random bits in 4 and 7, Python's own generator in 8; the rest is arithmetic with
    numbers of 128 bits. 3.14 made `uuid4` cheaper, too.
    """
    make = getattr(uuid, f"uuid{version}", None)
    if make is None:
        pytest.skip(f"n/a: needs Python 3.14 (uuid.uuid{version})")
    assert make().version == version
    assert make() != make()
    statement("_ = make()", make=make)
