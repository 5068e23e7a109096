"""What a comparison begins with: the rows that are selected, its record, its arms."""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from pybench import __version__
from pybench.comparison.judging import plan_of
from pybench.comparison.sessions import Arm
from pybench.comparison.suites import Suite
from pybench.interpreters import Requested
from pybench.interpreters import prepare as preparing
from pybench.interpreters.prepare import Environment
from pybench.records.refs import GitRef
from pybench.records.run import MARGIN, TIME, Run, RunHeader, now


def selection(
    selectors: Sequence[str], *, quick: bool = False, keyword: str | None = None
) -> list[str]:
    """Return the options of pytest that choose the rows."""
    words = [f"--pybench-select={selector}" for selector in selectors]
    words += ["--pybench-quick"] * quick
    return words + [f"-k={keyword}"] * bool(keyword)


def new_run(
    command: Sequence[str],
    suite: Suite,
    *,
    selecting: Sequence[str] = (),
    packages: Sequence[str] = (),
    margin: float = MARGIN,
    pairs: int | None = None,
    seed: int | None = None,
    refs: Sequence[GitRef] = (),
    suite_from: str = "",
    metrics: Sequence[str] = (TIME,),
) -> Run:
    """Begin a record; `PlanError` for a margin or pairs out of range."""
    host, boot = this_host()
    run = Run(
        header=RunHeader(
            version=__version__,
            started=now(),
            command=tuple(command),
            seed=secrets.randbelow(2**31) if seed is None else seed,
            margin=margin,
            pairs=pairs,
            suite=suite.text,
            options=tuple(selecting),
            packages=tuple(packages),
            refs=tuple(refs),
            suite_from=suite_from,
            content=suite.content(),
            host=host,
            boot=boot,
            metrics=tuple(metrics),
        )
    )
    plan_of(run)
    return run


def this_host() -> tuple[str, str]:
    """Return the name of this machine, and what tells it from others of that name.

    A name in `PYBENCH_HOST` is taken as it is. Else two containers of one system are
    one host, and two virtual machines of one image are two.
    """
    if name := os.environ.get("PYBENCH_HOST", "").strip():
        return name, ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    return platform.node() or "unnamed", boot


def prepare_arm(
    requested: Requested,
    packages: Sequence[str],
    suite: Suite,
    *,
    differs: bool = False,
    say: Callable[[str], None] = lambda line: None,
    find_links: Sequence[Path] = (),
) -> tuple[Arm, Environment]:
    """Make the environment of an arm; `PrepareError` if that fails.

    Parameters
    ----------
    packages : sequence of str
        Besides those of the suite.
    differs : bool
        Whether the packages are those by which the arms are to differ.
    say : callable
        Given a line when something that takes long begins.
    find_links : sequence of Path
        Folders of wheels.
    """
    made = preparing.prepare(
        requested.interpreter,
        packages=[*packages, *suite.packages],
        as_it_is=requested.by_path,
        find_links=find_links,
    )
    more = suite.environ(
        requested.interpreter, lambda line: say(f"{requested.name}: {line}")
    )
    arm = Arm(
        name=requested.name,
        python=made.python,
        environ={**session_environ(), **more},
        start=made.start,
        asked=made.asked if differs else (),
    )
    return arm, made


def session_environ() -> dict[str, str]:
    """Return the environment of the sessions: ours, with bytecode written."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
