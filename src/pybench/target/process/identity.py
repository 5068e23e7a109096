"""Which interpreter, on how much of which machine: the identity of this process.

Reads the interpreter (`sys`, `sysconfig`), the extension's `BUILD`, the CPU model,
the affinity and the cgroup's CPU quota. Nothing that moves by itself is read: a clock
frequency in here would give every run an identity of its own.
"""

import importlib
import os
import platform
import re
import shlex
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import ModuleType

from pybench.records.documents import DocumentError, parse
from pybench.records.identity import ExtensionBuild, Identity

BUILD_COMMAND = "`make bench` or `pip install -e .`"


def extension() -> ModuleType | None:
    """Return the module `_pybench`, or None if it was not built.

    The folder of its C sources imports as an empty namespace package, hence the look
    at a real attribute.
    """
    try:
        module = importlib.import_module("_pybench")
    except ImportError:
        return None
    return module if getattr(module, "BUILD", None) is not None else None


def extension_left_out() -> str:
    """Say why pybench was installed here without `_pybench`, "" if it was not.

    Where an arm's environment is made and nothing can compile, its wheel says so.
    """
    try:
        path = Path(__file__).parents[2] / "without_extension.txt"
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def extension_missing() -> str:
    """Say in one sentence that `_pybench` is missing, why, and how to build it."""
    try:
        importlib.import_module("_pybench")
    except ImportError as error:
        reason = f"does not import ({error})"
    else:
        reason = "is not built for this interpreter"
    return f"the extension _pybench {reason}; build it with {BUILD_COMMAND}"


def gil_enabled() -> bool:
    """Tell whether the GIL is on now; always on where it cannot be off."""
    ask = getattr(sys, "_is_gil_enabled", None)
    return True if ask is None else bool(ask())


def is_free_threaded() -> bool:
    """Tell whether this is a free-threaded build, whatever its GIL is now."""
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def read_identity() -> Identity:
    """Read the identity of this process."""
    return Identity(
        implementation=platform.python_implementation(),
        version=platform.python_version(),
        soabi=str(sysconfig.get_config_var("SOABI") or sys.implementation.cache_tag),
        build_flags=read_build_flags(),
        free_threaded=is_free_threaded(),
        gil_enabled=gil_enabled(),
        jit=read_jit(),
        extension=read_extension_build(),
        cpu_model=read_cpu_model(),
        machine=platform.machine(),
        system=platform.system(),
        affinity=count_affinity(),
        quota=read_quota(),
        libc=read_libc(),
        cpu_features=read_cpu_features(),
    )


def read_build_flags() -> tuple[str, ...]:
    """Return what `sysconfig` knows of how this interpreter was built."""
    return build_flags(
        config_args=str(sysconfig.get_config_var("CONFIG_ARGS") or ""),
        cflags=str(sysconfig.get_config_var("PY_CORE_CFLAGS") or ""),
        tail_call=bool(sysconfig.get_config_var("Py_TAIL_CALL_INTERP")),
        debug=bool(sysconfig.get_config_var("Py_DEBUG")),
    )


def build_flags(
    *, config_args: str, cflags: str, tail_call: bool, debug: bool
) -> tuple[str, ...]:
    """Name the build options that move numbers: debug, lto, pgo, tail_call.

    A distribution may keep the arguments of ``configure`` without the flags that the
    core was compiled with, or those without the arguments.
    """
    arguments = [word.partition("=") for word in shlex.split(config_args)]
    chosen = {name for name, _, value in arguments if value != "no"}
    options = {
        "debug": debug,
        "lto": "--with-lto" in chosen or "-flto" in cflags,
        "pgo": "--enable-optimizations" in chosen or "-fprofile-use" in cflags,
        "tail_call": tail_call or "--with-tail-call-interp" in chosen,
    }
    return tuple(name for name, present in options.items() if present)


def read_jit() -> str:
    """Return "absent", "off" or "on"; "unknown" before 3.14, which cannot say."""
    jit = getattr(sys, "_jit", None)
    if jit is None:
        return "unknown"
    if not jit.is_available():
        return "absent"
    return "on" if jit.is_enabled() else "off"


def read_extension_build() -> ExtensionBuild | None:
    """Return what `_pybench` was compiled with, None if it was not."""
    module = extension()
    if module is None:
        return None
    try:
        return parse(ExtensionBuild, module.BUILD, "_pybench.BUILD")
    except DocumentError:
        # An extension of another age: it must not share the folder of ours.
        return ExtensionBuild(
            compiler="unknown",
            flags=repr(module.BUILD),
            flavour="unknown",
            free_threaded=is_free_threaded(),
            mutant=False,
        )


def read_cpu_model(proc: Path = Path("/proc")) -> str:
    """Return the CPU's name as the system gives it."""
    try:
        text = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return parse_cpu_model(text) or _darwin_cpu_model() or platform.processor()


def parse_cpu_model(cpuinfo: str) -> str:
    """Find the CPU's name in the text of ``/proc/cpuinfo``; "" if it has none."""
    known: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        known.setdefault(name.strip(), value.strip())
    if "model name" in known:
        return known["model name"]
    # Arm gives numbers for maker and part instead of a name.
    arm = [known.get(f"CPU {word}", "") for word in ("implementer", "part", "variant")]
    return f"implementer {arm[0]} part {arm[1]} variant {arm[2]}" if arm[1] else ""


def read_libc() -> str:
    """Return the C library and its version, "unknown" where it does not say."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or "unknown"
    except (AttributeError, ValueError, OSError):
        return " ".join(filter(None, platform.libc_ver())) or "unknown"


# By these a C library chooses among its routines of one name.
_CHOSEN_BY = frozenset(
    shlex.split("""sse2 ssse3 sse4_1 sse4_2 popcnt avx avx2 avx512f avx512vl avx512bw
    bmi1 bmi2 abm movbe fma erms fsrm rtm asimd sve mops""")
)
# Hides features from the C library of a process.
_TUNABLES = "GLIBC_TUNABLES"


def read_cpu_features(
    proc: Path = Path("/proc"), environ: Mapping[str, str] = os.environ
) -> tuple[str, ...]:
    """Return the CPU's features that routines are chosen by, and what hides some."""
    try:
        text = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ("unknown",)
    known = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    features = sorted(_CHOSEN_BY.intersection(known[1].split() if known else ()))
    hidden = environ.get(_TUNABLES, "")
    return (*(features or ["unknown"]), *[f"{_TUNABLES}={hidden}"] * bool(hidden))


def _darwin_cpu_model() -> str:
    if platform.system() != "Darwin":
        return ""
    from pybench import children

    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    answer = children.run(command, timeout_s=5)
    return "" if answer.problem else answer.stdout.strip()


def count_affinity() -> int:
    """Count the CPUs this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# The files of a limit, by the filesystem of the hierarchy: quota and period.
_LIMIT_FILES = {
    "cgroup2": ("cpu.max",),
    "cgroup": ("cpu.cfs_quota_us", "cpu.cfs_period_us"),
}


def read_quota(root: Path = Path("/")) -> float | None:
    """Read how many CPUs' worth of time the cgroups allow; None if unlimited.

    A limit anywhere between this process's group and the top holds, so the whole
    path is read and the least wins. Below `root` are ``proc`` and ``sys``.
    """
    try:
        groups = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        mounts = (root / "proc/self/mountinfo").read_text(encoding="utf-8")
    except OSError:
        return None
    quotas = []
    for line in groups:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        filesystem = "cgroup" if controllers else "cgroup2"
        for folder in _group_folders(root, mounts, filesystem, path):
            files = [folder / name for name in _LIMIT_FILES[filesystem]]
            quotas.append(_ratio([word for file in files for word in _words(file)]))
    return min((quota for quota in quotas if quota is not None), default=None)


def _group_folders(
    root: Path, mountinfo: str, filesystem: str, path: str
) -> Iterator[Path]:
    """Yield the group's folder and its parents, up to each mount of its hierarchy."""
    group = PurePosixPath(path or "/")
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        place, kind = before.split(), after.split()
        if len(place) < 5 or len(kind) < 3 or kind[0] != filesystem:
            continue
        if filesystem == "cgroup" and "cpu" not in kind[2].split(","):
            continue
        top, mounted = PurePosixPath(place[3]), PurePosixPath(place[4])
        # In a container the mount may begin inside the hierarchy; a group outside of
        # what is mounted shows its limits at the mount's top only.
        is_inside = group.is_relative_to(top)
        inside = group.relative_to(top) if is_inside else PurePosixPath()
        for parent in dict.fromkeys((inside, *inside.parents)):
            yield root / mounted.relative_to("/") / parent


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except OSError:
        return []


def _ratio(words: list[str]) -> float | None:
    """Return quota / period; None for any other words, "max" among them."""
    try:
        quota, period = map(int, words)
        ratio = quota / period
    except (ValueError, ZeroDivisionError):
        return None
    return ratio if ratio > 0 else None


def header_line(identity: Identity, load: tuple[float, ...] | None) -> str:
    """Say in one line what is measured and on how much of a machine."""
    quota = "no quota" if identity.quota is None else f"quota {identity.quota:g}"
    usable = identity.usable_cpus
    build = "free-threaded build" if identity.free_threaded else "GIL build"
    debug = ", debug build" if "debug" in identity.build_flags else ""
    if identity.extension is None:
        native = f"_pybench not built: {BUILD_COMMAND}"
    else:
        mutant = ", MUTANT" if identity.extension.mutant else ""
        native = f"_pybench built ({identity.extension.flavour}{mutant})"
    parts = [
        f"{identity.implementation} {identity.version}, {build}{debug}, "
        f"{identity.gil_state}",
        f"{usable} CPU{'s' if usable != 1 else ''} usable "
        f"(affinity {identity.affinity}, {quota})",
        f"load {load[0]:.2f}" if load else "load unknown",
        native,
    ]
    return "pybench: " + "; ".join(parts)


def read_load() -> tuple[float, ...] | None:
    """Return the load averages, None where the system has none."""
    try:
        return os.getloadavg()
    except (AttributeError, OSError):
        return None
