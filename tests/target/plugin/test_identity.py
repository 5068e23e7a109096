"""What the plugin reads of interpreter and machine, and where it writes it."""

import json
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pybench.records.identity import differences
from pybench.target.process.identity import (
    build_flags,
    header_line,
    parse_cpu_model,
    read_cpu_features,
    read_identity,
    read_quota,
)

Run = Callable[..., pytest.RunResult]

V2_MOUNT = "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
V1_MOUNT = "31 24 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct"
PLAIN = "def test_row(benchmark):\n    benchmark(sum, (1, 2))\n"


def system(folder: Path, groups: str, mounts: str, **files: str) -> Path:
    """Make a system with these cgroups; `files` are path and content."""
    for name, content in {
        "proc/self/cgroup": groups,
        "proc/self/mountinfo": mounts,
        **files,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return folder


@pytest.mark.once
def test_no_cgroup_means_no_quota(tmp_path: Path) -> None:
    assert read_quota(tmp_path) is None


@pytest.mark.once
def test_reads_the_quota_of_a_nested_v2_group(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/a/cpu.max": "150000 100000",
        "sys/fs/cgroup/a/b/cpu.max": "max 100000",
    }

    assert read_quota(system(tmp_path, "0::/a/b", V2_MOUNT, **files)) == 1.5


@pytest.mark.once
def test_the_least_quota_on_the_path_holds(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/a/cpu.max": "300000 100000",
        "sys/fs/cgroup/a/b/cpu.max": "200000 100000",
        "sys/fs/cgroup/other/cpu.max": "100000 100000",
    }

    assert read_quota(system(tmp_path, "0::/a/b", V2_MOUNT, **files)) == 2.0


@pytest.mark.once
def test_reads_a_v1_quota(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "50000",
        "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
    }
    groups = "4:memory:/x\n3:cpu,cpuacct:/a\n0::/"

    assert read_quota(system(tmp_path, groups, V1_MOUNT, **files)) == 0.5


@pytest.mark.once
def test_an_unlimited_v1_group_has_no_quota(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    }

    assert read_quota(system(tmp_path, "3:cpu:/", V1_MOUNT, **files)) is None


@pytest.mark.once
def test_reads_the_quota_of_a_container(tmp_path: Path) -> None:
    """The mount shows the container's own group as its top."""
    mount = "30 24 0:26 /pod/one /sys/fs/cgroup ro - cgroup2 cgroup2 rw"
    files = {"sys/fs/cgroup/cpu.max": "400000 100000"}

    assert read_quota(system(tmp_path, "0::/pod/one", mount, **files)) == 4.0


@pytest.mark.once
@pytest.mark.parametrize("content", ["", "x y", "100000 0", "1 2 3"])
def test_an_odd_quota_is_none(tmp_path: Path, content: str) -> None:
    files = {"sys/fs/cgroup/cpu.max": content}

    assert read_quota(system(tmp_path, "0::/", V2_MOUNT, **files)) is None


@pytest.mark.once
def test_finds_the_cpu_by_name_or_by_number() -> None:
    intel = "processor : 0\nmodel name : Some CPU\ncpu MHz : 2600.0\n"
    arm = "processor : 0\nCPU implementer : 0x41\nCPU variant : 0x3\nCPU part : 0xd0c\n"

    assert parse_cpu_model(intel) == "Some CPU"
    assert parse_cpu_model(arm) == "implementer 0x41 part 0xd0c variant 0x3"
    assert parse_cpu_model("") == ""


@pytest.mark.once
def test_names_the_build_options_that_move_numbers() -> None:
    flags = build_flags(
        config_args="'--enable-optimizations' '--with-lto=thin' '--prefix=/a b'",
        cflags="",
        tail_call=True,
        debug=False,
    )

    assert flags == ("lto", "pgo", "tail_call")


@pytest.mark.once
def test_finds_options_of_a_distribution_in_its_flags() -> None:
    flags = build_flags(
        config_args="--with-lto=no",
        cflags="-O2 -fprofile-use -flto=auto",
        tail_call=False,
        debug=True,
    )

    assert flags == ("debug", "lto", "pgo")


def test_identity_is_the_same_when_read_again() -> None:
    assert read_identity() == read_identity()


def test_header_says_build_gil_cpus_load_and_extension() -> None:
    identity = replace(
        read_identity(), affinity=8, quota=2.5, extension=None, build_flags=("debug",)
    )

    line = header_line(identity, (0.5, 0.4, 0.3))

    assert f"CPython {identity.version}" in line
    assert "debug build" in line
    assert identity.gil_state in line
    assert "2 CPUs usable (affinity 8, quota 2.5)" in line
    assert "load 0.50" in line
    assert "_pybench not built: `make bench` or `pip install -e .`" in line


def test_session_without_benchmarks_changes_by_one_header_line(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_one():\n    pass\n")

    result = pytester.runpytest_inprocess()

    ours = [line for line in result.outlines if "pybench" in line]
    ours = [line for line in ours if not line.startswith(("plugins:", "rootdir:"))]
    assert result.ret == 0
    assert len(ours) == 1
    assert ours[0].startswith("pybench: CPython")
    assert not list(pytester.path.rglob("journal*"))
    assert not list(pytester.path.rglob("iterations*"))


def test_works_without_pytest_benchmark(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one():\n    pass\n")

    result = pytester.runpytest_inprocess("-p", "no:benchmark")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["pybench: CPython*"])
    result.assert_outcomes(passed=1)


@pytest.mark.once
def test_resume_without_pytest_benchmark_is_refused(
    pytester: pytest.Pytester,
) -> None:
    result = pytester.runpytest_inprocess("-p", "no:benchmark", "--pybench-resume")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --pybench-resume needs pytest-benchmark"])


def test_save_goes_to_the_folder_of_the_identity(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(PLAIN)

    run("--benchmark-save=mine")

    saved = list(pytester.path.glob(".benchmarks/*/0001_mine.json"))
    assert [path.parent.name for path in saved] == [read_identity().folder]


def test_saved_file_bears_the_identity(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(PLAIN)

    run("--benchmark-json=out.json")

    document = json.loads((pytester.path / "out.json").read_text())
    ours = document["machine_info"]["pybench"]
    assert ours["version"] == platform.python_version()
    assert ours["soabi"] == read_identity().soabi
    assert "hz" not in json.dumps(ours).lower()


@pytest.mark.once
def test_stock_command_line_finds_the_saves(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(PLAIN)
    run("--benchmark-save=mine")

    stock = [sys.executable, "-m", "pytest_benchmark"]
    listed = subprocess.run(
        [*stock, "list"], cwd=pytester.path, capture_output=True, text=True, check=True
    )
    compared = subprocess.run(
        [*stock, "compare", "0001"], cwd=pytester.path, capture_output=True, text=True
    )

    assert [Path(line).name for line in listed.stdout.split()] == ["0001_mine.json"]
    assert compared.returncode == 0
    assert "test_row" in compared.stdout


@pytest.mark.once
def test_leaves_the_stock_machine_id_as_it_was(pytester: pytest.Pytester) -> None:
    from pytest_benchmark import session

    before = session.get_machine_id  # type: ignore[attr-defined]
    pytester.makepyfile(PLAIN)

    pytester.runpytest_inprocess("--benchmark-max-time=0.01")

    assert session.get_machine_id is before  # type: ignore[attr-defined]


def test_a_stale_extension_has_an_identity_of_its_own(
    pytester: pytest.Pytester, run_process: Run
) -> None:
    pytester.makepyfile(PLAIN)
    package = pytester.mkdir("_pybench")
    (package / "__init__.py").write_text("BUILD = {'compiler': 'old'}\nKERNELS = {}\n")

    result = run_process("--benchmark-json=out.json")

    document = json.loads((pytester.path / "out.json").read_text())
    assert result.ret == 0
    assert document["machine_info"]["pybench"]["extension"]["flavour"] == "unknown"


@pytest.mark.once
def test_features_that_a_libc_chooses_by_are_read(tmp_path: Path) -> None:
    """Those of another processor, and what hides some from this process."""
    root = system(
        tmp_path, "", "", **{"proc/cpuinfo": "flags\t\t: fpu avx2 sse2 nopl\nbugs: x"}
    )
    hidden = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2"}

    assert read_cpu_features(root / "proc", {}) == ("avx2", "sse2")
    assert read_cpu_features(root / "proc", hidden) == (
        "avx2",
        "sse2",
        "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2",
    )
    assert read_cpu_features(tmp_path / "none", {}) == ("unknown",)


@pytest.mark.once
def test_what_moves_counts_alone_has_no_folder_of_its_own() -> None:
    """Baselines of times stay where they are, and an older one is as good."""
    ours = replace(read_identity(), libc="glibc 2.36", cpu_features=("avx2", "sse2"))
    masked = replace(ours, cpu_features=("sse2",))
    older = replace(ours, libc="", cpu_features=())

    assert ours.folder == masked.folder == older.folder
    assert differences(ours, masked) == ["cpu_features: avx2 here alone"]
    assert differences(ours, older) == []
