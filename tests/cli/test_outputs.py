"""What a file that is written may be: there already, a link, a FIFO, a device."""

from __future__ import annotations

import ast
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybench.records import files
from pybench.records.files import check_place, write_file

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(os.name != "posix", reason="links, FIFOs and modes of POSIX"),
]
PACKAGE = Path(files.__file__).parents[1]


@pytest.fixture
def umask() -> Iterator[None]:
    """Keep a new file from everybody else."""
    old = os.umask(0o077)
    yield
    os.umask(old)


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_new_file_has_the_mode_that_the_umask_leaves(
    tmp_path: Path, umask: None
) -> None:
    write_file(tmp_path / "private", b"x")
    os.umask(0o022)
    write_file(tmp_path / "public", b"x")

    assert mode(tmp_path / "private") == 0o600
    assert mode(tmp_path / "public") == 0o644


def test_file_that_is_replaced_keeps_its_mode(tmp_path: Path, umask: None) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o664)
    write_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert mode(path) == 0o664
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("inside", [False, True])
def test_link_stays_and_its_target_is_written(tmp_path: Path, inside: bool) -> None:
    (tmp_path / "other").mkdir()
    target = tmp_path / "other" / "target"
    target.write_bytes(b"old")
    (tmp_path / "next").symlink_to("other/target")
    link = tmp_path / "link"
    link.symlink_to("next")
    write_file(link, b"new", inside=inside)

    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert [*target.parent.iterdir()] == [target]


def test_link_to_nothing_makes_a_file_only_where_one_was_asked_for(
    tmp_path: Path,
) -> None:
    link = tmp_path / "link"
    link.symlink_to("target")
    with pytest.raises(FileNotFoundError, match=r"a link to .*, which does not exist"):
        write_file(link, b"x", inside=True)
    assert not (tmp_path / "target").exists()
    write_file(link, b"x")

    assert (tmp_path / "target").read_bytes() == b"x"
    assert link.is_symlink()


def test_fifo_is_written_through(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    data = bytes(range(256)) * 1024  # more than a pipe holds
    write_file(fifo, data)
    reader.join()

    assert read == [data]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


@pytest.mark.parametrize("name", ["null", "link"])
def test_device_stays_a_device(tmp_path: Path, name: str) -> None:
    path = Path("/dev/null")
    if name == "link":
        path = tmp_path / name
        path.symlink_to("/dev/null")
    assert check_place(path) == ""
    write_file(path, b"x")

    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert path.is_symlink() is (name == "link")


def test_full_device_is_an_error(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("n/a: no /dev/full here")
    with pytest.raises(OSError, match="No space left"):
        write_file(Path("/dev/full"), b"x")


def test_descriptor_is_written_where_it_stands(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("n/a: no /proc here")
    log = tmp_path / "log"
    log.write_bytes(b"before ")
    with log.open("ab", buffering=0) as file:
        write_file(Path(f"/dev/fd/{file.fileno()}"), b"ours ")
        file.write(b"after")

    assert log.read_bytes() == b"before ours after"


def test_failure_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, b"new")

    assert path.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [path]


def test_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_file(path, b"x")

    assert path.read_bytes() == b"x"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (".", "is a folder"),
        ("no/file", "there is no folder"),
        ("n" * 5000, "too long"),
        ("one", "symbolic links"),
    ],
)
def test_places_that_cannot_be_written_are_known_before(
    tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")

    assert why in check_place(tmp_path / name)
    assert check_place(tmp_path / "new") == ""


@pytest.mark.parametrize("part", ["cli", "report", "comparison/selfcheck"])
def test_files_are_written_by_one_function(part: str) -> None:
    """Else a link, a device or the umask would be forgotten again."""
    writers = {"write_text", "write_bytes", "NamedTemporaryFile", "mkstemp", "open"}
    found = {
        f"{path.relative_to(PACKAGE)}:{node.func.attr}"
        for path in (PACKAGE / part).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in writers and ast.unparse(node.func) != "webbrowser.open"
        if "O_RDONLY" not in ast.unparse(node)  # a folder, to lock it
    }
    # A folder, opened to be locked.
    found.discard("cli/run.py:open")

    assert found == set()
