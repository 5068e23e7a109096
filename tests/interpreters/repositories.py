"""Small repositories of git, each with a package that builds itself without network."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# A build backend in the tree: one that pip would have to fetch needs a network.
BACKEND = """
import pathlib, subprocess, sys, sysconfig, zipfile

def build_wheel(folder, settings=None, metadata=None):
    here = pathlib.Path.cwd()
    files = sorted(here.glob("small/**/*.py"))
    if list(here.glob("*.c")):
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        target = here / ("small_c" + suffix)
        line = ["cc", "-shared", "-fPIC", "-I", sysconfig.get_path("include")]
        line += ["small_c.c", "-o", str(target)]
        done = subprocess.run(line, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        files.append(target)
    name = "small-1.0-py3-none-any.whl"
    info = "small-1.0.dist-info/"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        for file in files:
            wheel.write(file, str(file.relative_to(here)))
        lines = ["Metadata-Version: 2.1", "Name: small", "Version: 1.0"]
        wheel.writestr(info + "METADATA", "\\n".join(lines))
        lines = ["Wheel-Version: 1.0", "Root-Is-Purelib: true", "Tag: py3-none-any"]
        wheel.writestr(info + "WHEEL", "\\n".join(lines))
        lines = [str(file.relative_to(here)) + ",," for file in files]
        wheel.writestr(info + "RECORD", "\\n".join(lines))
    return name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "small"
version = "1.0"
"""
MODULE = "def work():\n    return sum(range({}))\n"
SUITE = """
import small

def test_work(benchmark):
    benchmark(small.work)
"""


def git(folder: Path, *words: str) -> str:
    """Run git as somebody whose settings play no part."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environ |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }
    line = ["git", "-c", "protocol.file.allow=always", "-C", str(folder), *words]
    return subprocess.run(
        line, env=environ, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(folder: Path, message: str) -> str:
    """Commit all that there is; return the commit."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message, "--no-gpg-sign")
    return git(folder, "rev-parse", "HEAD")


def make(folder: Path) -> tuple[str, str]:
    """Make a package of flat layout with two commits: `old`, a tag, and `main`."""
    (folder / "small").mkdir(parents=True)
    (folder / "benchmarks").mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "small" / "__init__.py").write_text(MODULE.format(200))
    (folder / "benchmarks" / "test_small.py").write_text(SUITE)
    old = commit(folder, "old")
    git(folder, "tag", "old")
    (folder / "small" / "__init__.py").write_text(MODULE.format(300))
    return old, commit(folder, "new")
