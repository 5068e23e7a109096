"""Writes a file that somebody asked for: a regular one whole, or not at all.

What is no regular file, such as a device or a FIFO, is written through, and of a link
its target is written. Both planes use this, and it imports only the standard library.
"""

import contextlib
import errno
import json
import math
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

# As many as Linux follows.
_MOST_LINKS = 40


def lock_file(descriptor: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Lock a file until its descriptor is closed; False if another process holds it.

    A system or a file system without locks lets everybody have it.
    """
    try:
        if fcntl is not None:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def write_file(path: Path, data: bytes, *, inside: bool = False) -> None:
    """Write a file; until all of it is there, an older one stays.

    A new file's mode follows the umask, a file that is replaced keeps its own.

    Parameters
    ----------
    path : Path
        A regular file or none, a link to one, or what takes bytes: a device, a FIFO.
    data : bytes
        All of its content.
    inside : bool
        Whether it belongs to a folder of ours, such as that of a run. A link there that
        leads to nothing makes no new file elsewhere.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    target = target_of(path)
    try:
        there: os.stat_result | None = target.stat()
    except FileNotFoundError:
        there = None
    if there is None and inside and target != path:
        raise OSError(errno.ENOENT, f"a link to {target}, which does not exist")
    if (there is not None and not stat.S_ISREG(there.st_mode)) or _is_descriptor(
        target
    ):
        _write_through(target, data)
    else:
        _replace(target, data, there)


def check_place(path: Path) -> str:
    """Say why a file cannot be written there; empty if it can, as far as one sees."""
    try:
        target = target_of(path)
        mode = _mode_of(target)
    except OSError as error:
        return error.strerror or str(error)
    if stat.S_ISDIR(mode):
        return "is a folder: name a file in it"
    if (mode and not stat.S_ISREG(mode)) or _is_descriptor(target):
        return "" if os.access(target, os.W_OK) else "it cannot be written to"
    folder = target.parent
    if not folder.is_dir():
        return f"there is no folder {folder}"
    if not os.access(folder, os.W_OK):
        return f"nothing can be written into the folder {folder}"
    return ""


def _mode_of(path: Path) -> int:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0


def target_of(path: Path) -> Path:
    """Return where links lead; a path that is none is returned as it is.

    A descriptor of a process, such as ``/dev/stdout``, is where it ends: its file has
    been opened by somebody who would not see a new one.
    """
    target = path
    for _ in range(_MOST_LINKS):
        if _is_descriptor(target) or not target.is_symlink():
            return target
        target = target.parent / target.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _is_descriptor(path: Path) -> bool:
    folder = os.path.realpath(path.parent)
    return folder.startswith("/proc/") and folder.endswith("/fd")


def _write_through(target: Path, data: bytes) -> None:
    if os.path.realpath(target.parent) == f"/proc/{os.getpid()}/fd":
        # Not opened again: a file would be written from its beginning.
        descriptor = os.dup(int(target.name))
    else:
        descriptor = os.open(target, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]


def _replace(target: Path, data: bytes, there: os.stat_result | None) -> None:
    fresh = target.parent / f".pybench-{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(fresh, flags, 0o666)
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.write(data)
        if there is not None:
            with contextlib.suppress(PermissionError):
                os.chown(fresh, there.st_uid, there.st_gid)
            fresh.chmod(stat.S_IMODE(there.st_mode))
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def json_text(document: Any) -> str:
    """Return the text of a document, as every record is saved."""
    return json.dumps(finite(document), indent=1, allow_nan=False) + "\n"


def finite(value: Any) -> Any:
    """Return a document with null for what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value
