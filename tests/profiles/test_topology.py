"""CPUs, cores and caches as files below /sys describe them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybench.profiles.topology import read_topology
from pybench.records.machine import Cache

CPU = "sys/devices/system/cpu"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Write two cores of two threads, with a cache of each and one for all."""
    files = {"proc/cpuinfo": "processor : 0\nmodel name\t: A CPU\n"}
    for cpu in range(4):
        core = "0,2" if cpu % 2 == 0 else "1,3"
        files[f"{CPU}/cpu{cpu}/topology/thread_siblings_list"] = f"{core}\n"
        for index, (level, kind, size, shared) in enumerate(
            [(1, "Data", "48K", core), (3, "Unified", "32M", "0-3")]
        ):
            folder = f"{CPU}/cpu{cpu}/cache/index{index}"
            files |= {
                f"{folder}/level": f"{level}\n",
                f"{folder}/type": f"{kind}\n",
                f"{folder}/size": f"{size}\n",
                f"{folder}/coherency_line_size": "64\n",
                f"{folder}/shared_cpu_list": f"{shared}\n",
            }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_each_core_and_cache_is_told_once(root: Path) -> None:
    topology = read_topology(root, cpus=range(4))

    assert topology.model == "A CPU"
    assert topology.cores == ((0, 2), (1, 3))
    assert topology.caches == (
        Cache(level=1, kind="Data", size_bytes=49152, line_bytes=64, cpus=(0, 2)),
        Cache(level=1, kind="Data", size_bytes=49152, line_bytes=64, cpus=(1, 3)),
        Cache(
            level=3, kind="Unified", size_bytes=2**25, line_bytes=64, cpus=(0, 1, 2, 3)
        ),
    )


def test_cpus_that_may_not_be_used_are_no_core(root: Path) -> None:
    topology = read_topology(root, cpus=[0, 1])

    assert topology.cpus == (0, 1)
    assert topology.cores == ((0,), (1,))


def test_what_the_system_does_not_tell_is_left_out(tmp_path: Path) -> None:
    topology = read_topology(tmp_path, cpus=[0])

    assert (topology.cores, topology.caches) == ((), ())
    assert topology.model


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (f"{CPU}/cpu0/cache/index0/level", "one"),
        (f"{CPU}/cpu0/cache/index0/size", "large"),
    ],
)
def test_a_cache_that_makes_no_sense_is_left_out(
    root: Path, name: str, text: str
) -> None:
    (root / name).write_text(text)

    caches = read_topology(root, cpus=[0]).caches

    assert [cache.level for cache in caches] == [3]


def test_cpus_that_make_no_sense_are_none(root: Path) -> None:
    (root / f"{CPU}/cpu0/cache/index0/shared_cpu_list").write_text("0-x")

    assert read_topology(root, cpus=[0]).caches[0].cpus == ()
