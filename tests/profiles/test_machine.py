"""Reading a machine: faked trees of /proc and /sys, and the real one."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pybench.profiles.machine import Counters, Facts, read_facts

Tree = Callable[[dict[str, str]], None]

CPU = "sys/devices/system/cpu"
CLOCK = "sys/devices/system/clocksource/clocksource0"

LAPTOP = {
    "proc/stat": (
        "cpu  400 0 0 1600 0 0 0 40 0 0\n"
        "cpu0 100 0 0 900 0 0 0 10 0 0\n"
        "cpu1 300 0 0 700 0 0 0 30 0 0\n"
        "cpu2 999 0 0 999 0 0 0 99 0 0\n"
        "intr 1 2 3\n"
    ),
    "proc/loadavg": "0.52 0.40 0.30 1/200 4242\n",
    "proc/cpuinfo": "flags\t\t: fpu sse2 avx\n",
    "proc/pressure/cpu": "some avg10=1.50 avg60=2.00 avg300=3.00 total=9\n",
    "proc/pressure/memory": (
        "some avg10=0.25 avg60=0.00 avg300=0.00 total=9\n"
        "full avg10=9.99 avg60=0.00 avg300=0.00 total=9\n"
    ),
    "proc/sys/kernel/randomize_va_space": "2\n",
    "proc/self/cgroup": "0::/user.slice/app\n",
    "proc/self/mountinfo": "31 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    "sys/fs/cgroup/user.slice/app/cpu.max": "max 100000\n",
    "sys/fs/cgroup/user.slice/app/cpu.stat": "usage_usec 9\nnr_throttled 2\n",
    "sys/fs/cgroup/user.slice/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/user.slice/cpu.stat": "nr_periods 8\nnr_throttled 3\n",
    "proc/77/stat": f"77 (a (strange) name) S {' '.join(['0'] * 10)} 200 100 "
    f"{' '.join(['0'] * 6)} 555 0\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave\n",
    f"{CPU}/cpu1/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "3\n",
    f"{CPU}/cpu0/thermal_throttle/package_throttle_count": "4\n",
    f"{CPU}/intel_pstate/no_turbo": "0\n",
    f"{CPU}/smt/active": "1\n",
    f"{CLOCK}/current_clocksource": "hpet\n",
    f"{CLOCK}/available_clocksource": "tsc hpet acpi_pm\n",
    "sys/class/thermal/thermal_zone0/temp": "41000\n",
    "sys/class/thermal/thermal_zone1/temp": "63500\n",
    "sys/class/dmi/id/sys_vendor": "A maker\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n",
}


@pytest.fixture
def write(tmp_path: Path) -> Tree:
    """Return what writes files below the root."""

    def into(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return into


def read(root: Path, wait: Callable[[], None] = lambda: None) -> Facts:
    """Read the first two CPUs of a tree."""
    return read_facts(root, wait=wait, cpus={0, 1})


def test_everything_of_a_laptop_is_read(tmp_path: Path, write: Tree) -> None:
    write(LAPTOP)

    facts = read(tmp_path)

    assert facts.cpus == 2
    assert facts.governors == ("powersave", "performance")
    assert facts.turbo is True
    assert facts.load == 0.52
    assert facts.smt is True
    assert facts.aslr == 2
    assert facts.clock_source == "hpet"
    assert facts.clock_sources == ("tsc", "hpet", "acpi_pm")
    assert facts.pressure == {"cpu": 1.5, "memory": 0.25}
    assert facts.temperature_c == 63.5
    assert facts.huge_pages == "always"
    assert facts.hypervisor == ""
    assert facts.unread == {
        "/proc/pressure/io": "not there",
        "/sys/hypervisor/type": "not there",
        "/sys/class/dmi/id/product_name": "not there",
    }


def test_counters_are_of_the_usable_cpus(tmp_path: Path, write: Tree) -> None:
    """The third CPU is somebody else's."""
    write(LAPTOP)

    counters = read(tmp_path).first

    assert counters.ticks is not None
    assert counters.ticks["user"] == 400
    assert counters.ticks["idle"] == 1600
    assert counters.ticks["steal"] == 40
    assert counters.heat_events == 7
    assert counters.processes is not None
    (process,) = counters.processes.values()
    assert [*counters.processes] == [(77, "555")]
    assert process.name == "a (strange) name"
    assert process.cpu_s == pytest.approx(300 / os.sysconf("SC_CLK_TCK"))


def test_counters_are_read_before_and_after(tmp_path: Path, write: Tree) -> None:
    write(LAPTOP)

    def wait() -> None:
        write({f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "5\n"})

    facts = read(tmp_path, wait)

    assert facts.first.heat_events == 7
    assert facts.second.heat_events == 9


def test_groups_of_version_two_hold_the_least_quota(
    tmp_path: Path, write: Tree
) -> None:
    """A limit above this group holds as well, and so does its count."""
    write(LAPTOP)

    facts = read(tmp_path)

    assert facts.groups_known
    assert facts.quota_cpus == 1.5
    assert facts.first.throttled == 5


def test_groups_of_version_one_are_read(tmp_path: Path, write: Tree) -> None:
    """As in a container: what is mounted begins inside the hierarchy."""
    write(
        {
            "proc/self/cgroup": "5:memory:/a\n4:cpu,cpuacct:/docker/c0ffee/inner\n",
            "proc/self/mountinfo": (
                "30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                "31 23 0:27 /docker/c0ffee /sys/fs/cgroup/cpu rw - cgroup cgroup "
                "rw,cpu,cpuacct\n"
            ),
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/cpu.stat": "nr_periods 4\nnr_throttled 1\n",
            "sys/fs/cgroup/cpu/inner/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/inner/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/inner/cpu.stat": "nr_periods 4\nnr_throttled 0\n",
        }
    )

    facts = read(tmp_path)

    assert facts.quota_cpus == 0.5
    assert facts.first.throttled == 1


@pytest.mark.parametrize(
    ("files", "hypervisor"),
    [
        ({"proc/cpuinfo": "flags : sse2 hypervisor\n"}, "of unknown make"),
        (
            {
                "proc/cpuinfo": "flags : sse2 hypervisor\n",
                "sys/class/dmi/id/sys_vendor": "QEMU\n",
            },
            "QEMU",
        ),
        ({"proc/cpuinfo": "", "sys/hypervisor/type": "xen\n"}, "xen"),
        ({"proc/cpuinfo": "Features : fp asimd\n"}, None),
        ({}, None),
    ],
    ids=["flag", "named", "xen", "arm", "nothing"],
)
def test_hypervisor_is_known_unknown_or_none(
    tmp_path: Path, write: Tree, files: dict[str, str], hypervisor: str | None
) -> None:
    """Without the flag an x86 has none; another CPU does not say."""
    write(files)

    assert read(tmp_path).hypervisor == hypervisor


def test_empty_tree_is_all_unknown(tmp_path: Path) -> None:
    """As where there is no /proc: nothing raises, nothing is made up."""
    facts = read(tmp_path)

    unknown = [
        *(facts.governors, facts.turbo, facts.load, facts.smt, facts.aslr),
        *(facts.quota_cpus, facts.clock_source, facts.temperature_c),
        *(facts.huge_pages, facts.hypervisor),
    ]
    assert [value for value in unknown if value is not None] == []
    assert facts.first == Counters()
    assert not facts.groups_known
    assert facts.pressure == {}
    assert facts.unread["/proc/stat"] == "not there"


def test_rubbish_is_unknown(tmp_path: Path, write: Tree) -> None:
    """Each file holds something else than it should."""
    write(dict.fromkeys(LAPTOP, "rubbish \x00 = (\n"))

    facts = read(tmp_path)

    assert facts.load is None
    assert facts.aslr is None
    assert facts.quota_cpus is None
    assert facts.temperature_c is None
    assert facts.pressure == {}
    assert facts.first.ticks is None


def test_file_that_may_not_be_read_says_so(
    tmp_path: Path, write: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(LAPTOP)

    def refuse(path: Path, **options: str) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)

    facts = read(tmp_path)

    assert facts.unread["/proc/stat"] == "no permission to read it"
    assert facts.first.processes is None


def test_real_machine_is_read() -> None:
    """Only what every machine has: its values are its own."""
    facts = read_facts(wait=lambda: None)

    assert facts.cpus >= 1
    assert facts.clock_ns is not None
    assert facts.clock_ns > 0
    assert facts.page_bytes in (4096, 16384, 65536)
    if facts.system == "Linux":
        assert facts.load is not None
        assert facts.first.ticks is not None
        assert facts.first.ticks["user"] > 0
