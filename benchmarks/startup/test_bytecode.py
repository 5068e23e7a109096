"""What having or lacking bytecode means for the import of a package.

The package is generated: ten modules with thirty functions each, some 2500 lines.
One operation is a child's whole life with its import; the import is the difference
to `test_benchmark_startup_bare`. The standard library's bytecode exists in all rows.
"""

import os
import py_compile
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark(group="bytecode")

TimeChild = Callable[..., None]

MODULES = 10
FUNCTIONS = 30  # in each module

FUNCTION = '''
def function_{number}(first, second=None, *rest, **options):
    """Return something that depends on the arguments."""
    if second is None:
        second = {number}
    total = [first, second]
    for index, value in enumerate(rest):
        total.append((index * {number}, value))
    return dict(options, total=total)
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Write a package without bytecode and return its folder."""
    folder = tmp_path / "generated"
    folder.mkdir()
    names = [f"module_{number}" for number in range(MODULES)]
    body = "".join(FUNCTION.format(number=number) for number in range(FUNCTIONS))
    for name in names:
        (folder / f"{name}.py").write_text(body)
    (folder / "__init__.py").write_text(f"from . import {', '.join(names)}\n")
    return folder


def import_of(package: Path) -> str:
    """Word the import of a package that is on nobody's path."""
    return f"import sys; sys.path.append({str(package.parent)!r}); import generated"


def bytecode_of(package: Path, environment: dict[str, str]) -> list[Path]:
    """List the bytecode that children have written for a package."""
    folder = Path(environment["PYTHONPYCACHEPREFIX"], *package.parts[1:])
    return list(folder.glob("*.pyc"))


def write_bytecode(
    package: Path, environment: dict[str, str], mode: py_compile.PycInvalidationMode
) -> None:
    """Compile a package to where children look, to be checked in the given way."""
    for source in package.glob("*.py"):
        name = f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        target = Path(environment["PYTHONPYCACHEPREFIX"], *package.parts[1:], name)
        py_compile.compile(
            str(source), str(target), doraise=True, invalidation_mode=mode
        )


def evict(path: Path) -> None:
    """Ask the system to forget what it remembers of a file."""
    with path.open("rb") as file:
        os.fsync(file)  # what is not written yet cannot be forgotten
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def is_evicted(path: Path) -> bool:
    """Tell whether the first byte of a file has to be waited for."""
    with path.open("rb") as file:
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except BlockingIOError:
            return True
        except OSError:  # the file system cannot tell
            return False
    return False


def skip_unless_evictable(folder: Path) -> None:
    """Skip the row where an ordinary user cannot empty the cache of a file."""
    if not hasattr(os, "posix_fadvise") or not hasattr(os, "RWF_NOWAIT"):
        pytest.skip("n/a: this system does not evict files, or does not tell")
    probe = folder / "probe"
    probe.write_bytes(b"x" * 10_000)
    evict(probe)
    if not is_evicted(probe):
        pytest.skip("n/a: the files stay in memory here: put TMPDIR on a disk")


def test_benchmark_startup_package_cold(
    time_child: TimeChild, child_environment: dict[str, str], package: Path
) -> None:
    """Import a package that has no bytecode and leaves none behind.

    Every child compiles ten modules. Expect 30 to 100 ms above `bare`: the
    compiler's speed. The sources are in the system's cache.
    """
    time_child(import_of(package), "-S", PYTHONDONTWRITEBYTECODE="1", floor="bare")
    assert not bytecode_of(package, child_environment)


def test_benchmark_startup_package_warm(
    time_child: TimeChild, child_environment: dict[str, str], package: Path
) -> None:
    """Import the same package from the bytecode that an earlier import has left.

    Each child looks for eleven files, compares their times with the sources', and
    loads them. Expect 2 to 6 ms above `bare`.
    """
    time_child(import_of(package), "-S", floor="bare")
    assert len(bytecode_of(package, child_environment)) == MODULES + 1


def test_benchmark_startup_package_sourceless(
    time_child: TimeChild, package: Path
) -> None:
    """Import the same package from bytecode alone, its sources removed.

    Expect a little less than `package_warm`: nothing to compare with.
    """
    for source in package.glob("*.py"):
        py_compile.compile(str(source), str(source.with_suffix(".pyc")), doraise=True)
        source.unlink()
    time_child(import_of(package), "-S", floor="bare")


def test_benchmark_startup_package_written(
    time_child: TimeChild, child_environment: dict[str, str], package: Path
) -> None:
    """Import the same package without bytecode, which it leaves behind.

    Before each child the bytecode is removed. Expect `package_cold` and 1 to 3 ms: to
    write eleven files, each under another name first and then renamed.
    """

    def remove() -> None:
        for path in bytecode_of(package, child_environment):
            path.unlink()

    time_child(import_of(package), "-S", before=remove, floor="bare")
    assert len(bytecode_of(package, child_environment)) == MODULES + 1


@pytest.mark.parametrize("mode", ["checked", "unchecked"])
def test_benchmark_startup_package_hashed(
    time_child: TimeChild, child_environment: dict[str, str], package: Path, mode: str
) -> None:
    """Import the same package from bytecode that bears its source's hash (PEP 552).

    `checked`, every source is read and hashed: expect 0.2 to 1 ms above `package_warm`,
    in proportion to the sources. `unchecked`, they are not even looked at: expect
    `package_warm` or a little less.
    """
    modes = {
        "checked": py_compile.PycInvalidationMode.CHECKED_HASH,
        "unchecked": py_compile.PycInvalidationMode.UNCHECKED_HASH,
    }
    write_bytecode(package, child_environment, modes[mode])
    written = {
        path: path.stat().st_mtime_ns
        for path in bytecode_of(package, child_environment)
    }
    time_child(import_of(package), "-S", floor="bare")
    # Whoever finds bytecode unfit writes it anew.
    assert len(written) == MODULES + 1
    assert all(path.stat().st_mtime_ns == time for path, time in written.items())


def test_benchmark_startup_package_zipped(time_child: TimeChild, package: Path) -> None:
    """Import the same package from bytecode in a compressed zip file.

    Expect 1 to 10 ms above `package_warm`: `zipimport` itself, which reads the list of
    files in Python, zlib, and unpacking.
    """
    pytest.importorskip("zlib", reason="n/a: this Python was built without zlib")
    archive = package.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for source in package.glob("*.py"):
            target = source.with_suffix(".pyc")
            py_compile.compile(str(source), str(target), doraise=True)
            packed.write(target, f"generated/{target.name}")
    time_child(
        f"import sys; sys.path.append({str(archive)!r}); import generated",
        "-S",
        floor="bare",
    )


def test_benchmark_startup_package_evicted(
    time_child: TimeChild, child_environment: dict[str, str], package: Path
) -> None:
    """Import the same package from bytecode that has to come from the disk.

    Before each child the system is made to forget the eleven files; folders and the
    sources' times it remembers. Expect `package_warm` and eleven waits for the disk, 1
    to 5 ms on flash, far more on a spinning or a network disk.
    """
    skip_unless_evictable(package.parent)

    def forget() -> None:
        for path in bytecode_of(package, child_environment):
            evict(path)

    time_child(import_of(package), "-S", before=forget, floor="bare")
