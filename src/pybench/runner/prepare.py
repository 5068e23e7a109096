"""An environment for each interpreter: pybench, pytest and what is to be compared.

Environments are kept in the user's cache and named after what is in them, so the
second comparison starts at once. The wheel of pybench is built once per ABI, from the
checkout this runs from or from the same version's source package.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pybench.runner.probe import Interpreter

if sys.platform != "win32":
    import fcntl

TIMEOUT_S = 900.0
_BUILD_NEEDS = ("setuptools>=77", "wheel")
_DISTRIBUTION = "pybench-native"


class PrepareError(Exception):
    """An environment that could not be made; with what the tool said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A Python in which the rows can be run."""

    python: Path
    made: bool  # now, rather than found ready


def cache_folder() -> Path:
    """Return where environments and wheels are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "pybench"


def source_folder() -> Path | None:
    """Return the checkout that this is run from, None if it is installed."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "src" / "_pybench" / "module.c").is_file() else None


def prepare(
    interpreter: Interpreter,
    *,
    packages: Sequence[str] = (),
    extras: Sequence[str] = (),
    cache: Path | None = None,
) -> Environment:
    """Make an environment ready, or find it ready.

    Parameters
    ----------
    interpreter : Interpreter
        Its base; where its path is that of a virtual environment, the packages of
        that one can be imported too, behind our own.
    packages : sequence of str
        Requirements or paths of what the suite needs besides.
    extras : sequence of str
        Of pybench itself, such as "numpy".
    cache : Path, optional
        In place of `cache_folder`.

    Raises
    ------
    PrepareError
        Names the interpreter and the step, and ends with what the tool said.
    """
    cache = cache or cache_folder()
    packages = [_absolute(package) for package in packages]
    wheel = _wheel(interpreter, cache)
    behind = _site_packages_behind(interpreter)
    key = _digest(
        wheel.name, wheel.parent.name, packages, extras, behind,
        [_content(package) for package in packages],
    )  # fmt: skip
    folder = cache / "environments" / f"{interpreter.label}-{_short(interpreter)}-{key}"
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if ready.exists() and python.exists():
        return Environment(python=python, made=False)
    with _lock(folder):
        if ready.exists() and python.exists():
            return Environment(python=python, made=False)
        _create(interpreter, folder)
        suffix = f"[{','.join(extras)}]" if extras else ""
        install = _installer(python)
        _run(
            [*install, f"{_DISTRIBUTION}{suffix} @ {wheel.as_uri()}", *packages],
            f"{interpreter.label}: installing pybench"
            + (f" and {', '.join(packages)}" if packages else ""),
        )
        # Used where there is a wheel, compiled nowhere.
        with contextlib.suppress(PrepareError):
            _run([*install, "--only-binary", ":all:", "psutil>=6"], "psutil")
        if behind:
            _add_behind(python, behind)
        ready.touch()
    return Environment(python=python, made=True)


def _absolute(package: str) -> str:
    """Return a requirement, or the absolute path it is."""
    path = Path(package).expanduser()
    is_path = package.startswith((".", "~")) or os.sep in package
    if not is_path or "://" in package:
        return package
    if not path.exists():
        raise PrepareError(f"{package}: no such file or folder to install")
    return str(path.resolve())


def _content(package: str) -> str:
    """Return what a path holds now: an edited checkout is another environment."""
    path = Path(package)
    if not path.is_absolute():
        return ""
    if path.is_file():
        return _digest(path.read_bytes())
    known = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        skipped = any(p.startswith(".") or p in _NO_SOURCES for p in parts)
        if not skipped and file.is_file():
            known.update(str(file.relative_to(path)).encode())
            known.update(file.read_bytes())
    return known.hexdigest()[:16]


_NO_SOURCES = {"build", "dist", "__pycache__", "node_modules"}


def _wheel(interpreter: Interpreter, cache: Path) -> Path:
    """Build the wheel of pybench for an ABI, or return the one that is there."""
    source = source_folder()
    if source is None:
        wanted = f"{_DISTRIBUTION}=={metadata.version(_DISTRIBUTION)}"
        key = _digest(wanted)
    else:
        wanted = str(source)
        key = _digest(
            [(p.name, p.read_bytes()) for p in _sources(source)],
            os.environ.get("CC"), os.environ.get("CFLAGS"),
        )  # fmt: skip
    folder = cache / "wheels" / f"{interpreter.soabi or interpreter.kind}-{key}"
    with _lock(folder):
        built = sorted(folder.glob("*.whl"))
        if built:
            return built[0]
        builder = cache / "builders" / f"{interpreter.label}-{_short(interpreter)}"
        python = builder / "bin" / "python"
        if not (builder / "ready").exists():
            _create(interpreter, builder)
            line = [*_installer(python), *_BUILD_NEEDS]
            _run(line, f"{interpreter.label}: installing what builds wheels")
            (builder / "ready").touch()
        if source is not None:
            wanted = str(_copy(source, folder / "source"))
        tool = [str(python), "-m", "pip", "wheel", "-q", "--no-deps"]
        if not _has_pip(python):
            _run([*_installer(python), "pip"], f"{interpreter.label}: installing pip")
        try:
            _run(
                [*tool, "--no-build-isolation", "-w", str(folder), wanted],
                f"{interpreter.label}: building the extension",
            )
        finally:
            shutil.rmtree(folder / "source", ignore_errors=True)
        return next(iter(folder.glob("*.whl")))


def _sources(root: Path) -> list[Path]:
    files = [root / name for name in ("pyproject.toml", "setup.py")]
    for pattern in ("src/_pybench/*.[ch]", "src/pybench/**/*.py", "src/*.pyi"):
        files += sorted(root.glob(pattern))
    return files


def _copy(root: Path, to: Path) -> Path:
    """Copy what a build reads: building in the checkout would leave things in it."""
    shutil.rmtree(to, ignore_errors=True)
    names = ("README.md", "LICENSE", "src/pybench/py.typed")
    for file in [*_sources(root), *(root / name for name in names)]:
        target = to / file.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    return to


def _create(interpreter: Interpreter, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    base = str(interpreter.path)
    uv = shutil.which("uv")
    if uv:
        line = [uv, "venv", "-q", "--no-project", "--python", base, str(folder)]
    else:
        line = [base, "-m", "venv", str(folder)]
    _run(line, f"{interpreter.label}: making an environment")


def _installer(python: Path) -> list[str]:
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "-q", "--python", str(python)]
    return [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]


def _has_pip(python: Path) -> bool:
    line = [str(python), "-c", "import pip"]
    return subprocess.run(line, capture_output=True).returncode == 0


def _site_packages_behind(interpreter: Interpreter) -> str:
    """Return the packages of the virtual environment that was asked for, if one."""
    config = interpreter.path.parent.parent / "pyvenv.cfg"
    if not config.is_file():
        return ""
    line = [
        str(interpreter.path),
        "-c",
        "import sysconfig; print(sysconfig.get_path('platlib'))",
    ]
    done = subprocess.run(line, capture_output=True, text=True)
    return done.stdout.strip()


def _add_behind(python: Path, behind: str) -> None:
    """Append a folder to sys.path; its .pth files count, as editable installs need."""
    line = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    path = Path(done.stdout.strip()) / "zz_pybench_behind.pth"
    path.write_text(f"import site; site.addsitedir({behind!r})\n")


def _run(command: Sequence[str], step: str) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise PrepareError(f"{step}: not done after {TIMEOUT_S:g} s") from None
    except OSError as error:
        raise PrepareError(f"{step}: {error}") from None
    if done.returncode != 0:
        raise PrepareError(f"{step} failed:\n{_telling(done.stdout)}")


def _telling(output: str) -> str:
    """Return the lines that say why: the compiler's errors, else the last ones."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\b(error|ERROR)\b", line)]
    shown = (errors or lines)[:15] if errors else lines[-15:]
    return "\n".join(f"    {line[:200]}" for line in shown)


def _short(interpreter: Interpreter) -> str:
    return _digest(str(interpreter.path), interpreter.version, interpreter.soabi)[:6]


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Keep two runs from making one folder at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
