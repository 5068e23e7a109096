"""Make ready the environment of the interpreter that runs this; print its Python.

``make`` calls it with the interpreter of PYTHON=, the matrix with each one that it
finds.  Every interpreter has its own folder under ``.venv``, so that none undoes
another's; work is done only where something changed.  Standard library alone: it
runs before anything is installed.

    python scripts/environment.py [--group lint] [--optional host] ...
"""

import argparse
import fcntl
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / ".venv"
STAMP = "pybench-setup.json"
# Exit status where nothing of this tree is wrong: the interpreter lacks something.
CANNOT_BE_USED = 3
# Groups of which each environment has what there are wheels of: what measures more with
# it, the host's side with its commands, the charts of reports. An interpreter that is
# only under test needs the first.
UNDER_TEST = ("wheels",)
WHERE_WHEELS_ARE = (*UNDER_TEST, "host", "charts")
# What the build looks at besides its files; see setup.py.
BUILD_VARIABLES = ("PYBENCH_BUILD", "PYBENCH_MUTANT", "CC", "CFLAGS", "LDFLAGS")


def say(text: str) -> None:
    """Tell progress on stderr: stdout is for the one path."""
    print(f"set-up: {text}", file=sys.stderr, flush=True)


def give_up(text: str, status: int = CANNOT_BE_USED) -> SystemExit:
    """End the set-up with a message for a person, as its last line."""
    say(f"ERROR: {text}")
    return SystemExit(status)


def digest(*parts: object) -> str:
    """Return a short hash of what was decided from."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def environment_name() -> str:
    """Name the folder: readable, and apart for two builds of one version."""
    abi = re.sub(r"[^a-z]", "", sys.abiflags)
    version = platform.python_version() + abi
    where = digest(sys.base_prefix, sys.version)[:6]
    return f"{sys.implementation.name}-{version}-{where}"


def requirements(project: dict[str, object], group: str) -> list[str]:
    """List a PEP 735 group's requirements, with the groups it includes."""
    groups = project["dependency-groups"]
    assert isinstance(groups, dict)
    found: list[str] = []
    for entry in groups[group]:
        if isinstance(entry, str):
            found.append(entry)
        else:
            found += requirements(project, entry["include-group"])
    return found


def run(command: list[str], failed: str, status: int = CANNOT_BE_USED) -> None:
    """Run a quiet step; show all it said when it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        say(f"exit {done.returncode} of {shlex.join(command)}")
        raise give_up(failed, status)


def check_tools() -> None:
    """Stop early, with the remedy, where the extension could not be built."""
    wanted = shlex.split(os.environ.get("CC", ""))[:1] or ["cc", "gcc", "clang"]
    if not any(map(shutil.which, wanted)):
        raise give_up(
            f"no C compiler on PATH ({', '.join(wanted)}). Debian and Ubuntu: apt"
            " install gcc; Fedora: dnf install gcc; macOS: xcode-select --install."
        )
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.is_file():
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-dev"
        raise give_up(
            f"{sys.executable} has no C headers ({header} is missing)."
            f" Debian and Ubuntu: apt install {package}."
        )


def create(folder: Path, uv: str | None) -> None:
    """Make an empty virtual environment."""
    say(f"making {folder.relative_to(ROOT)}")
    if uv:
        line = [uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)]
        run(line, "uv could not make the environment")
        return
    try:
        import ensurepip  # noqa: F401 - Debian packages these two apart
        import venv  # noqa: F401
    except ImportError:
        raise give_up(
            f"{sys.executable} cannot make environments: venv or ensurepip is missing."
            " Debian and Ubuntu: apt install python3-venv. Or install uv, which"
            " needs neither."
        ) from None
    line = [sys.executable, "-m", "venv", "--clear", str(folder)]
    run(line, "python -m venv failed")


def sources() -> Iterator[Path]:
    """Yield what the extension is built from, in a stable order."""
    yield ROOT / "pyproject.toml"
    yield ROOT / "setup.py"
    yield from sorted((ROOT / "src" / "_pybench").glob("*.[ch]"))


def build_key() -> str:
    """Hash all that decides how the extension in this tree comes out."""
    files = [(path.name, path.read_bytes()) for path in sources()]
    variables = [os.environ.get(name, "") for name in BUILD_VARIABLES]
    return digest(files, variables, sys.base_prefix, sys.version)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process after the other do what bears this name."""
    with (STORE / f".lock{name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(groups: list[str], optional: Iterable[str]) -> Path:
    """Bring the environment up to date; return its Python."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folder = STORE / environment_name()
    python = folder / "bin" / "python"
    stamp = folder / STAMP
    # The built module lies beside its sources, one per ABI: shared by environments.
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    module = ROOT / "src" / f"_pybench{suffix}"
    built = STORE / f"built{suffix}.json"

    uv = shutil.which("uv")
    install = (
        [uv, "pip", "install", "-q", "--python", str(python)]
        if uv
        else [
            *(str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"),
            # What is never imported is not compiled: half of the time it takes.
            "--no-compile",
        ]
    )
    # Nothing of others is compiled: on a free-threaded build that takes minutes.
    wheels_only = [*install, "--only-binary", ":all:"]

    done: dict[str, str] = {}
    if stamp.is_file() and python.exists():
        done = json.loads(stamp.read_text())
    else:
        check_tools()
        create(folder, uv)

    basic = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *requirements(project, "test"),
    ]
    wanted = {"basic": basic} | {name: requirements(project, name) for name in groups}
    for name, needs in wanted.items():
        if done.get(name) == digest(needs):
            continue
        say(f"installing {', '.join(needs)}")
        run([*wheels_only, *needs], "pip could not install what pybench needs")
        done[name] = digest(needs)
        stamp.write_text(json.dumps(done))
    for name in dict.fromkeys(optional):
        nice = requirements(project, name)
        if done.get(name) == digest(nice):
            continue
        # All at once is several times as quick; one by one tells which has no wheel.
        if subprocess.run([*wheels_only, *nice], capture_output=True).returncode != 0:
            for need in nice:
                line = [*wheels_only, need]
                if subprocess.run(line, capture_output=True).returncode != 0:
                    say(f"no wheel of {need} for this build: going on without it")
        done[name] = digest(nice)
        stamp.write_text(json.dumps(done))

    key = build_key()
    have = built.read_text() if built.is_file() and module.is_file() else ""
    if have != key or done.get("module") != digest(project):
        check_tools()
        say(f"building {module.relative_to(ROOT)}")
        built.unlink(missing_ok=True)
        # Builds of all interpreters write one egg-info beside the sources.
        with locked("-build"):
            run(
                [*install, "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
                "the extension could not be built; what the compiler said is above",
                status=1,
            )
        # Where a C file lacks its function, the link passes and the import fails.
        run(
            [str(python), "-c", "import _pybench; _pybench.BUILD"],
            "the extension was built but cannot be imported; why is above",
            status=1,
        )
        built.write_text(key)
        done["module"] = digest(project)
        stamp.write_text(json.dumps(done))
    return python


def main() -> None:
    """Parse the command line, hold the lock, print the path."""
    if sys.implementation.name != "cpython":
        raise give_up(f"{sys.executable} is {sys.implementation.name}, not CPython")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--group", action="append", default=[], help="PEP 735 group")
    parser.add_argument(
        "--optional",
        action="append",
        default=[],
        help="PEP 735 group of which each is taken as a wheel or not at all",
    )
    parser.add_argument(
        "--under-test",
        action="store_true",
        help="without the host's side: for an interpreter that others control",
    )
    options = parser.parse_args()
    always = UNDER_TEST if options.under_test else WHERE_WHEELS_ARE
    STORE.mkdir(exist_ok=True)
    # Two makes at once would write one environment, or one module of an ABI.
    with locked(str(sysconfig.get_config_var("EXT_SUFFIX"))):
        print(prepare(options.group, [*always, *options.optional]))


if __name__ == "__main__":
    main()
