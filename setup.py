"""Build of the extension `_pybench`; all metadata is in pyproject.toml.

Code generation is pinned: setuptools otherwise takes the flags of the interpreter
it builds for, and two interpreters would be compared by differently made kernels.
``PYBENCH_BUILD`` is the flavour; ``PYBENCH_MUTANT=1`` leaves the operations out.
``PYBENCH_WITHOUT_EXTENSION`` says why there is to be no extension: its rows are n/a.

A wheel has, below ``pybench/_sources``, the suite and what an extension for another
interpreter is compiled from, as they lie in the tree.
"""

import itertools
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

SANITIZED = ["-O1", "-UNDEBUG", "-fno-sanitize-recover=all"]
FLAVOURS = {
    "release": ["-O3", "-DNDEBUG"],
    "debug": ["-O0", "-UNDEBUG"],
    "asan": [*SANITIZED, "-fsanitize=address,undefined"],
    "tsan": [*SANITIZED, "-fsanitize=thread"],
}
# From -fno-strict-overflow on, what interpreters and distributions set differently;
# last, where in a cache line a loop lies, which the code before it would decide.
PINNED = shlex.split("""-std=c11 -g -fPIC -pthread -fvisibility=hidden -Wall -Wextra
    -fno-omit-frame-pointer -fno-strict-overflow -fno-lto -fno-stack-protector
    -U_FORTIFY_SOURCE -falign-functions=64""")
LEAF = "-mno-omit-leaf-frame-pointer"  # not every architecture's compiler has it
# What stays of the interpreter's command: for which target, not how.  Its compiler
# is replaced too ("cc", or CC): one compiler for all interpreters of a comparison.
TARGET = ("-I", "--sysroot=", "--target=", "-mmacosx-version-min=", "-m32", "-m64")
TARGET_PAIRS = {"-arch", "-isysroot", "-isystem", "-target"}

# The suite is not there where an arm's wheel is built: the controller's is measured.
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "src/_pybench/*.[ch]")
SUITE = [f"benchmarks/**/*.{kind}" for kind in ("py", "toml", "txt", "md", "c")]

flavour = os.environ.get("PYBENCH_BUILD") or "release"
if flavour not in FLAVOURS:
    raise SystemExit(f"PYBENCH_BUILD={flavour!r} is not one of {', '.join(FLAVOURS)}")
WITHOUT = os.environ.get("PYBENCH_WITHOUT_EXTENSION", "")
macros: list[tuple[str, str | None]] = [("PB_BUILD_FLAVOUR", f'"{flavour}"')]
if os.environ.get("PYBENCH_MUTANT") == "1":
    macros.append(("PB_MUTANT", "1"))


class PinnedBuild(build_ext):
    """Compile with our flags alone, and tell the module which they were."""

    def build_extensions(self) -> None:
        """Replace the compile command and flags, then build."""
        for name in ("compiler_so", "linker_so"):
            words = list(getattr(self.compiler, name))
            if not os.environ.get("CC") and shutil.which("cc"):
                words = ["cc", *itertools.dropwhile(lambda w: w[0] != "-", words)]
            setattr(self.compiler, name, words)
        rest = iter(self.compiler.compiler_so)
        command = list[str]()
        for word in rest:
            if word in TARGET_PAIRS:
                command += [word, next(rest)]
            elif word.startswith(TARGET) or word[0] != "-":
                command.append(word)
        flags = shlex.split(os.environ.get("CFLAGS", "")) + PINNED + FLAVOURS[flavour]
        probe = [*command, "-Werror", LEAF, "-fsyntax-only", "-x", "c", os.devnull]
        known = shutil.which(command[0]) and subprocess.run(probe, capture_output=True)
        flags += [LEAF] if known and known.returncode == 0 else []
        macros.append(("PB_BUILD_FLAGS", f'"{" ".join(flags)}"'))
        self.compiler.compiler_so = command
        self.extensions[0].extra_compile_args = flags
        super().build_extensions()


class WithSources(build_py):
    """Put the sources and the suite into the package, but where it is editable."""

    def run(self) -> None:
        """Copy the package, then those."""
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib, "pybench")
        # Of an earlier build: rows that are gone would be measured.
        shutil.rmtree(package / "_sources", ignore_errors=True)
        for file in carried():
            target = package / "_sources" / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        if WITHOUT:
            (package / "without_extension.txt").write_text(WITHOUT, encoding="utf-8")

    def get_source_files(self) -> list[str]:
        """Return what a source distribution has to have."""
        return [*super().get_source_files(), *map(str, carried())]


def carried() -> list[Path]:
    """List what a wheel carries besides the package."""
    found = {p for pattern in (*SOURCES, *SUITE) for p in Path().glob(pattern)}
    # Tools leave files in folders of such names.
    return sorted(p for p in found if not any(part[0] == "." for part in p.parts))


extension = Extension(
    "_pybench",
    sources=sorted(str(path) for path in Path("src/_pybench").glob("*.c")),
    depends=sorted(str(path) for path in Path("src/_pybench").glob("*.h")),
    define_macros=macros,
    extra_link_args=["-pthread"]
    + [option for option in FLAVOURS[flavour] if option.startswith("-fsanitize=")],
)
setup(
    cmdclass={"build_ext": PinnedBuild, "build_py": WithSources},
    ext_modules=[] if WITHOUT else [extension],
)
